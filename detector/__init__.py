"""Wires the three rooms: columns, profiles, detections, risk, the engine of a shard, and the command line."""
