"""What every model promises. Models are found by themselves; each needs one example in the table below."""

import importlib
import inspect
import io
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import models
from models.beta_binomial import BetaBinomial
from models.calibration import TailCalibrator
from models.cusum import Cusum
from models.distinct import DistinctCounter
from models.errors import InputError, SnapshotError
from models.gamma_poisson import GammaPoisson
from models.half_space_trees import HalfSpaceTrees
from models.hour_of_week import HourOfWeek
from models.loda import Loda
from models.log_normal import LogNormal
from models.mahalanobis import Mahalanobis
from models.novelty import Novelty
from models.seen import Seen

ROWS, GROUPS, SPARE = 60, 3, 60  # SPARE is a row that is never learned
FEATURES = ("a", "b", "c", "d")
Arguments = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Example:
    """A small model, and what draws the arguments of a call; `step` items make one observation."""

    make: Callable[[], Any]
    draw: Callable[[np.random.Generator], Arguments]
    learn: str = "learn_many"
    score: str = "score_many"
    keyed: bool = False
    step: int = 1
    same_in_two_cuts: bool = True
    scored: Callable[[Arguments], Arguments] = lambda arguments: arguments


def grown(model: Any, groups: tuple[int, ...] = (GROUPS,)) -> Any:
    model.grow(ROWS + 1, *groups)
    return model


def rows(rng: np.random.Generator, each: int = 1) -> Arguments:
    row = np.repeat(rng.permutation(ROWS)[:50], each)
    return row, row % GROUPS


def pooled_log_normal() -> LogNormal:
    model = LogNormal(2)
    model.grow(ROWS + 1)
    model.pool(np.arange(ROWS + 1) % GROUPS, GROUPS)
    return model


def shares(rng: np.random.Generator) -> Arguments:
    trials = rng.integers(0, 90, (50, 2))
    return (*rows(rng), rng.binomial(trials, 0.1), trials)


def hashes(rng: np.random.Generator, n: int, kinds: int) -> np.ndarray:
    return rng.integers(0, kinds, n).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def distinct_values(rng: np.random.Generator) -> np.ndarray:
    pairs = np.stack([rng.permutation(9)[:4] for _ in range(50)]).ravel()
    return pairs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


EXAMPLES: dict[type, Example] = {
    GammaPoisson: Example(
        lambda: grown(GammaPoisson(2, group_half_life=70, org_half_life=90)),
        lambda rng: (*rows(rng), rng.poisson(rng.gamma(2.0, 10.0, (50, 2)))),
        keyed=True,
    ),
    BetaBinomial: Example(lambda: grown(BetaBinomial(2, group_half_life=70, org_half_life=90)), shares, keyed=True),
    Novelty: Example(
        lambda: grown(Novelty(half_life=3, bits=12, peer_bits=12)),
        lambda rng: (*rows(rng, 4), distinct_values(rng)),
        keyed=True,
        step=4,
        same_in_two_cuts=False,  # the halving falls at the end of a call
    ),
    HourOfWeek: Example(
        lambda: grown(HourOfWeek(48, group_half_life=70, org_half_life=90)),
        lambda rng: (*rows(rng, 3), rng.integers(0, 48, 150)),
        keyed=True,
        step=3,
    ),
    DistinctCounter: Example(
        lambda: grown(DistinctCounter(32), ()),
        lambda rng: (rng.integers(0, ROWS, 200), hashes(rng, 200, 500)),
        learn="add_many",
        score="estimate",
        keyed=True,
        scored=lambda arguments: arguments[:1],
    ),
    Cusum: Example(lambda: grown(Cusum(3), ()), lambda rng: (rows(rng)[0], rng.exponential(2.0, (50, 3))), keyed=True),
    TailCalibrator: Example(
        lambda: TailCalibrator(3, bins=64, half_life=70), lambda rng: (rng.exponential(1.0, (200, 3)),)
    ),
    HalfSpaceTrees: Example(
        lambda: HalfSpaceTrees(FEATURES, n_trees=5, height=4, window_size=90, seed=3),
        lambda rng: (rng.random((200, 4)),),
    ),
    Loda: Example(
        lambda: Loda(FEATURES, n_projections=20, half_life=150, seed=3),
        lambda rng: (rng.normal(size=(200, 4)),),
    ),
    LogNormal: Example(pooled_log_normal, lambda rng: (*rows(rng), rng.lognormal(3.0, 1.0, (50, 2)))),
    Seen: Example(lambda: Seen(12), lambda rng: (hashes(rng, 50, 500),), learn="add_many"),
    Mahalanobis: Example(lambda: Mahalanobis(FEATURES, half_life=150), lambda rng: (rng.normal(size=(200, 4)),)),
}
every_model = pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
every_river_model = pytest.mark.parametrize("kind", [HalfSpaceTrees, Loda, Mahalanobis])
every_keyed_model = pytest.mark.parametrize("kind", [kind for kind, example in EXAMPLES.items() if example.keyed])


def draws(kind: type, seed: int, calls: int = 4) -> list[Arguments]:
    rng = np.random.default_rng(seed)
    return [EXAMPLES[kind].draw(rng) for _ in range(calls)]


def learn(model: Any, arguments: Arguments) -> None:
    getattr(model, EXAMPLES[type(model)].learn)(*arguments)


def score(model: Any, arguments: Arguments) -> np.ndarray:
    example = EXAMPLES[type(model)]
    return np.asarray(getattr(model, example.score)(*example.scored(arguments)))


def learned(kind: type, seed: int = 1) -> Any:
    model = EXAMPLES[kind].make()
    for arguments in draws(kind, seed):
        learn(model, arguments)
    return model


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return list(left) == list(right) and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


def test_every_model_has_an_example() -> None:
    found = set()
    for module in pkgutil.iter_modules(models.__path__):
        named = importlib.import_module(f"models.{module.name}")
        classes = inspect.getmembers(named, inspect.isclass)
        found |= {kind for _, kind in classes if kind.__module__ == named.__name__ and hasattr(kind, "snapshot")}
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in EXAMPLES}


@every_model
def test_it_scores_before_it_has_learned(kind: type) -> None:
    arguments = draws(kind, 5, 1)[0]
    scores = score(EXAMPLES[kind].make(), arguments)
    assert len(scores) == len(arguments[0])
    assert np.isfinite(scores).all()


@every_model
def test_scoring_changes_nothing_and_repeats(kind: type) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    before = model.snapshot()
    first = score(model, arguments)
    assert first.tobytes() == score(model, arguments).tobytes()
    assert same(before, model.snapshot())


@every_model
@pytest.mark.parametrize("size", [1, 7, 64])
def test_scores_do_not_depend_on_how_the_rows_are_cut(kind: type, size: int) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    total = len(arguments[0])
    pieces = [score(model, tuple(x[at : at + size] for x in arguments)) for at in range(0, total, size)]
    assert np.concatenate(pieces).tobytes() == score(model, arguments).tobytes()


@every_model
def test_scores_do_not_depend_on_how_arrays_lie_in_memory(kind: type) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    strided = tuple(np.asfortranarray(np.repeat(x, 2, axis=0))[::2] for x in arguments)
    assert score(model, strided).tobytes() == score(model, arguments).tobytes()


@pytest.mark.parametrize("kind", [kind for kind, example in EXAMPLES.items() if example.same_in_two_cuts])
def test_learning_in_two_cuts_leaves_the_same_bits(kind: type) -> None:
    example = EXAMPLES[kind]
    whole, cut = example.make(), example.make()
    for place, arguments in enumerate(draws(kind, 7, 6)):
        at = example.step * (1 + 8 * place)
        learn(whole, arguments)
        learn(cut, tuple(x[:at] for x in arguments))
        learn(cut, tuple(x[at:] for x in arguments))
    assert same(whole.snapshot(), cut.snapshot())


@every_model
def test_learning_nothing_changes_nothing(kind: type) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    before = model.snapshot()
    learn(model, tuple(x[:0] for x in arguments))
    assert same(before, model.snapshot())
    assert score(model, tuple(x[:0] for x in arguments)).shape[0] == 0


@every_model
def test_learning_changes_the_state(kind: type) -> None:
    assert not same(EXAMPLES[kind].make().snapshot(), learned(kind).snapshot())


@every_model
def test_the_same_input_gives_the_same_bits(kind: type) -> None:
    assert same(learned(kind).snapshot(), learned(kind).snapshot())


@every_model
def test_a_snapshot_restores_exactly_and_learns_on_alike(kind: type) -> None:
    model, copy = learned(kind), EXAMPLES[kind].make()
    copy.restore(model.snapshot())
    assert same(copy.snapshot(), model.snapshot())
    for arguments in draws(kind, 9):
        assert score(copy, arguments).tobytes() == score(model, arguments).tobytes()
        learn(copy, arguments)
        learn(model, arguments)
    assert same(copy.snapshot(), model.snapshot())


@every_model
def test_a_snapshot_survives_a_file_without_pickle(kind: type) -> None:
    model, copy, file = learned(kind), EXAMPLES[kind].make(), io.BytesIO()
    np.savez(file, allow_pickle=False, **model.snapshot())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        copy.restore(dict(arrays))
    assert same(copy.snapshot(), model.snapshot())


@every_model
def test_a_snapshot_stands_still_while_the_model_learns(kind: type) -> None:
    model = learned(kind)
    taken = model.snapshot()
    kept = {name: array.copy() for name, array in taken.items()}
    for arguments in draws(kind, 9):
        learn(model, arguments)
    assert same(taken, kept)
    model.restore(taken)
    for arguments in draws(kind, 11):
        learn(model, arguments)
    assert same(taken, kept)


DAMAGE: dict[str, Callable[[dict[str, np.ndarray], str], None]] = {
    "an unknown schema": lambda state, _: state.update(schema=np.array("crystal_ball/9")),
    "no schema": lambda state, _: state.__delitem__("schema"),
    "a missing array": lambda state, name: state.__delitem__(name),
    "a foreign array": lambda state, _: state.update(extra=np.zeros(3)),
    "another dtype": lambda state, name: state.update({name: state[name].astype(np.complex64)}),
    "another shape": lambda state, name: state.update({name: np.stack([state[name], state[name]])}),
}


@every_model
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_snapshot_is_refused_and_the_model_stays(kind: type, damage: str) -> None:
    model, state = learned(kind), learned(kind, seed=2).snapshot()
    before = model.snapshot()
    DAMAGE[damage](state, next(name for name in state if name != "schema"))
    with pytest.raises(SnapshotError):
        model.restore(state)
    assert same(before, model.snapshot())


@every_model
def test_arguments_are_neither_changed_nor_kept(kind: type) -> None:
    model, arguments = EXAMPLES[kind].make(), draws(kind, 5, 1)[0]
    kept = tuple(x.copy() for x in arguments)
    learn(model, arguments)
    score(model, arguments)
    assert all(x.tobytes() == y.tobytes() for x, y in zip(arguments, kept, strict=True))
    before = model.snapshot()
    for x in arguments:
        x[...] = 0
    assert same(before, model.snapshot())


@every_model
def test_memory_is_bounded(kind: type) -> None:
    model, sizes = EXAMPLES[kind].make(), []
    for arguments in draws(kind, 13, 20):
        learn(model, arguments)
        sizes.append(sum(array.nbytes for array in model.snapshot().values()))
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("kind", [kind for kind in EXAMPLES if hasattr(kind, "score_one")])
def test_one_at_a_time_scores_like_many(kind: type) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    many = score(model, arguments)
    for at in range(20):
        one = [x[at] for x in arguments]
        if issubclass(kind, (HalfSpaceTrees, Loda, Mahalanobis)):
            one = [dict(zip(FEATURES, one[0].tolist(), strict=True))]
        assert np.asarray(model.score_one(*one)).tobytes() == many[at].tobytes()


@pytest.mark.parametrize("kind", [k for k, e in EXAMPLES.items() if hasattr(k, "learn_one") and e.step == 1])
def test_one_at_a_time_learns_like_many(kind: type) -> None:
    many, single = EXAMPLES[kind].make(), EXAMPLES[kind].make()
    for arguments in draws(kind, 5, 3):
        learn(many, arguments)
        for one in zip(*arguments, strict=True):
            river = issubclass(kind, (HalfSpaceTrees, Loda, Mahalanobis))
            single.learn_one(*([dict(zip(FEATURES, one[0].tolist(), strict=True))] if river else one))
    assert same(many.snapshot(), single.snapshot())


@every_keyed_model
def test_a_cleared_row_is_as_good_as_new(kind: type) -> None:
    model = learned(kind)
    arguments = tuple(x[:1] for x in draws(kind, 1, 1)[0])  # a row that was learned
    row, rest = arguments[0], arguments[1:]
    spare = (np.full_like(row, SPARE), *rest)
    assert score(model, arguments).tobytes() != score(model, spare).tobytes()
    model.clear(row)
    assert score(model, arguments).tobytes() == score(model, spare).tobytes()


@every_keyed_model
def test_growing_keeps_what_is_known(kind: type) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    before = score(model, arguments)
    model.grow(2 * ROWS)
    assert score(model, arguments).tobytes() == before.tobytes()
    snapshot = model.snapshot()
    model.grow(3)
    assert same(model.snapshot(), snapshot)
    fresh = EXAMPLES[kind].make()
    fresh.restore(snapshot)
    assert score(fresh, arguments).tobytes() == before.tobytes()


@every_keyed_model
@pytest.mark.parametrize("row", [-1, ROWS + 1])
def test_a_row_that_is_not_there_is_refused(kind: type, row: int) -> None:
    model, arguments = learned(kind), draws(kind, 5, 1)[0]
    arguments[0][0] = row
    before = model.snapshot()
    with pytest.raises(InputError, match="call grow first"):
        score(model, arguments)
    with pytest.raises(InputError, match="call grow first"):
        learn(model, arguments)
    assert same(before, model.snapshot())


@every_river_model
def test_missing_features_are_zero_and_unknown_ones_ignored(kind: type) -> None:
    model = learned(kind)
    full = {"a": 0.0, "b": 0.3, "c": 0.0, "d": 0.0}
    assert model.score_one({"b": 0.3, "z": 7.0}) == model.score_one(full)


@every_river_model
def test_rivers_clone_is_a_new_model_of_the_same_configuration(kind: type) -> None:
    model = learned(kind)
    clone = model.clone()
    assert same(clone.snapshot(), EXAMPLES[kind].make().snapshot())


@every_river_model
def test_outliers_score_higher_than_the_crowd(kind: type) -> None:
    model = EXAMPLES[kind].make()
    rng = np.random.default_rng(17)
    for _ in range(5):
        model.learn_many(rng.normal(0.3, 0.05, (200, 4)))
    crowd, odd = model.score_many(rng.normal(0.3, 0.05, (200, 4))), model.score_many(np.full((1, 4), 0.95))
    assert odd[0] > np.quantile(crowd, 0.99)


@every_river_model
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused(kind: type, bad: float) -> None:
    model = learned(kind)
    with pytest.raises(InputError, match="finite"):
        model.learn_many(np.array([[bad, 0.0, 0.0, 0.0]]))
    with pytest.raises(InputError, match="shape"):
        model.score_many(np.zeros((2, 3)))
