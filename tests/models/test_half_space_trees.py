import functools

import numpy as np
import pytest
from river import anomaly

from models.errors import InputError, SnapshotError
from models.half_space_trees import HalfSpaceTrees

FEATURES = [f"f{i:02}" for i in range(12)]


def stream() -> np.ndarray:
    return np.random.default_rng(5).beta(2.0, 5.0, (1_300, len(FEATURES)))


@functools.cache
def rivers_scores(n_trees: int, height: int, window_size: int) -> bytes:
    river = anomaly.HalfSpaceTrees(n_trees=n_trees, height=height, window_size=window_size, seed=7)
    scores = []
    for row in stream():
        x = dict(zip(FEATURES, row.tolist(), strict=True))
        scores.append(float(river.score_one(x)))
        river.learn_one(x)
    return np.array(scores).tobytes()


@pytest.mark.parametrize("batch", [1, 64, 512])
@pytest.mark.parametrize("shape", [(10, 8, 250), (25, 6, 100)])
def test_scores_equal_rivers_to_the_bit(shape: tuple[int, int, int], batch: int) -> None:
    model, values, scores, at = HalfSpaceTrees(FEATURES, *shape, seed=7), stream(), [], 0
    while at < len(values):
        piece = values[at : at + min(batch, model.left_in_window)]
        scores.append(model.score_many(piece))
        model.learn_many(piece)
        at += len(piece)
    assert np.concatenate(scores).tobytes() == rivers_scores(*shape)


def test_limits_are_rivers_limits() -> None:
    limits = {"a": (-3.0, 3.0), "b": (0.0, 100.0)}
    ours = HalfSpaceTrees(["b", "a"], 5, 4, 50, limits=limits, seed=2)
    rivers = anomaly.HalfSpaceTrees(n_trees=5, height=4, window_size=50, limits=limits, seed=2)
    for a, b in np.random.default_rng(1).normal([0.0, 50.0], [1.0, 15.0], (120, 2)):
        x = {"a": a, "b": b}
        assert ours.score_one(x) == rivers.score_one(x)
        ours.learn_one(x)
        rivers.learn_one(x)


def test_the_window_counts_down() -> None:
    model = HalfSpaceTrees(["x"], window_size=3)
    seen = []
    for _ in range(4):
        seen.append(model.left_in_window)
        model.learn_one({"x": 0.5})
    assert seen == [3, 2, 1, 3]


@pytest.mark.parametrize("change", [{"seed": 4}, {"limits": {"x": (0.0, 2.0)}}])
def test_a_snapshot_of_other_trees_is_refused(change: dict[str, object]) -> None:
    state = HalfSpaceTrees(["x"], seed=3).snapshot()
    with pytest.raises(SnapshotError, match="same seed"):
        HalfSpaceTrees(["x"], **{"seed": 3, **change}).restore(state)  # type: ignore[arg-type]


def test_a_tree_too_high_is_refused() -> None:
    with pytest.raises(InputError, match="height"):
        HalfSpaceTrees(["x"], height=16)
