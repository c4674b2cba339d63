import numpy as np
import pytest

from models.errors import SnapshotError
from models.state import packed, under, unpacked, within

LIKE = {"a.rows[]": np.zeros((2, 3)), "a.n[]": np.zeros(2), "b": np.zeros(4, dtype=np.int64)}


def test_growing_arrays_may_have_another_length_together() -> None:
    state = packed("s/1", {"a.rows[]": np.ones((5, 3)), "a.n[]": np.ones(5), "b": np.arange(4)})
    assert unpacked("s/1", state, LIKE)["a.rows[]"].shape == (5, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"a.n[]": np.ones(4)},
        {"a.rows[]": np.ones((5, 2))},
        {"a.rows[]": np.array(1.0)},
        {"b": np.arange(5)},
        {"b": np.ones(4)},
    ],
)
def test_any_other_shape_or_dtype_is_refused(change: dict[str, np.ndarray]) -> None:
    state = packed("s/1", {"a.rows[]": np.ones((5, 3)), "a.n[]": np.ones(5), "b": np.arange(4)})
    with pytest.raises(SnapshotError, match="same configuration"):
        unpacked("s/1", state | change, LIKE)


def test_another_schema_is_refused_in_words() -> None:
    with pytest.raises(SnapshotError, match=r"'s/2'.*'s/1'"):
        unpacked("s/1", packed("s/2", {}), LIKE)


def test_within_takes_back_what_under_put_there() -> None:
    assert list(within("x", under("x", {"a.b": np.zeros(1)}) | {"y.a": np.zeros(1)})) == ["a.b"]
