"""A small insurer, its days exported once, and a key to sign with."""

from pathlib import Path

import pytest

from detector.config import Config
from detector.export.job import Order
from detector.simulation import SimulationConfig, simulate
from models.bundles import write_key
from tests.detector.export.out import export
from tests.detector.small import SmallLog

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
