"""Batch retraining: exported days in, a bundle out. What is named here is for programs and notebooks of others."""

from detector.learned import LEARNABLE
from detector.training.custom import OURS, Custom
from detector.training.workbench import Workbench

__all__ = ["LEARNABLE", "OURS", "Custom", "Workbench"]
