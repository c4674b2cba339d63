import numpy as np
import pytest

from models import contract
from models.errors import InputError


def test_indices_accept_any_whole_numbers_and_an_empty_list() -> None:
    assert contract.indices("rows", np.array([1, 2], dtype=np.uint16), 3).dtype == np.int64
    assert contract.indices("rows", [], 0).shape == (0,)


@pytest.mark.parametrize("rows", [[-1], [3], [0.5], [[1]]])
def test_indices_refuse_what_is_outside_or_not_whole(rows: list[object]) -> None:
    with pytest.raises(InputError, match="rows"):
        contract.indices("rows", rows, 3)  # type: ignore[arg-type]


def test_keys_refuse_another_number_of_groups_than_of_rows() -> None:
    with pytest.raises(InputError, match="one group to each row"):
        contract.keys([0, 1], [0], 3, 3)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_counts_refuse_negative_missing_and_infinite_values(bad: float) -> None:
    with pytest.raises(InputError, match="negative, infinite or missing"):
        contract.counts("values", [[bad]], (1, 1))


def test_counts_refuse_another_shape() -> None:
    with pytest.raises(InputError, match="give \\(1, 2\\)"):
        contract.counts("values", [[1.0]], (1, 2))


def test_a_row_named_twice_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="row 4 twice"):
        contract.unique("rows", np.array([4, 1, 4]))
    contract.unique("rows", np.array([4, 1]))


@pytest.mark.parametrize("value", [0, -2, np.nan, np.inf])
def test_positive_refuses_what_is_not_a_finite_number_above_zero(value: float) -> None:
    with pytest.raises(InputError, match="half_life"):
        contract.positive("half_life", value)


@pytest.mark.parametrize("features", [[], ["a", "a"]])
def test_features_are_named_once(features: list[str]) -> None:
    with pytest.raises(InputError, match="features"):
        contract.names(features)


def test_extended_never_shortens() -> None:
    array = np.ones((3, 2), dtype=np.float32)
    assert contract.extended(array, 2) is array
    longer = contract.extended(array, 5)
    assert longer.dtype == np.float32
    assert longer.sum() == 6
