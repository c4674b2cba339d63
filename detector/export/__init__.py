"""Data out: what a log's shards saw, judged and told, as Parquet tables for those who train and study."""
