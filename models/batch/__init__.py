"""Learners fitted in batch on exported days, and the scale on which their answers are nats."""

from models.batch.fitted import Fitted
from models.batch.forest import fit_forest
from models.batch.groups import split_groups
from models.batch.ranker import Examples, Validation, fit_ranker, halves, validated

__all__ = [
    "Examples", "Fitted", "Validation", "fit_forest", "fit_ranker", "halves", "split_groups", "validated",
]  # fmt: skip
