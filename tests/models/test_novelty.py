import numpy as np
import pytest

from models.errors import InputError
from models.novelty import Novelty


def hashed(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@pytest.fixture
def office() -> Novelty:
    """Rows 0-9 in group 0 use 1, rows 10-19 in group 1 use 2, row 0 also 3, everybody 4; row 20 is new."""
    model = Novelty(bits=14, peer_bits=12)
    model.grow(21, 3)
    for _ in range(20):
        for row in range(20):
            own = [1 + row // 10, 4] + ([3] if row == 0 else [])
            model.learn_many([row] * len(own), [row // 10] * len(own), hashed(*own))
    return model


def p(model: Novelty, row: int, group: int, value: int) -> float:
    return model.score_one(row, group, int(hashed(value)[0]))


def test_surprise_grows_from_own_to_peers_to_organisation_to_never_seen(office: Novelty) -> None:
    own, peers, org, never = (p(office, *place) for place in ((0, 0, 3), (1, 0, 3), (11, 1, 3), (11, 1, 99)))
    assert own > 0.9
    assert own > 10 * peers > 10 * org > 10 * never > 0


def test_a_newcomer_doing_as_peers_do_is_unremarkable(office: Novelty) -> None:
    assert p(office, 20, 0, 1) > 0.9
    assert p(office, 20, 0, 2) < 0.1
    assert p(office, 20, 2, 4) > 0.9, "a new group leans on the organisation"


def test_what_was_not_repeated_fades(office: Novelty) -> None:
    before = p(office, 0, 0, 3)
    for _ in range(200):
        for row in range(20):
            office.learn_many([row], [row // 10], hashed(4))
    assert p(office, 0, 0, 3) < before / 20


def test_a_lighter_weight_teaches_less() -> None:
    full, light = (Novelty(bits=10, peer_bits=10) for _ in range(2))
    for model, weights in ((full, None), (light, [0.1])):
        model.grow(1, 1)
        model.learn_many([0], [0], hashed(5), weights)
    assert p(light, 0, 0, 5) < p(full, 0, 0, 5)


def test_seen_says_whether_the_row_itself_was_there_lately(office: Novelty) -> None:
    assert office.seen_many([0, 1, 10, 20], hashed(3, 3, 2, 4)).tolist() == [True, False, True, False]


def test_days_count_calls_and_not_values(office: Novelty) -> None:
    assert office.days_many([0, 1, 20]).tolist() == [20.0, 20.0, 0.0]


def test_many_rows_share_the_table_with_few_false_acquaintances() -> None:
    model = Novelty(bits=16, peer_bits=12)
    model.grow(1_000, 1)
    rows, rng = np.repeat(np.arange(1_000), 10), np.random.default_rng(1)
    model.learn_many(rows, 0 * rows, rng.integers(0, 2**63, rows.size).astype(np.uint64))
    fresh = rng.integers(0, 2**63, rows.size).astype(np.uint64)
    assert (model.score_many(rows, 0 * rows, fresh) > 0.1).mean() < 0.03


def test_values_that_are_not_hashes_are_refused(office: Novelty) -> None:
    with pytest.raises(InputError, match="uint64"):
        office.score_many([0], [0], np.array([1]))  # type: ignore[arg-type]
