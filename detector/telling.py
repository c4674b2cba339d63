"""Hop 6, tell: which actor-days are worth telling, and the findings that say why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, log
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.finding import Finding
from detector.calendar import DAY_S
from detector.columns import Columns
from detector.daybook import Running
from detector.detection import Detection
from detector.features import Feature
from detector.measures import Measure, Normal
from detector.risk import Judgement, decayed, risk_of

if TYPE_CHECKING:
    from detector.engine import Engine

RISE_NATS: Final = 3.0
"""A told day is told again when its level has risen by this much."""
WORTH_NATS: Final = 4.0
"""A detection is named when its own p-value is below e^-4, two in a hundred; the strongest always is."""
CERTAIN_RISK: Final = 95.0
JOINT: Final = "odd_session"
"""The detection that the joint picture belongs to."""
MODEL_VERSION: Final = "online/1"
DAYS_AGO: Final = -(10.0**12)


@dataclass(frozen=True, slots=True)
class Told:
    """Something worth telling about one actor.

    Attributes:
        index: which event of the piece it was; tells the order.
        actor: the actor's id.
        findings: at least one.
        risk: 0 to 100.
        time: aware UTC.
        position: of the event's record, in words.
    """

    index: int
    actor: str
    findings: tuple[Finding, ...]
    risk: float
    time: datetime
    position: str


class Teller:
    """Keeps who was told what, so that a day is told once and again only when it got worse."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._episode_s = engine.config.risk.episode_days * DAY_S
        self._opened = np.full(0, DAYS_AGO)  # when the actor's latest episode opened, UTC seconds
        self._last = np.zeros((0, 3))  # day, level and detections (a bit each) last told
        self._names = list(engine.detections)
        owners = [place for place, d in enumerate(engine.detections.values()) for _ in d.measures]
        self._owners = np.array(owners, np.int64)
        self._corrections = np.array([log(max(len(d.measures), 1)) for d in engine.detections.values()])

    def grow(self, rows: int) -> None:
        """Make room for rows in all."""
        more = rows - len(self._opened)
        self._opened = np.concatenate([self._opened, np.full(more, DAYS_AGO)])
        self._last = np.concatenate([self._last, np.zeros((more, 3))])

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self._opened[rows] = DAYS_AGO
        self._last[rows] = 0

    def release(self, row: int) -> None:
        """The row's episode no longer keeps it from being learned; a new one may open."""
        self._opened[row] = DAYS_AGO

    def open_many(self, rows: NDArray[np.int64], day: int) -> NDArray[np.bool_]:
        """Whether an episode of each row (n,) was open at some time of the accounting day, (n,)."""
        return np.asarray(self._opened[rows] + self._episode_s > day * DAY_S, np.bool_)

    def certain(
        self, columns: Columns, moments: NDArray[np.float64], days: NDArray[np.int64], running: Running, first: int
    ) -> list[Told]:
        """What needs no statistics: planted records touched. ``first`` is the sequence number of the piece's first event."""
        detection = self._engine.detections.get("honey_record")
        told: list[Told] = []
        if detection is None:
            return told
        for index in np.flatnonzero(columns.amounts[:, Feature.HONEY]).tolist():
            row, day = int(columns.rows[index]), int(days[index])
            touched = float(running.sums[index, Feature.HONEY])
            ids, count = self._engine.recent.contributors(row, day, Feature.HONEY, first + index)
            finding = Finding(
                detection=detection.name,
                time=_moment(moments[index]),
                p_value=0.0,
                observed=touched,
                expected=0.0,
                peer_expected=0.0,
                unit="accesses to planted records",
                event_ids=ids,
                event_count=count,
                technique=detection.technique,
                sentence=f"{detection.lead}: {touched:.0f} time{'s' * (touched > 1)} today.",
                sample_size=int(self._engine.people.active_days[row]),
                peer_sample_size=0,
                threshold=0.0,
                model_version=MODEL_VERSION,
                certain=True,
            )
            self._open(row, float(moments[index]))
            told.append(self._told(index, row, (finding,), CERTAIN_RISK, columns, moments))
        return told

    def statistical(
        self,
        columns: Columns,
        moments: NDArray[np.float64],
        days: NDArray[np.int64],
        running: Running,
        judged: Judgement,
        first: int,
    ) -> list[Told]:
        """Actor-days whose level the budget lets through, and told ones that got worse."""
        engine = self._engine
        told: list[Told] = []
        for index in np.flatnonzero(judged.level >= engine.budget.threshold).tolist():
            row, day, level = int(columns.rows[index]), int(days[index]), float(judged.level[index])
            if row == 0 or level < engine.budget.threshold:
                continue
            strengths = self._strengths(judged, index)
            named = np.flatnonzero(strengths >= WORTH_NATS)
            named = named if len(named) else np.array([int(strengths.argmax())])
            bits = float(np.bitwise_or.reduce(1 << named))
            if not self._is_news(row, day, level, int(bits), float(moments[index])):
                continue
            self._open(row, float(moments[index]))
            self._last[row] = day, level, bits
            findings = tuple(
                self._finding(int(place), float(strengths[place]), index, columns, moments, days, running, judged, first)
                for place in named
            )
            age = day - engine.levels[row, 0]
            past = decayed(engine.levels[row, 1], max(age, 0.0), engine.config.risk.half_life_days)
            told.append(self._told(index, row, findings, risk_of(max(level, past)), columns, moments))
        return told

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        return {"opened": self._opened.copy(), "last": self._last.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._opened, self._last = np.array(state["opened"]), np.array(state["last"])

    def _is_news(self, row: int, day: int, level: float, bits: int, moment: float) -> bool:
        if moment >= self._opened[row] + self._episode_s:
            return True
        last_day, last_level, last_bits = self._last[row].tolist()
        return day != last_day or level >= last_level + RISE_NATS or bool(bits & ~int(last_bits))

    def _open(self, row: int, moment: float) -> None:
        if moment >= self._opened[row] + self._episode_s:
            self._opened[row] = moment
            self._last[row] = 0
            self._engine.budget.spend()

    def _strengths(self, judged: Judgement, index: int) -> NDArray[np.float64]:
        """Each detection's -ln p, of its strongest measure today or accumulated, corrected for their number."""
        nats = np.maximum(judged.today[index], judged.accumulated[index])
        best = np.zeros(len(self._names))
        np.maximum.at(best, self._owners, nats)
        strengths: NDArray[np.float64] = np.maximum(best - self._corrections, 0.0)
        if JOINT in self._names:
            place = self._names.index(JOINT)
            strengths[place] = max(strengths[place], judged.joint[index])
        return strengths

    def _finding(
        self,
        place: int,
        strength: float,
        index: int,
        columns: Columns,
        moments: NDArray[np.float64],
        days: NDArray[np.int64],
        running: Running,
        judged: Judgement,
        first: int,
    ) -> Finding:
        engine = self._engine
        detection = engine.detections[self._names[place]]
        mine = np.flatnonzero(self._owners == place)
        nats = np.maximum(judged.today[index, mine], judged.accumulated[index, mine])
        if detection.name == JOINT and judged.joint[index] >= nats.max() - self._corrections[place]:
            return self._joint_finding(detection, index, columns, moments, days, judged, first)
        column = int(mine[nats.argmax()])
        measure = engine.baselines.measures[column]
        row, day = int(columns.rows[index]), int(days[index])
        group = int(engine.people.groups[row])
        normal = engine.baselines.normal(column, row, group)
        observed = engine.baselines.observed(column, running.sums[index], running.peaks[index])
        ids, count = engine.recent.contributors(row, day, contributing(measure), first + index)
        persistent = judged.accumulated[index, column] > judged.today[index, column]
        return Finding(
            detection=detection.name,
            time=_moment(moments[index]),
            p_value=exp(-strength),
            observed=observed,
            expected=normal.expected,
            peer_expected=normal.peer_expected,
            unit=measure.unit,
            event_ids=ids,
            event_count=count,
            technique=detection.technique,
            sentence=_sentence(detection, measure, observed, normal, persistent),
            sample_size=normal.days,
            peer_sample_size=int((engine.people.groups[: len(engine.people)] == group).sum()) - 1,
            threshold=None if persistent else engine.baselines.threshold(column, row, group, running.sums[index], WORTH_NATS),
            model_version=MODEL_VERSION,
        )

    def _joint_finding(
        self,
        detection: Detection,
        index: int,
        columns: Columns,
        moments: NDArray[np.float64],
        days: NDArray[np.int64],
        judged: Judgement,
        first: int,
    ) -> Finding:
        engine, row, day = self._engine, int(columns.rows[index]), int(days[index])
        nats = float(judged.joint[index])
        order = np.argsort(-judged.accumulated[index], kind="stable")[:3]
        names = ", ".join(engine.baselines.measures[column].unit for column in order.tolist())
        ids, count = engine.recent.contributors(row, day, Feature.EVENTS, first + index)
        return Finding(
            detection=detection.name,
            time=_moment(moments[index]),
            p_value=exp(-nats),
            observed=nats,
            expected=1.0,
            peer_expected=1.0,
            unit="nats of surprise about the combination of measures",
            event_ids=ids,
            event_count=count,
            technique=detection.technique,
            sentence=f"{detection.lead}; most unusual together: {names}.",
            sample_size=int(engine.people.active_days[row]),
            peer_sample_size=engine.active,
            threshold=WORTH_NATS,
            model_version=MODEL_VERSION,
        )

    def _told(
        self,
        index: int,
        row: int,
        findings: tuple[Finding, ...],
        risk: float,
        columns: Columns,
        moments: NDArray[np.float64],
    ) -> Told:
        actor = self._engine.people.ids[row]
        return Told(index, actor, findings, risk, _moment(moments[index]), str(columns.positions[index]))


def contributing(measure: Measure) -> Feature:
    """The feature whose events made a measure."""
    from detector.features import Peak

    of = measure.of
    if isinstance(of, Feature):
        return of
    return {
        Peak.EXPORTED_HOUR: Feature.EXPORTED,
        Peak.TOUCHES_HOUR: Feature.TOUCHES,
        Peak.EVENTS_TEN_MINUTES: Feature.EVENTS,
        Peak.CUSTOMERS: Feature.TOUCHES,
    }[of]


def _sentence(detection: Detection, measure: Measure, observed: float, normal: Normal, persistent: bool) -> str:
    text = detection.sentence(measure, observed, normal)
    if persistent:
        text += " No single day stands out; the days before were mildly raised as well, and together they are unusual."
    return text


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
