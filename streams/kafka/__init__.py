"""Kafka, through kafka-python. Imported where it is used: the client takes a seventh of a second to load."""

from streams.kafka.client import KafkaConfig
from streams.kafka.group import KafkaGroup, Owner
from streams.kafka.letters import LetterTopic, LetterWriter
from streams.kafka.partition import KafkaPartition, count_partitions
from streams.kafka.table import Entry, read_table
from streams.kafka.writer import TopicWriter

__all__ = [
    "Entry",
    "KafkaConfig",
    "KafkaGroup",
    "KafkaPartition",
    "LetterTopic",
    "LetterWriter",
    "Owner",
    "TopicWriter",
    "count_partitions",
    "read_table",
]
