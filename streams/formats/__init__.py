"""Formats: from bytes to AccessEvents."""
