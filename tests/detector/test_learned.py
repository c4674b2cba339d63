"""What learners of a bundle add: as they say, within their limits, on what was known, and however the log is cut."""

# ruff: noqa: N803 - as in scikit-learn

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alerts.alert import Alert
from detector.config import Config
from detector.context import Context, read_context
from detector.daybook import SLOTS
from detector.detections import DETECTIONS
from detector.engine import Engine
from detector.features import N_FEATURES, N_PEAKS, Feature, Peak
from detector.feed import Feed
from detector.keeper import Keeper, Setting
from detector.learned import LEARNABLE, Days, Learned
from detector.replaying import NoLetters
from detector.risk import Judgement
from detector.shard import SHARD
from detector.tap import Closing
from models.errors import BundleError
from streams import Tokens
from tests.detector.small import KEY, SmallLog

MEASURES = [measure.name for detection in DETECTIONS.values() for measure in detection.measures]


def learner(
    answer: Callable[[np.ndarray], np.ndarray],
    kind: str = "anomaly",
    features: tuple[str, ...] = ("joint",),
    limit: float = 4.0,
) -> Any:
    return SimpleNamespace(
        facts=SimpleNamespace(name="own", kind=kind, features=features, limit=limit), nats_many=answer
    )


def bundle(*learners: Any) -> Any:
    return SimpleNamespace(
        learners=learners, priors={}, digest="d" * 64, manifest=SimpleNamespace(name="spring", created_at="2026-01-01")
    )


def days(n: int = 3, level: float = 10.0) -> Days:
    rng = np.random.default_rng(1)
    width = len(MEASURES)
    judged = Judgement(
        rng.random((n, width)),
        rng.random((n, width)),
        rng.random((n, width)),
        rng.random(n),
        np.full(n, level),
        np.zeros((n, 0)),
    )
    return Days(rng.random((n, N_FEATURES)), rng.random((n, N_PEAKS)), rng.random((n, width)), np.arange(n), judged)


def test_columns_are_what_their_names_say() -> None:
    some = days()
    names = (
        "sum_exported",
        "peak_customers",
        "score_exports",
        "today_exports",
        "total_exports",
        "joint",
        "active_days",
    )
    place = MEASURES.index("exports")
    expected = [
        some.sums[:, Feature.EXPORTED], some.peaks[:, Peak.CUSTOMERS], some.scores[:, place],
        some.judged.today[:, place], some.judged.accumulated[:, place], some.judged.joint, some.active_days,
    ]  # fmt: skip
    np.testing.assert_array_equal(some.columns(names), np.stack(expected, axis=1))
    assert some.columns(tuple(LEARNABLE)).shape == (3, len(LEARNABLE))


def test_an_anomaly_learner_adds_and_a_ranker_moves_towards_its_level_no_further_than_its_limit() -> None:
    adds = learner(lambda X: np.full(len(X), 3.0))
    for target, moved in ((11.0, 1.0), (50.0, 4.0), (0.0, -4.0)):
        ranks = learner(lambda X, target=target: np.full(len(X), target), kind="ranker")
        found = Learned([adds, ranks]).reconsider(days())
        np.testing.assert_array_equal(found.learned, [[3.0, moved]] * 3)
        np.testing.assert_array_equal(found.level, 10.0 + 3.0 + moved)


def test_a_level_does_not_fall_below_nothing() -> None:
    ranks = learner(lambda X: np.zeros(len(X)), kind="ranker", limit=12.0)
    assert Learned([ranks]).reconsider(days(level=5.0)).level.tolist() == [0.0] * 3


@pytest.mark.parametrize("kind", ["anomaly", "ranker"])
def test_where_a_learner_fails_nothing_is_moved_and_the_other_days_are_as_without_it(kind: str) -> None:
    def answer(X: np.ndarray) -> np.ndarray:
        if (X[:, 0] == 1.0).any():
            raise BundleError("cannot judge")
        return np.full(len(X), 13.0)

    found = Learned([learner(answer, kind, ("active_days",))]).reconsider(days())
    assert found.learned[:, 0].tolist() == ([13.0, 0.0, 13.0] if kind == "anomaly" else [3.0, 0.0, 3.0])


def test_without_learners_a_judgement_is_what_it_was() -> None:
    some = days()
    assert Learned().reconsider(some) is some.judged


def judged(
    small: SmallLog, context: Context, config: Config, limits: Iterator[int]
) -> tuple[list[Alert], Engine, list[Any]]:
    """The alerts of the small log under a context, read in cuts of these sizes."""
    keeper = Keeper(Setting(config, Tokens(KEY), context, letters=NoLetters()), SHARD)
    engine, closed = keeper.shard.engine, []

    def note(closing: Closing) -> None:
        slot = closing.day % SLOTS
        active = engine.people.active_days[closing.rows] - 1
        sums, peaks = engine.daybook.sums[closing.rows, slot], engine.daybook.peaks[closing.rows, slot]
        closed.append((closing, Days(sums, peaks, closing.scores, active, closing.judged)))

    engine.tap = SimpleNamespace(scored=lambda *_: None, changed=lambda _: None, closed=note)  # type: ignore[assignment]
    with closing(Feed(config, keeper)) as feed:
        while not feed.finished:
            feed.advance(next(limits))
        keeper.conclude(None)
        return keeper.alerts(), engine, closed


def erratic(X: np.ndarray) -> np.ndarray:
    """Between 0 and 40, and never the same for two days: what matters shows."""
    return np.round(64.0 * 40.0 * np.abs(np.sin(X.sum(axis=1)))) / 64.0


FEATURES = ("joint", "total_exports", "sum_events", "peak_customers", "today_records", "active_days")


@pytest.fixture(scope="module")
def led(small_log: SmallLog) -> Context:
    context = read_context(small_log.config(), Tokens(KEY))
    return replace(
        context,
        champion=bundle(learner(erratic, "ranker", FEATURES, 8.0)),
        challenger=bundle(learner(erratic, features=FEATURES)),
    )


def test_however_the_log_is_cut_a_champion_and_a_challenger_leave_the_same(small_log: SmallLog, led: Context) -> None:
    config = small_log.config()
    whole, one, _ = judged(small_log, led, config, cycle([4_096]))
    pieces, other, _ = judged(small_log, led, config, cycle([1, 700, 13, 251]))
    assert whole == pieces
    assert whole
    mine, theirs = one.snapshot(), other.snapshot()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine if not name.startswith("recent"))


def test_a_champion_changes_what_is_told_and_says_so(small_log: SmallLog, led: Context) -> None:
    config = small_log.config()
    told, engine, _ = judged(small_log, led, config, cycle([4_096]))
    plain, _, _ = judged(small_log, replace(led, champion=None, challenger=None), config, cycle([4_096]))
    assert {alert.alert_id for alert in told} != {alert.alert_id for alert in plain}
    findings = [finding for alert in told for finding in alert.findings]
    assert {finding.model_version for finding in findings} == {"online/1+spring"}
    named = [finding for finding in findings if "The learner own of the bundle spring" in finding.sentence]
    assert named
    assert all(0.0 < finding.observed <= 8.0 for finding in named)
    assert engine.shadow.days > 0


def test_what_is_exported_is_what_the_learners_saw(small_log: SmallLog, led: Context) -> None:
    _, engine, closed = judged(small_log, led, small_log.config(), cycle([4_096]))
    for closing_, seen in closed:
        before = replace(closing_.judged, level=closing_.judged.level - closing_.judged.learned.sum(axis=1))
        again = engine.learned.reconsider(replace(seen, judged=before))
        kept = closing_.judged.level > 0
        np.testing.assert_array_equal(again.learned[kept], closing_.judged.learned[kept])


def test_a_challenger_tells_nobody(small_log: SmallLog, led: Context) -> None:
    config = small_log.config()
    shadowed, _, _ = judged(small_log, replace(led, champion=None), config, cycle([4_096]))
    plain, _, _ = judged(small_log, replace(led, champion=None, challenger=None), config, cycle([4_096]))
    assert shadowed == plain


def test_where_the_joint_picture_is_disabled_learners_have_no_say(small_log: SmallLog, led: Context) -> None:
    config = small_log.config(detections={"disabled": ["odd_session"]})
    told, _, _ = judged(small_log, led, config, cycle([4_096]))
    plain, _, _ = judged(small_log, replace(led, champion=None, challenger=None), config, cycle([4_096]))
    assert told == plain
