"""A small office whose ordinary days are drawn from a seed, and the engine that watches it."""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from detector.calendar import Calendar
from detector.config import Config
from detector.context import Context
from detector.engine import Engine
from detector.roster import Person
from detector.telling import Told
from streams import AccessEvent, Actor, Admitted, Data, Position, Record, Records, Resource, Src, Tokens

TOKENS = Tokens(b"0123456789abcdef")
MONDAY = date(2026, 3, 2)
HONEY = "H-1"
PEOPLE = tuple(f"E{number:02d}" for number in range(30))
WARM_UP_DAYS = 6


def at(day: int, hour: float) -> float:
    """UTC seconds of an hour of Shanghai's clock, days after the first Monday."""
    midnight = datetime(MONDAY.year, MONDAY.month, MONDAY.day, tzinfo=UTC) + timedelta(days=day, hours=-8)
    return midnight.timestamp() + hour * 3_600.0


def event(actor: str, time: float, *customers: str, **facts: Any) -> AccessEvent:
    """An access; customers are raw identifiers, `count`, `kilobytes`, `channel`, `host`, `ip`, `level`, `role`, `type`,
    `system` and `agent` go to their places."""
    count, kilobytes = facts.pop("count", None), facts.pop("kilobytes", None)
    place = {"ip": facts.pop("ip", None), "host": facts.pop("host", f"WS-{actor}")}
    src = Src(channel=facts.pop("channel", "ui"), user_agent=facts.pop("agent", None), **place)
    level = facts.pop("level", None)
    who = Actor(actor, role=facts.pop("role", "clerk"), type=facts.pop("type", "employee"))
    resource = Resource(facts.pop("system", "claims"), facts.pop("resource", "claim"))
    records = None if count is None else Records(count, None if kilobytes is None else kilobytes * 1_000)
    return AccessEvent(
        event_id=facts.pop("id", f"{actor}-{time:.3f}"),
        time=datetime.fromtimestamp(time, UTC),
        actor=who,
        action=facts.pop("action", "read"),
        resource=resource,
        outcome=facts.pop("outcome", "success"),
        subjects=tuple(TOKENS.token("subject", customer) for customer in customers),
        serials=tuple(TOKENS.serial(customer) for customer in customers),
        records=records,
        data=None if level is None else Data(level),
        src=src,
        **facts,
    )


def admit(events: Iterable[AccessEvent], first: int = 0) -> list[Admitted]:
    """The events as a guard admits them, none late."""
    return [
        Admitted(one, Record(b"", Position("log", offset)), one.time.timestamp(), False)
        for offset, one in enumerate(events, first)
    ]


def ordinary_day(
    rng: np.random.Generator, day: int, people: Sequence[str] = PEOPLE, events: int = 16
) -> list[AccessEvent]:
    """A working day of everyone: cases with a purpose, a few accesses without, a small export, irregular pauses."""
    made = []
    for actor in people:
        n = int(rng.integers(events - 4, events + 5))
        for time in np.sort(rng.uniform(at(day, 9.0), at(day, 17.5), n)).tolist():
            customer = f"C-{rng.integers(1_000, 900_000)}"
            draw = rng.random()
            if draw < 0.75:
                one = event(actor, time, customer, purpose="claim:1", count=1, masked=bool(rng.random() < 0.9))
            elif draw < 0.9:
                one = event(actor, time, customer, count=1, masked=True, action="search")
            elif draw < 0.96:
                one = event(actor, time, customer, count=1, action="update")
            else:
                one = event(actor, time, customer, count=int(rng.integers(1, 6)), kilobytes=3, action="export")
            made.append(one)
    return sorted(made, key=lambda one: (one.time, one.event_id))


def working_days(first: int, count: int) -> list[int]:
    """Weekdays, as days after the first Monday."""
    return [day for day in range(first, first + 2 * count + 7) if day % 7 < 5][:count]


def past(days: int = 15, seed: int = 1, people: Sequence[str] = PEOPLE) -> list[AccessEvent]:
    """That many working days of everyone."""
    rng = np.random.default_rng(seed)
    return [one for day in working_days(0, days) for one in ordinary_day(rng, day, people)]


def engine(roster: Iterable[Person] = (), zone: str = "Asia/Shanghai", **sections: Any) -> Engine:
    """An engine that tells statistical findings after a short warm-up."""
    risk = {"warm_up_days": WARM_UP_DAYS} | sections.pop("risk", {})
    profiles = {"max_actors": 400, "recent_events": 8_192} | sections.pop("profiles", {})
    config = Config.model_validate({"risk": risk, "profiles": profiles, **sections})
    honey = np.array([int(TOKENS.token("subject", HONEY), 16)], np.uint64)
    return Engine(config, Context({person.id: person for person in roster}, honey, Calendar(zone, "CN")))


def saved(state: dict[str, Any]) -> dict[str, Any]:
    """A snapshot after a trip through a file of arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **state)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as arrays:
        return dict(arrays)


def names(told: Iterable[Told], actor: str) -> set[str]:
    """The detections that were named about an actor."""
    return {finding.detection for one in told if one.actor == actor for finding in one.findings}
