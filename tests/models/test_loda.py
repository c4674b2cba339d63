import numpy as np
import pytest

from models.errors import SnapshotError
from models.loda import Loda

FEATURES = [f"f{i}" for i in range(9)]


def test_outliers_rank_above_the_crowd() -> None:
    rng, model = np.random.default_rng(1), Loda(FEATURES)
    for _ in range(10):
        model.learn_many(rng.normal(size=(500, 9)))
    crowd = model.score_many(rng.normal(size=(2_000, 9)))
    odd = model.score_many(rng.normal(size=(200, 9)) * 3.0)
    assert (odd[:, None] > crowd).mean() > 0.95


def test_each_projection_has_unit_length_over_about_the_root_of_the_features() -> None:
    model = Loda(FEATURES)
    assert model._weights.shape == (3, 100)
    assert (model._weights**2).sum(axis=0) == pytest.approx(np.ones(100))
    assert all(len(set(chosen)) == 3 for chosen in model._chosen.T.tolist())


def test_it_forgets_an_old_normal() -> None:
    rng, model = np.random.default_rng(1), Loda(FEATURES, half_life=200)
    model.learn_many(rng.normal(-3.0, 0.5, (1_000, 9)))
    before = model.score_many(np.full((1, 9), -3.0))[0]
    for _ in range(4):
        model.learn_many(rng.normal(3.0, 0.5, (1_000, 9)))
    assert model.score_many(np.full((1, 9), -3.0))[0] > before + 2.0


def test_another_seed_gives_other_projections_and_its_snapshot_is_refused() -> None:
    with pytest.raises(SnapshotError, match="same seed"):
        Loda(FEATURES, seed=1).restore(Loda(FEATURES, seed=2).snapshot())
    with pytest.raises(SnapshotError, match="reach"):
        Loda(FEATURES, seed=1).restore(Loda(FEATURES, seed=1, reach=4.0).snapshot())
