"""A simulated insurer: months of ordinary access, with insiders and benign twins among it."""

from detector.simulation.config import SimulationConfig, SimulationError
from detector.simulation.simulate import Manifest, simulate

__all__ = ["Manifest", "SimulationConfig", "SimulationError", "simulate"]
