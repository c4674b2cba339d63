"""The peer of the benchmark: the same detector as one would write it with river, one event at a time.

It computes the features of ``detector.features`` and the measures of ``detector.detections``, and judges them
by models of the same kind: for each person and measure an exponentially weighted mean and variance, shrunk
towards the peer group's; a multinomial over hours and one over places; an approximate count of distinct
customers; a calibration of each measure and of its accumulated sum; their fusion, and a learned threshold. It
scores before it learns, learns a day when it is over, and does not learn a remarkable one. It has no
checkpoint, no bound on memory, no shifts and no evidence beyond the measures: that makes it faster.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import nlargest
from math import erfc, log, log1p, log2, sqrt
from zoneinfo import ZoneInfo

from river import anomaly, proba, sketch, stats

from detector.context import Context
from detector.detections import DETECTIONS
from detector.features import Feature, Peak
from detector.measures import Measure, Share, Size, Surprise, Volume
from streams import AccessEvent

TAKES_OUT = {"export", "download", "print", "send", "share", "copy"}
CARRIES_OFF = {"print", "send", "share", "copy"}
CHANGING = {"update", "create", "delete", "grant"}
REMOVABLE = {"usb", "print", "email", "web"}
EXPLAINABLE = [feature.name for feature in Feature if feature >= Feature.UNEXPLAINED_EVENTS]
MEASURES: tuple[Measure, ...] = tuple(measure for d in DETECTIONS.values() for measure in d.measures)
NAMES = (*Feature.__members__, *Peak.__members__)
SIZES = [(i, m.of.name) for i, m in enumerate(MEASURES) if isinstance(m, Size | Volume)]
SHARES = [(i, m.of.name, m.among.name) for i, m in enumerate(MEASURES) if isinstance(m, Share)]
SURPRISES = [(i, m.of.name) for i, m in enumerate(MEASURES) if isinstance(m, Surprise)]
FADING = 1.0 - 2.0 ** (-1.0 / 30.0)
REGISTERS_ERROR = 0.092  # 128 registers, as the engine has
PRIOR_DAYS = 5.0
ALLOWANCE, MOST_A_DAY = 2.3, 9.2
BUDGET = 0.995
GATE_NATS = -log(0.01)
LEAST_P = 1e-12
SETTLED, WARM_UP = 500, 1_000
"""Actor-days: the calibrations stand, and there is a threshold to go by."""
LN10 = log(10.0)


class Baseline:
    """River's exponentially weighted mean and variance of one measure."""

    def __init__(self) -> None:
        self.mean, self.variance = stats.EWMean(FADING), stats.EWVar(FADING)

    def update(self, x: float) -> None:
        self.mean.update(x)
        self.variance.update(x)


@dataclass
class Group:
    """What peers do."""

    baselines: list[Baseline] = field(default_factory=lambda: [Baseline() for _ in MEASURES])
    hours: proba.Multinomial = field(default_factory=proba.Multinomial)
    places: proba.Multinomial = field(default_factory=proba.Multinomial)
    days: int = 0


@dataclass
class Day:
    """What one person did today."""

    number: int
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NAMES, 0.0))
    """Sums and, under their own names, the largest values so far."""
    customers: sketch.NUnique = field(default_factory=lambda: sketch.NUnique(REGISTERS_ERROR, seed=1))
    hours: set[int] = field(default_factory=set)
    places: set[tuple[str, str]] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    strongest: list[float] = field(default_factory=lambda: [0.0] * len(MEASURES))
    total: float = 0.0
    level: float = 0.0


@dataclass
class Person:
    """What one person does, and did."""

    group: Group
    today: Day
    baselines: list[Baseline] = field(default_factory=lambda: [Baseline() for _ in MEASURES])
    hours: proba.Multinomial = field(default_factory=proba.Multinomial)
    places: proba.Multinomial = field(default_factory=proba.Multinomial)
    touched: set[str] = field(default_factory=set)
    sums: list[float] = field(default_factory=lambda: [0.0] * len(MEASURES))
    days: int = 0
    last_time: float = 0.0
    last_serial: int = -1
    windows: dict[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A finding: who, how high, and the measures that stood out."""

    actor: str
    level: float
    measures: tuple[tuple[str, float], ...]


class RiverPeer:
    """Scores one event, then learns what it closed."""

    def __init__(self, context: Context, zone: str) -> None:
        self._zone, self._calendar, self._roster = ZoneInfo(zone), context.calendar, context.roster
        self._honey = set(context.honey.tolist())
        self.people: dict[str, Person] = {}
        self._groups: dict[str, Group] = defaultdict(Group)
        self._everyone = Group()
        self._calibrators = [anomaly.GaussianScorer() for _ in MEASURES]
        self._accumulated = [anomaly.GaussianScorer() for _ in MEASURES]
        self._total = anomaly.GaussianScorer()
        self._threshold = stats.Quantile(BUDGET)
        self._closed = 0
        self.recent: deque[tuple[str, str]] = deque(maxlen=65_536)

    def process_one(self, event: AccessEvent) -> Found | None:
        """What this event makes worth telling, if anything."""
        local = event.time.astimezone(self._zone)
        day = (local - timedelta(hours=4)).toordinal() - 719_163
        person = self._person(event, day)
        if day > person.today.number:
            self._close(person)
            person.today = Day(day)
        hour = local.hour + 24 * (not self._calendar.is_working(local.toordinal() - 719_163))
        self.recent.append((event.actor.id, event.event_id))
        amounts = self._amounts(event, person, hour)
        sums = person.today.sums
        for name, amount in amounts.items():
            sums[name] += amount
        self._peaks(event, person, amounts)
        return self._judge(event.actor.id, person)

    def _person(self, event: AccessEvent, day: int) -> Person:
        person = self.people.get(event.actor.id)
        if person is None:
            known = self._roster.get(event.actor.id)
            role = (known.role if known is not None else "") or event.actor.role or ""
            person = self.people[event.actor.id] = Person(self._groups[role], Day(day))
        return person

    def _amounts(self, event: AccessEvent, person: Person, hour: int) -> dict[str, float]:
        amounts = simple_amounts(event)
        moment = event.time.timestamp()
        gap = moment - person.last_time
        if 0 <= gap < 600:
            pause = round(4 * log2(min(max(gap, 0.5), 600.0))) + 4.0
            amounts |= {
                "PAUSES": 1.0,
                "PAUSE_SUM": pause,
                "PAUSE_SQUARES": pause * pause,
                "BURSTS": float(gap < 2),
            }
        person.last_time = moment
        if event.subjects and event.serials[0] >= 0:
            amounts["STEPS"] = float(1 <= abs(event.serials[0] - person.last_serial) <= 3)
            person.last_serial = event.serials[-1]
        amounts["OFF_HOURS"] = float(hour >= 20 or hour < 7)
        amounts["ODDNESS"] = round(-100 * log(max(self._hour_p(person, hour), 1e-4)) / log(10))
        amounts["NEWNESS"] = self._newness(event, person)
        person.today.hours.add(hour)
        if event.subjects:
            amounts["FIRST_TOUCHES"] = float(event.subjects[0] not in person.touched)
            person.today.touched.update(event.subjects)
            amounts["HONEY"] = float(any(int(subject, 16) in self._honey for subject in event.subjects))
        if event.purpose:
            amounts |= dict.fromkeys(EXPLAINABLE, 0.0)
        return amounts

    def _hour_p(self, person: Person, hour: int) -> float:
        days = person.days
        return float((days * person.hours(hour) + PRIOR_DAYS * person.group.hours(hour)) / (days + PRIOR_DAYS))

    def _newness(self, event: AccessEvent, person: Person) -> float:
        surprise = 0.0
        for place in places(event):
            if place not in person.places.counts and place not in person.today.places:
                p = max(person.group.places(place), 0.1 * self._everyone.places(place), 1e-6)
                surprise -= 100 * log(p * PRIOR_DAYS / (person.days + PRIOR_DAYS)) / log(10)
            person.today.places.add(place)
        return round(surprise)

    def _peaks(self, event: AccessEvent, person: Person, amounts: dict[str, float]) -> None:
        moment, peaks = event.time.timestamp(), person.today.sums
        for name, length_s, amount in (
            ("EXPORTED_HOUR", 3600, amounts["UNEXPLAINED_EXPORTED"]),
            ("TOUCHES_HOUR", 3600, amounts["UNEXPLAINED"]),
            ("EVENTS_TEN_MINUTES", 600, amounts["UNEXPLAINED_EVENTS"]),
        ):
            window = int(moment // length_s)
            known, so_far = person.windows.get(name, (window, 0.0))
            total = so_far + amount if known == window else amount
            person.windows[name] = (window, total)
            peaks[name] = max(peaks[name], total)
        if event.subjects:
            customers = person.today.customers
            for subject in event.subjects:
                customers.update(subject)
            peaks["CUSTOMERS"] = float(customers.get())

    def _judge(self, actor: str, person: Person) -> Found | None:
        day, today, accumulated = person.today, [], []
        strongest, sums = day.strongest, person.sums
        for index, nats in enumerate(scores(person)):
            strongest[index] = max(strongest[index], nats)
            p = 1.0 - self._calibrators[index].score_one(None, strongest[index])
            calibrated = -log(max(LEAST_P, p))
            today.append(calibrated)
            total = max(sums[index] + min(calibrated, MOST_A_DAY) - ALLOWANCE, 0.0)
            p = 1.0 - self._accumulated[index].score_one(None, total)
            accumulated.append(-log(max(LEAST_P, p)))
        day.total = max(fuse(today), fuse(accumulated))
        day.level = -log(max(1.0 - self._total.score_one(None, day.total), LEAST_P))
        if not day.sums["HONEY"] and (self._closed < WARM_UP or day.total <= self._threshold.get()):
            return None
        top = nlargest(3, range(len(MEASURES)), key=today.__getitem__)
        values = transformed(day)
        return Found(actor, day.level, tuple((MEASURES[i].name, values[i]) for i in top))

    def _close(self, person: Person) -> None:
        day = person.today
        self._closed += 1
        if self._closed > SETTLED:
            self._threshold.update(day.total)
            self._total.learn_one(None, day.total)
        for index, strongest in enumerate(day.strongest):
            self._calibrators[index].learn_one(None, strongest)
            person.sums[index] = max(0.9 * person.sums[index] + min(strongest, MOST_A_DAY) - ALLOWANCE, 0.0)
            self._accumulated[index].learn_one(None, person.sums[index])
        if day.level >= GATE_NATS and person.days >= 8:
            return
        for known in (person, person.group, self._everyone):
            known.days += 1
            for hour in day.hours:
                known.hours.update(hour)
            for place in day.places:
                known.places.update(place)
        for index, x in enumerate(transformed(day)):
            person.baselines[index].update(x)
            person.group.baselines[index].update(x)
        person.touched |= day.touched


def simple_amounts(event: AccessEvent) -> dict[str, float]:
    """What an event adds that needs no history."""
    succeeded, touches, action = event.outcome == "success", bool(event.subjects), event.action
    channel = event.src.channel if event.src is not None else None
    count = event.records.count if event.records is not None else None
    disclosed = float(len(event.subjects) if count is None else count) if succeeded else 0.0
    taken = succeeded and action in TAKES_OUT
    data_class = event.data.class_ if event.data is not None else None
    return {
        "EVENTS": 1.0,
        "UNEXPLAINED_EVENTS": 1.0,
        "TOUCHES": float(touches),
        "UNEXPLAINED": float(touches),
        "DISCLOSED": disclosed,
        "RECORDS": disclosed,
        "EXPORTED": disclosed * taken,
        "UNEXPLAINED_EXPORTED": disclosed * taken,
        "EXPORTS": float(taken),
        "REMOVALS": float(taken and (channel in REMOVABLE or action in CARRIES_OFF)),
        "KILOBYTES": float((event.records.bytes or 0) // 1000) if event.records is not None and succeeded else 0.0,
        "MASKABLE": float(event.masked is not None),
        "UNMASKED": float(event.masked is False and succeeded),
        "SENSITIVE": float(data_class in {"C3", "C4", "C5"}),
        "CHANGES": float(action in CHANGING),
        "SEARCHES": float(action == "search"),
        "REFUSED": float(event.outcome in {"denied", "failure"}),
        "DIRECT": float(channel in {"sql", "api"}),
        "STEPS": 0.0,
        "BURSTS": 0.0,
        "FIRST_TOUCHES": 0.0,
    }


def places(event: AccessEvent) -> list[tuple[str, str]]:
    """Where an event comes from and goes to."""
    system, src = event.resource.system, event.src
    found = [("action", f"{system}/{event.action}")]
    if event.resource.type is not None:
        found.append(("resource", f"{system}/{event.resource.type}"))
    if src is not None:
        pairs = (("host", src.host), ("ip", src.ip), ("channel", src.channel), ("agent", src.user_agent))
        found += [(kind, value) for kind, value in pairs if value is not None]
    return found


def surprise(of: str, sums: dict[str, float]) -> float:
    """A sum of surprises, in nats."""
    if of == "ODDNESS":
        return LN10 * sums["ODDNESS"] / 100 / max(sums["EVENTS"], 20.0)
    if of == "NEWNESS":
        return LN10 * sums["NEWNESS"] / 100
    count = sums["PAUSES"]
    if count < 15:
        return 0.0
    mean = sums["PAUSE_SUM"] / count
    variance = (sums["PAUSE_SQUARES"] / count - mean * mean) / 16
    return max(2.0 - log(max(variance, 1e-3)), 0.0)


def transformed(day: Day) -> list[float]:
    """Every measure of a day, as the baselines learn it: shares as they are, amounts as logarithms."""
    sums, values = day.sums, [0.0] * len(MEASURES)
    for index, of in SIZES:
        values[index] = log1p(sums[of])
    for index, of, among in SHARES:
        values[index] = sums[of] / (sums[among] or 1.0)
    for index, of in SURPRISES:
        values[index] = surprise(of, sums)
    return values


def scores(person: Person) -> list[float]:
    """-ln of the upper tail of each measure under the person's baseline, shrunk towards the peers'."""
    sums, values = person.today.sums, transformed(person.today)
    own, peers = person.baselines, person.group.baselines
    weight = person.days / (person.days + PRIOR_DAYS)
    for index, _ in SIZES:
        mean, variance = expected(own[index], peers[index], weight)
        values[index] = tail(values[index] - mean, variance)
    for index, _, among in SHARES:
        mean, variance = expected(own[index], peers[index], weight)
        trials = min(sums[among], 60.0) or 1.0
        values[index] = tail(values[index] - mean, variance + mean * (1.0 - mean) / trials)
    return values


def expected(own: Baseline, peers: Baseline, weight: float) -> tuple[float, float]:
    """Mean and variance, ``weight`` of them the person's own."""
    rest = 1.0 - weight
    mean = weight * own.mean.get() + rest * peers.mean.get()
    return mean, weight * own.variance.get() + rest * peers.variance.get()


def tail(excess: float, variance: float) -> float:
    """-ln of the normal distribution's upper tail."""
    p = 0.5 * erfc(excess / sqrt(2.0 * variance + 1e-3))
    return -log(max(1e-130, p))


def fuse(nats: list[float]) -> float:
    """The strongest in full and the four next at half weight."""
    top = nlargest(5, nats)
    return 0.5 * top[0] + 0.5 * sum(top)
