"""Batch retraining: exported days in, a bundle out."""
