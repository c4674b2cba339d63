"""Bundles for backtests: one whose learner says much, and one that says nothing."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from detector.learned import LEARNABLE
from models.bundles import LearnerFacts, dumped
from tests.detector.bundling import Signer, signer_in

COLUMNS = tuple(name for name in LEARNABLE if name.startswith("today_"))[:6]


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def forest(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with ten trees over random days."""
    rng = np.random.default_rng(5)
    fitted = IsolationForest(n_estimators=10, random_state=1).fit(rng.exponential(1.0, (256, len(COLUMNS))))
    shares = np.linspace(0.0, 0.99, 34)
    scores = np.quantile(-fitted.score_samples(rng.exponential(1.0, (1_000, len(COLUMNS)))), shares)
    facts = LearnerFacts(
        name="forest",
        kind="anomaly",
        features=COLUMNS,
        file="forest.skops",
        scores=tuple(scores.tolist()),
        nats=tuple((-np.log(1.0 - shares)).tolist()),
        limit=8.0,
    )
    path = tmp_path_factory.mktemp("bundles") / "forest.bundle"
    path.write_bytes(signer.seal("forest-1", {"forest.skops": dumped(fitted)}, learners=(facts,)))
    return path


@pytest.fixture(scope="session")
def plain(signer: Signer, forest: Path) -> Path:
    """A bundle without learners and priors: it judges as the online models alone do."""
    path = forest.with_name("plain.bundle")
    path.write_bytes(signer.seal("plain-1"))
    return path
