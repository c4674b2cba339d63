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
from detector.columns import CROWD, Columns
from detector.daybook import Running
from detector.detection import Detection
from detector.detections import DETECTIONS
from detector.features import Feature, Peak
from detector.measures import Measure
from detector.risk import Judgement, Verdict, decayed, risk_of
from streams import Position

if TYPE_CHECKING:
    from detector.engine import Engine

RISE_NATS: Final = 3.0
"""A told day is told again when its level has risen by this much."""
WORTH_NATS: Final = 4.0
"""A detection is named when its own p-value is below e^-4, two in a hundred; the strongest always is."""
ADDS_NATS: Final = 1.0
"""An ordinary day's measure has one nat; from there on it adds to what was accumulated before."""
CERTAIN_RISK: Final = 95.0
HONEY: Final = "honey_record"
"""The detection that is certain."""
JOINT: Final = "odd_session"
"""The detection that the joint picture belongs to."""
MODEL_VERSION: Final = "online/1"
PERSISTENT: Final = "The days before were raised as well; together they are more unusual than this day alone."
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
        position: of the event's record.
    """

    index: int
    actor: str
    findings: tuple[Finding, ...]
    risk: float
    time: datetime
    position: Position


@dataclass(frozen=True, slots=True)
class Scene:
    """A scored piece of the log, as the teller sees it.

    Attributes:
        columns: its n events.
        moments: the time at which each counts, (n,).
        days: the accounting day of each, (n,).
        running: the days as they stood after each event.
        verdicts: how they were judged, by event; those that are missing cannot be worth telling.
        first: the sequence number of the first event.
    """

    columns: Columns
    moments: NDArray[np.float64]
    days: NDArray[np.int64]
    running: Running
    verdicts: Mapping[int, Verdict]
    first: int

    def time(self, index: int) -> datetime:
        """The moment of an event, aware UTC."""
        return datetime.fromtimestamp(float(self.moments[index]), UTC)


class Teller:
    """Keeps who was told what, so that a day is told once and again only when it got worse."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._episode_s = engine.config.risk.episode_days * DAY_S
        self._opened = np.full(0, DAYS_AGO)  # when the actor's latest episode opened, UTC seconds
        self._quiet = np.full(0, DAYS_AGO)  # when the latest episode would have opened that lessons kept quiet
        self._last = np.zeros((0, 3))  # day, level and detections (a bit each) last told
        self._names = list(DETECTIONS)
        owners = [place for place, d in enumerate(DETECTIONS.values()) for _ in d.measures]
        self._owners = np.array(owners, np.int64)
        self._corrections = np.array([log(max(len(d.measures), 1)) for d in DETECTIONS.values()])

    @property
    def _version(self) -> str:
        """The models that judge."""
        bundle = self._engine.learned.bundle
        return f"{MODEL_VERSION}+{bundle}" if bundle else MODEL_VERSION

    def grow(self, rows: int) -> None:
        """Make room for rows in all."""
        more = rows - len(self._opened)
        self._opened = np.concatenate([self._opened, np.full(more, DAYS_AGO)])
        self._quiet = np.concatenate([self._quiet, np.full(more, DAYS_AGO)])
        self._last = np.concatenate([self._last, np.zeros((more, 3))])

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self._opened[rows] = DAYS_AGO
        self._quiet[rows] = DAYS_AGO
        self._last[rows] = 0

    def open_many(self, rows: NDArray[np.int64], day: int) -> NDArray[np.bool_]:
        """Whether an episode of each row (n,) was open at some time of the accounting day, (n,)."""
        return np.asarray(self._opened[rows] + self._episode_s > day * DAY_S, np.bool_)

    def opened_many(self, rows: NDArray[np.int64], day: int) -> NDArray[np.bool_]:
        """Whether an episode of each row (n,) opened within the accounting day, (n,)."""
        calendar = self._engine.context.calendar
        return np.asarray(calendar.days(np.maximum(self._opened[rows], 0.0)) == day, np.bool_)

    def nats_many(self, judged: Judgement) -> NDArray[np.float64]:
        """Each detection's -ln p of n actor-days by what was done on that day alone, (n, D)."""
        nats = np.zeros((len(judged.joint), len(self._names)))
        for place in range(len(self._names)):
            if (mine := self._owners == place).any():
                nats[:, place] = judged.today[:, mine].max(axis=1) - self._corrections[place]
        place = self._names.index(JOINT)
        nats[:, place] = np.maximum(nats[:, place], judged.joint)
        return np.maximum(nats, 0.0)

    def tell(self, scene: Scene) -> list[Told]:
        """What of a piece is worth telling, in the order of its events."""
        certain = set(np.flatnonzero(scene.columns.amounts[:, Feature.HONEY] > 0).tolist())
        if HONEY not in self._engine.detections:
            certain = set()
        told: list[Told] = []
        for index in sorted(certain | scene.verdicts.keys()):
            if index in certain:
                told.append(self._certain(scene, index))
            if index in scene.verdicts:
                told += self._statistical(scene, scene.verdicts[index], index)
        return told

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        return {"opened": self._opened.copy(), "quiet": self._quiet.copy(), "last": self._last.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._opened, self._last = np.array(state["opened"]), np.array(state["last"])
        # A snapshot from before there were lessons has nobody whom they kept quiet.
        self._quiet = np.array(state.get("quiet", np.full(len(self._opened), DAYS_AGO)))

    def _certain(self, scene: Scene, index: int) -> Told:
        """What needs no statistics: a planted record was touched."""
        detection = self._engine.detections[HONEY]
        row = int(scene.columns.rows[index])
        touched = float(scene.running.sums[index, Feature.HONEY])
        ids, count = self._contributors(scene, index, Feature.HONEY)
        finding = Finding(
            detection=detection.name,
            time=scene.time(index),
            p_value=0.0,
            observed=touched,
            expected=0.0,
            peer_expected=0.0,
            unit="accesses to planted records",
            event_ids=ids,
            event_count=count,
            technique=detection.technique,
            sentence=f"{detection.lead}: {touched:.0f} time{'s' * (touched > 1)} in one working day.",
            sample_size=int(self._engine.people.active_days[row]),
            peer_sample_size=0,
            threshold=0.0,
            model_version=self._version,
            certain=True,
            **self._touched(scene, index),
        )
        self._open(row, float(scene.moments[index]))
        return self._told(scene, index, (finding,), CERTAIN_RISK)

    def _statistical(self, scene: Scene, verdict: Verdict, index: int) -> list[Told]:
        """The actor-day of an event, if the budget lets its level through and it is news."""
        engine = self._engine
        row, day = int(scene.columns.rows[index]), int(scene.days[index])
        level, moment = verdict.level, float(scene.moments[index])
        # Telling raises the threshold, so what passed it when the piece began need not pass now.
        bar = engine.budget.threshold
        if row == CROWD or level < bar - float(engine.lessons.lowered(np.array([row]))[0]):
            return []
        strengths = self._strengths(verdict)
        # Below the usual bar there may be nothing above its share; then what was accumulated most is named.
        strongest = int(strengths.argmax()) if strengths.any() else int(self._owners[verdict.accumulated.argmax()])
        named = np.flatnonzero(strengths >= WORTH_NATS).tolist() or [strongest]
        bits = sum(1 << place for place in named)
        if not self._is_news(row, day, level, bits, moment):
            return []
        if engine.lessons.excuses(row, {self._names[place] for place in named}, level, day):
            self._keep_quiet(row, moment)
            return []
        if level < bar:
            engine.lessons.helped(row, day)
        self._open(row, moment)
        self._last[row] = day, level, bits
        findings = tuple(self._finding(scene, verdict, index, place, float(strengths[place])) for place in named)
        age = max(day - float(engine.levels[row, 0]), 0.0)
        past = decayed(float(engine.levels[row, 1]), age, engine.config.risk.half_life_days)
        return [self._told(scene, index, findings, risk_of(max(level, past)))]

    def _is_news(self, row: int, day: int, level: float, bits: int, moment: float) -> bool:
        if moment >= self._opened[row] + self._episode_s:
            return True
        last_day, last_level, last_bits = self._last[row].tolist()
        return day != last_day or level >= last_level + RISE_NATS or bool(bits & ~int(last_bits))

    def _keep_quiet(self, row: int, moment: float) -> None:
        """What is excused would have opened an episode, and counts in the budget: it buys nobody else's alert."""
        if moment >= max(self._opened[row], self._quiet[row]) + self._episode_s:
            self._quiet[row] = moment
            self._engine.budget.withhold()

    def _open(self, row: int, moment: float) -> None:
        if moment >= self._opened[row] + self._episode_s:
            self._opened[row] = moment
            self._last[row] = 0
            self._engine.budget.spend()

    def _strengths(self, verdict: Verdict) -> NDArray[np.float64]:
        """Each detection's -ln p, of its strongest measure today or accumulated, corrected for their number."""
        best = np.zeros(len(self._names))
        np.maximum.at(best, self._owners, self._nats(verdict))
        strengths: NDArray[np.float64] = np.maximum(best - self._corrections, 0.0)
        place = self._names.index(JOINT)
        strengths[place] = max(strengths[place], verdict.joint, *verdict.learned.tolist())
        return strengths

    def _finding(self, scene: Scene, verdict: Verdict, index: int, place: int, strength: float) -> Finding:
        engine = self._engine
        detection = DETECTIONS[self._names[place]]
        mine = np.flatnonzero(self._owners == place)
        nats = self._nats(verdict)[mine]
        if detection.name == JOINT and max(verdict.joint, *verdict.learned.tolist(), 0.0) >= strength:
            return self._joint_finding(scene, verdict, index, detection)
        column = int(mine[nats.argmax()])
        measure = engine.baselines.measures[column]
        row = int(scene.columns.rows[index])
        group = int(engine.people.groups[row])
        sums, peaks = scene.running.sums[index], scene.running.peaks[index]
        normal = engine.baselines.normal(column, row, group)
        observed = engine.baselines.observed(column, sums, peaks)
        ids, count = self._contributors(scene, index, contributing(measure))
        persistent = bool(verdict.today[column] < WORTH_NATS)
        sentence = detection.sentence(measure, observed, normal)
        return Finding(
            detection=detection.name,
            time=scene.time(index),
            p_value=exp(-strength),
            observed=observed,
            expected=normal.expected,
            peer_expected=normal.peer_expected,
            unit=measure.unit,
            event_ids=ids,
            event_count=count,
            technique=detection.technique,
            sentence=f"{sentence} {PERSISTENT}" if persistent else sentence,
            sample_size=normal.days,
            peer_sample_size=self._peers(group, row),
            threshold=None if persistent else engine.baselines.threshold(column, row, group, sums, WORTH_NATS),
            model_version=self._version,
            **self._touched(scene, index),
        )

    def _joint_finding(self, scene: Scene, verdict: Verdict, index: int, detection: Detection) -> Finding:
        engine, row = self._engine, int(scene.columns.rows[index])
        nats = verdict.joint
        order = np.argsort(-verdict.accumulated, kind="stable")[:3]
        units = ", ".join(engine.baselines.measures[column].unit for column in order.tolist())
        sentence, unit = f"{detection.lead}; most unusual together: {units}.", "about the combination of measures"
        if verdict.learned.size and verdict.learned.max() >= nats:
            nats, learner = float(verdict.learned.max()), engine.learned.names[int(verdict.learned.argmax())]
            sentence += (
                f" The learner {learner} of the bundle {engine.learned.bundle} ranks the day higher than they do."
            )
            unit = f"that the learner {learner} adds"
        ids, count = self._contributors(scene, index, Feature.EVENTS)
        return Finding(
            detection=detection.name,
            time=scene.time(index),
            p_value=exp(-nats),
            observed=nats,
            expected=1.0,
            peer_expected=1.0,
            unit=f"nats of surprise {unit}",
            event_ids=ids,
            event_count=count,
            technique=detection.technique,
            sentence=sentence,
            sample_size=int(engine.people.active_days[row]),
            peer_sample_size=self._peers(int(engine.people.groups[row]), row),
            threshold=WORTH_NATS,
            model_version=self._version,
            **self._touched(scene, index),
        )

    def _told(self, scene: Scene, index: int, findings: tuple[Finding, ...], risk: float) -> Told:
        row = int(scene.columns.rows[index])
        actor = scene.columns.strangers[index] if row == CROWD else self._engine.people.ids[row]
        return Told(index, actor, findings, risk, scene.time(index), scene.columns.positions[index])

    def _touched(self, scene: Scene, index: int) -> dict[str, Any]:
        """What the actor touched on the day up to an event; nothing is known of one whom the crowd's row serves."""
        if scene.columns.rows[index] == CROWD:
            return {}
        sums, peaks = scene.running.sums[index], scene.running.peaks[index]
        rank = int(peaks[Peak.CLASS])
        return {
            "customers": int(peaks[Peak.CUSTOMERS]),
            "records": int(sums[Feature.DISCLOSED]),
            "exported": int(sums[Feature.EXPORTED]),
            "data_class": self._engine.config.data.classes[rank - 1] if rank else None,
        }

    def _contributors(self, scene: Scene, index: int, feature: Feature) -> tuple[tuple[str, ...], int]:
        row, day = int(scene.columns.rows[index]), int(scene.days[index])
        return self._engine.recent.contributors(row, day, feature, scene.first + index)

    def _peers(self, group: int, row: int) -> int:
        people = self._engine.people
        known = people.active_days[: len(people)] > 0  # whose days closed: who comes later today does not count yet
        return int(((people.groups[: len(people)] == group) & known).sum()) - int(known[row])

    @staticmethod
    def _nats(verdict: Verdict) -> NDArray[np.float64]:
        """Each measure's -ln p; what was accumulated counts only if the day added to it, unless nothing was."""
        today, accumulated = verdict.today, verdict.accumulated
        nats: NDArray[np.float64] = np.where(today >= ADDS_NATS, np.maximum(today, accumulated), 0.0)
        return nats if nats.any() else accumulated


PEAK_FEATURES: Final = {
    Peak.EXPORTED_HOUR: Feature.UNEXPLAINED_EXPORTED,
    Peak.TOUCHES_HOUR: Feature.UNEXPLAINED,
    Peak.EVENTS_TEN_MINUTES: Feature.UNEXPLAINED_EVENTS,
    Peak.CUSTOMERS: Feature.TOUCHES,
    Peak.CLASS: Feature.EVENTS,
}


def contributing(measure: Measure) -> Feature:
    """The feature whose events made a measure."""
    return measure.of if isinstance(measure.of, Feature) else PEAK_FEATURES[measure.of]
