"""Kafka, through kafka-python. Imported where it is used: the client takes a seventh of a second to load."""

from streams.kafka.client import KafkaConfig
from streams.kafka.letters import LetterTopic, LetterWriter
from streams.kafka.partition import KafkaPartition

__all__ = ["KafkaConfig", "KafkaPartition", "LetterTopic", "LetterWriter"]
