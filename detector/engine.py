"""The engine of one shard: admitted events in, what is worth telling out; a pure function of the log."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.amounts import complete
from detector.budget import Budget
from detector.calendar import DAY_S
from detector.closing import YOUNG_DAYS, Closed, Gate
from detector.columns import CROWD, Columns, Gather
from detector.config import Config
from detector.context import Context
from detector.daybook import SLOTS, Daybook, Running
from detector.detection import Detection
from detector.detections import DETECTIONS, MEASURES
from detector.drift import Drift, tally_day
from detector.errors import CheckpointError
from detector.features import Feature
from detector.learned import Days, Learned, learned_of
from detector.lessons import Lessons
from detector.measures import Baselines
from detector.people import People, capacity
from detector.places import Places
from detector.priors import Shared, inherit, seed
from detector.recent import LONGEST_PIECE, Recent
from detector.risk import MOST_JOINT, Judgement, Risk, Verdict
from detector.scores import Reached, Scores
from detector.shadow import Shadow
from detector.state import packed_values, unpacked_values
from detector.tap import Closing, Tap
from detector.telling import JOINT, Scene, Teller, Told
from models.hour_of_week import HourOfWeek
from models.seen import Seen
from streams import Admitted

TOUCH_FILTER_LOG2: Final = 24
"""Three filters of 2 MiB hold who touched whom: 2.9 million pairs a generation."""
UNSETTLED_DAYS: Final = 4
"""First active days of a shard without priors: their scores say more about the lack of a past than about anyone."""
SEEDED_WARM_UP_DAYS: Final = 7
"""The warm-up of a shard that begins with priors, if that is shorter: a week shows who works when and where."""
NEVER: Final = -(2**31) + 1
OF_ROWS: Final = (
    "daybook", "hours", "places", "baselines", "scores", "risk", "recent", "gate", "teller", "lessons", "shadow",
)  # fmt: skip
"""The parts that hold something of every actor."""
SLACK_NATS: Final = 1.0
"""Far more than rounding can make a level fall where it should have risen."""


class Engine:
    """Everything that one shard knows. Findings do not depend on how its events are cut into calls.

    Args:
        config: the configuration.
        context: roster, honey subjects and calendar.
    """

    def __init__(self, config: Config, context: Context) -> None:
        self.config, self.context = config, context
        self.tap: Tap | None = None
        """Is shown what is scored and judged."""
        half_life = config.learning.half_life_days
        self.detections: dict[str, Detection] = {
            name: detection for name, detection in DETECTIONS.items() if name not in config.detections.disabled
        }
        self.people = People(context.roster, config.profiles.max_actors)
        self._gather = Gather(self.people.rows_of, config.data)
        self.daybook = Daybook()
        self.hours = HourOfWeek(half_life=half_life)
        self.places = Places(half_life)
        self.touched = Seen(TOUCH_FILTER_LOG2)
        self.baselines = Baselines(MEASURES, half_life)
        disabled = [d.name not in self.detections for d in DETECTIONS.values() for _ in d.measures]
        self.scores = Scores(self.baselines, np.array(disabled, np.bool_))
        self.risk = Risk(len(self.baselines.measures))
        self.budget = Budget(config.risk.budget, config.risk.episode_days)
        self._shared = Shared(self.baselines, self.hours, self.risk, self.budget)
        self.gate = Gate(config.learning)
        self.recent = Recent(config.profiles.recent_events)
        self.teller = Teller(self)
        self.lessons = Lessons()
        self.drift = Drift(len(DETECTIONS), len(self.baselines.measures))
        self.learned, self.shadow = Learned(), Shadow(config)
        self.seeded = False
        """Whether the shard began with what others have learned, so that its warm-up is short."""
        self.levels = np.zeros((0, 2))  # accounting day, and the actor's decayed level on it
        self.slot_days = np.full(SLOTS, NEVER, np.int64)
        self.pending = NEVER  # the closed day that waits to be learned
        self.oldest = self.newest = NEVER  # the open days
        self.watermark = -np.inf
        self.events = 0
        self.active_days = 0
        self.began = self.closed_until = NEVER  # the first day with events, and the last that closed
        self.active = 0  # actors of the last day that closed with any
        self._closed: list[Closed] = []
        self._reserved = (0, 0)  # rows and groups that the models have room for
        self._follow(context)

    @property
    def ready(self) -> bool:
        """Whether the warm-up is over, so that statistical findings are told: half of its days had events."""
        needed = self.config.risk.warm_up_days
        needed = min(needed, SEEDED_WARM_UP_DAYS) if self.seeded else needed
        return self.age >= needed and 2 * self.active_days >= needed

    @property
    def settled(self) -> bool:
        """Whether scores say more about people than about the lack of a past."""
        return self.seeded or self.active_days >= UNSETTLED_DAYS

    @property
    def age(self) -> int:
        """Days from the first with events to the last that closed, quiet ones between them included."""
        return self.closed_until - self.began + 1 if self.began != NEVER else 0

    def process(self, admitted: Sequence[Admitted]) -> list[Told]:
        """Score events in order, learn what their positions allow, and return what is worth telling, in order."""
        told: list[Told] = []
        for piece, moments in self._pieces(admitted):
            columns = self._gather.columns(piece)
            self._reserve()
            told += self._score(columns, moments)
            self.events += len(piece)
            if self.tap is not None:
                self.tap.scored(piece, columns, self.context.calendar.days(moments))
        return told

    def adopt(self, context: Context, actors: Mapping[str, str]) -> None:
        """Go by another context from the next event on; what was learned stays where it was learned.

        ``actors`` has the ids of actors by their pseudonyms, as far as the context's lessons name them.
        """
        self.context = context
        moved = self.people.adopt(context.roster)
        self.drift.moved += moved if self.ready else 0
        self._follow(context)
        self._reserve()  # a day may close before the next event, and its groups be pooled
        rows = {name: row for name, actor in actors.items() if (row := self.people.find(actor)) is not None}
        for row in self.lessons.take(context.lessons, rows, self.watermark, self.people.active_days):
            self.gate.refuse(row)

    def _follow(self, context: Context) -> None:
        """Go by the bundles of the context; what has learned nothing yet begins with the champion's priors."""
        champion, challenger = context.champion, context.challenger
        heard = JOINT in self.detections  # what learners see is the joint picture of a day
        self.learned = learned_of(champion if heard else None)
        self.shadow.follow(challenger if heard else None)
        if champion is None or not champion.priors or self.events:
            return
        groups = self.people.groups_of(champion.priors["groups"].tolist())
        self._reserve()
        seed(self._shared, groups, champion.priors)
        self.seeded = True

    def refine(self, refined: Callable[[str], str]) -> None:
        """Compare people with those who do their kind of work from now on: see ``People.refine``."""
        new = self.people.refine(refined)
        self._reserve()
        inherit(self._shared, new)

    def finish(self) -> None:
        """Close the open days, as the next events would: a log that ends is judged to its end."""
        if self.newest != NEVER:
            self._advance(self.newest + 1, self.newest + 1)

    def closed(self) -> list[Closed]:
        """The days closed since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything to go on from here, as arrays by name; what is not numbers is packed into bytes."""
        own = {
            "slot_days": self.slot_days.tolist(),
            "numbers": [self.pending, self.oldest, self.newest, self.events, self.active_days, self.active],
            "ages": [self.began, self.closed_until],
            "watermark": self.watermark,
            "detections": list(self.detections),
            "seeded": self.seeded,
        }
        state: dict[str, NDArray[Any]] = {"own": packed_values(own), "levels": self.levels.copy()}
        for name, part in self._parts().items():
            values = part.snapshot()
            plain = {key: value for key, value in values.items() if not isinstance(value, np.ndarray)}
            state |= {f"{name}/{key}": value for key, value in values.items() if isinstance(value, np.ndarray)}
            state[f"{name}.values"] = packed_values(plain)
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot of an engine with the same detections.

        Raises:
            CheckpointError: the snapshot is of other measures than this configuration has.
        """
        own = unpacked_values(state["own"])
        if own["detections"] != list(self.detections):
            raise CheckpointError(
                "the saved state was made with other detections than this configuration enables; "
                "restore detections.disabled, or begin with an empty state folder"
            )
        for name, part in self._parts().items():
            prefix = f"{name}/"
            values: dict[str, Any] = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if f"{name}.values" in state:  # a snapshot from before there were lessons or drift has none
                part.restore(values | unpacked_values(state[f"{name}.values"]))
        self.levels = np.array(state["levels"])
        self.slot_days = np.array(own["slot_days"], np.int64)
        self.pending, self.oldest, self.newest, self.events, self.active_days, self.active = own["numbers"]
        self.began, self.closed_until = own["ages"]
        self.watermark, self.seeded = own["watermark"], own.get("seeded", False)

    def _parts(self) -> dict[str, Any]:
        return {
            "people": self.people,
            "daybook": self.daybook,
            "hours": self.hours,
            "places": self.places,
            "touched": self.touched,
            "baselines": self.baselines,
            "scores": self.scores,
            "risk": self.risk,
            "budget": self.budget,
            "gate": self.gate,
            "recent": self.recent,
            "teller": self.teller,
            "lessons": self.lessons,
            "drift": self.drift,
            "shadow": self.shadow,
        }

    def _pieces(self, admitted: Sequence[Admitted]) -> Iterator[tuple[Sequence[Admitted], NDArray[np.float64]]]:
        """Cut where a day opens or closes and where a piece becomes long; moves the open days on the way."""
        if not admitted:
            return
        times = np.array([item.time for item in admitted])
        marks = np.maximum.accumulate(np.maximum(times, self.watermark))
        lateness_s = self.config.intake.lateness_s
        moments = np.maximum(times, marks - lateness_s)
        oldest, newest = self.context.calendar.days(marks - lateness_s), self.context.calendar.days(marks)
        cut = np.arange(len(times)) % LONGEST_PIECE == 0
        cut[1:] |= (oldest[1:] != oldest[:-1]) | (newest[1:] != newest[:-1])
        starts = np.flatnonzero(cut).tolist()
        for start, stop in zip(starts, [*starts[1:], len(times)], strict=True):
            if oldest[start] != self.oldest or newest[start] != self.newest:
                self._advance(int(oldest[start]), int(newest[start]), admitted[start])
            self.watermark = float(marks[stop - 1])
            yield admitted[start:stop], moments[start:stop]

    def _advance(self, oldest: int, newest: int, by: Admitted | None = None) -> None:
        for day in sorted(int(day) for day in self.slot_days if self.oldest <= day < oldest):
            if self.oldest != NEVER:
                self._close(day, by)
        for day in range(max(oldest, self.newest + 1), newest + 1):
            slot = day % SLOTS
            if self.pending != NEVER and self.slot_days[slot] == self.pending:
                self.learn_pending()
            self.daybook.free(slot)
            self.gate.free(slot)
            self.scores.free(day)
            self.slot_days[slot] = day
        self.oldest, self.newest = oldest, newest

    def _score(self, columns: Columns, moments: NDArray[np.float64]) -> list[Told]:
        rows = columns.rows
        groups = self.people.groups[rows]
        days = self.context.calendar.days(moments)
        bins = complete(self, columns, groups, days)
        running = self.daybook.add(columns, moments, days, bins)
        reached = self.scores.add(running, groups)
        first = self.recent.count
        self.recent.add(columns, days)
        verdicts = self._verdicts(running, groups, reached) if self.ready else {}
        return self.teller.tell(Scene(columns, moments, days, running, verdicts, first))

    def _verdicts(self, running: Running, groups: NDArray[np.int64], reached: Reached) -> dict[int, Verdict]:
        """The judgement after each event that may be worth telling.

        A level never falls within a day but for its joint part, so most days need no second look.
        """
        threshold = self.budget.threshold
        joint = MOST_JOINT if JOINT in self.detections else 0.0
        actors = running.keys()[0]
        lowered = self.lessons.lowered(actors)
        bound = self.risk.score_many(actors, reached.after, least=np.inf).level + lowered
        near = bound >= threshold - joint - self.learned.most - SLACK_NATS
        if not near.any():
            return {}
        events, scores = self.scores.trace(running, groups, reached, near)
        rows, least = running.rows[events], threshold - float(lowered.max()) - self.learned.most
        judged = self.risk.score_many(rows, scores, least if joint else np.inf)
        some = np.flatnonzero(judged.level >= least)  # the learners lift no other so far
        events, rows, judged = events[some], rows[some], judged.those(some)
        sums, peaks = running.sums[events], running.peaks[events]
        judged = self.learned.reconsider(Days(sums, peaks, scores[some], self.people.active_days[rows], judged))
        worth = np.flatnonzero(judged.level >= threshold - self.lessons.lowered(rows))
        return {int(events[place]): judged.of(place) for place in worth.tolist()}

    def _close(self, day: int, by: Admitted | None) -> None:
        """Judge a day that no event can change any more, and learn the one that closed before it."""
        slot = day % SLOTS
        rows = np.flatnonzero(self.daybook.sums[:, slot, Feature.EVENTS] > 0)
        rows = rows[rows != CROWD]
        if len(rows):
            self.began, self.closed_until = (day if self.began == NEVER else self.began), day
            scores = self.scores.of_days(rows, day)
            seen = self._seen(rows, slot, scores)
            judged = self.learned.reconsider(seen)
            settled = self.settled
            level = judged.level if settled else np.zeros(len(rows))
            open_ = self.teller.open_many(rows, day)
            if settled:
                self.risk.learn_many(rows, scores, judged, ~open_)
            people = ~self.people.services[rows]
            self.budget.close(day, rows[people], level[people], settled, self.ready)
            if settled and self.ready:
                mine, opened = rows[people], self.teller.opened_many(rows[people], day)
                self.shadow.close(day, mine, self.shadow.learned.reconsider(seen).level[people], opened)
            self.people.active_days[rows] += 1
            self.people.last_day[rows] = day
            for row in self.lessons.accepted(self.people.active_days):
                self.gate.accept(row)
            for row in self.lessons.expire((day + 1) * DAY_S, self.people.active_days):
                self.gate.refuse(row)
            told = open_ | self.lessons.watched(rows)
            self.gate.judge(rows, slot, level, told, self.people.active_days[rows])
            age = np.maximum(day - self.levels[rows, 0], 0.0)
            past = self.levels[rows, 1] * 2.0 ** (-age / self.config.risk.half_life_days)
            if self.tap is not None:
                self.tap.closed(Closing(day, rows, scores, judged, level, open_, past, by))
            self.levels[rows] = np.stack([np.full(len(rows), float(day)), np.maximum(level, past)], axis=1)
            self._closed.append(Closed(day, rows, level, self.levels[rows, 1].copy(), self._nats(day, rows, judged)))
            self.active_days += 1
            self.active = len(rows)
        self.daybook.close(day)
        if self.pending != NEVER:
            self.learn_pending()
        self.pending = day

    def _seen(self, rows: NDArray[np.int64], slot: int, scores: NDArray[np.float64]) -> Days:
        """A closed day of rows (n,) with scores (n, C), as the online models judge it."""
        sums, peaks = self.daybook.sums[rows, slot], self.daybook.peaks[rows, slot]
        return Days(sums, peaks, scores, self.people.active_days[rows], self.risk.score_many(rows, scores))

    def _nats(self, day: int, rows: NDArray[np.int64], judged: Judgement) -> NDArray[np.float64]:
        """Each detection's score of a closed day's actors, (n, D); (0, D) during the warm-up."""
        nats = self.teller.nats_many(judged)
        if not self.ready:
            return nats[:0]
        people, sums = self.people, self.daybook.sums[rows, day % SLOTS]
        young = people.active_days[rows] <= YOUNG_DAYS
        self.drift.learn(day, tally_day(nats, judged.today, people.groups[rows], young, sums))
        return nats

    def learn_pending(self) -> None:
        """Learn the day that has waited: actors whose day was unremarkable and who have no open episode."""
        day, slot = self.pending, self.pending % SLOTS
        rows = np.flatnonzero(self.daybook.sums[:, slot, Feature.EVENTS] > 0)
        rows = rows[self.gate.decide(rows, slot, self.daybook.late[rows, slot], self.teller.open_many(rows, day + 1))]
        groups = self.people.groups
        if len(rows):
            sums, peaks = (array[rows, slot].astype(np.float64) for array in (self.daybook.sums, self.daybook.peaks))
            self.baselines.learn_many(rows, groups[rows], sums, peaks)
            present = (self.daybook.hours[rows, slot][:, None] >> np.arange(48, dtype=np.uint64)) & np.uint64(1)
            who, bins = np.nonzero(present)
            self.hours.learn_many(rows[who], groups[rows[who]], bins)
        learned = np.zeros(len(self.levels), np.bool_)
        learned[rows] = True
        self.places.learn(day, groups, learned)
        self.touched.turn()
        self.baselines.pool(groups[: len(self.people)], len(self.people.group_names))
        self.pending = NEVER
        self._evict(day)

    def _evict(self, day: int) -> None:
        rows = np.arange(len(self.people))
        busy = self.teller.open_many(rows, day) | (self.daybook.sums[: len(rows), :, Feature.EVENTS] > 0).any(axis=1)
        gone = self.people.evict(busy)
        if len(gone):
            parts = self._parts()
            for name in OF_ROWS:
                parts[name].clear(gone)
            self.levels[gone] = 0

    def _reserve(self) -> None:
        """Make room for every row and group that the people now have."""
        size, groups = len(self.levels), self.people.n_groups
        if len(self.people) > size:
            size = capacity(len(self.people))
            self.levels = np.concatenate([self.levels, np.zeros((size - len(self.levels), 2))])
            for part in (self.daybook, self.scores, self.risk, self.gate, self.teller, self.shadow):
                part.grow(size)
        if (size, groups) != self._reserved:
            for model in (self.places, self.hours, self.baselines):
                model.grow(size, groups)
            self._reserved = size, groups
