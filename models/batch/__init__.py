"""Learners fitted in batch on exported days, and the scale on which their answers are nats."""

from models.batch.fitted import Fitted
from models.batch.forest import fit_forest
from models.batch.groups import split_groups
from models.batch.ranker import HELD_OUT, Examples, Validation, fit_ranker, validated

__all__ = ["HELD_OUT", "Examples", "Fitted", "Validation", "fit_forest", "fit_ranker", "split_groups", "validated"]
