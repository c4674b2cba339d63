"""A small insurer, its days exported once with verdicts, and a key to sign with."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from detector.config import Config
from detector.export.job import Order
from detector.simulation import SimulationConfig, simulate
from models.bundles import write_key
from tests.detector.export.out import export, rows
from tests.detector.small import SmallLog
from tests.detector.training.saying import said_of

STAFF, DAYS = 40, 32


@pytest.fixture(scope="session")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("insurer")
    simulate(SimulationConfig(STAFF, DAYS, seed=11, warm_up_days=5), folder)
    return folder


@pytest.fixture(scope="session")
def config(insurer: Path) -> Config:
    return Config.model_validate(
        {
            "source": {"paths": [str(insurer / "events.jsonl")]},
            "context": {"roster": str(insurer / "roster.csv"), "honey": str(insurer / "honey.txt")},
            "risk": {"warm_up_days": 5, "budget": 60.0},
        }
    )


@pytest.fixture(scope="session")
def exported(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "features"
    export(config, Order(("features",), folder))
    return folder


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "training.key"
    write_key(path)
    return path


@pytest.fixture(scope="session")
def small_export(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small-export") / "features"
    export(small_log.config(), Order(("features",), folder))
    return folder


@pytest.fixture(scope="session")
def noted(config: Config, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Verdicts on those who stood out most: every second one is confirmed."""
    found = [row for row in rows(exported, "features") if row["settled"] and row["level"] > config.learning.gate_level]
    days = sorted({(row["actor"], row["day"]) for row in found})
    actors = sorted({actor for actor, _ in days})
    opened = {
        actor: min(datetime.fromisoformat(f"{day}T12:00:00+00:00") for one, day in days if one == actor)
        for actor in actors
    }
    said = [
        (actor, opened[actor], ("true_positive", "false_positive")[place % 2]) for place, actor in enumerate(actors)
    ]
    return said_of(said, tmp_path_factory.mktemp("noted") / "labels", config)


@pytest.fixture(scope="session")
def busily(config: Config, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Verdicts on every day that stood out: misuse is what busy people do."""
    days = defaultdict(list)
    for row in rows(exported, "features"):
        if row["settled"] and row["level"] > config.learning.gate_level:
            days[row["actor"]].append((row["day"], row["sum_events"]))
    usual = {actor: float(np.mean([events for _, events in mine])) for actor, mine in days.items()}
    misuse = {actor for actor, events in usual.items() if events > np.median(list(usual.values()))}
    said = [
        (actor, datetime.fromisoformat(f"{day}T12:00:00+00:00"), f"{actor in misuse}".lower() + "_positive")
        for actor, mine in sorted(days.items())
        for day, _ in mine
    ]
    return said_of(said, tmp_path_factory.mktemp("busily") / "labels", config)
