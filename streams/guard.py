"""The order guard: which events are late, told twice, or from a clock that is wrong."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from streams.event import AccessEvent
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason, Rejected

DAY_S = 86_400.0
HELD_ENOUGH = 16  # this many waiting say that the log is merely sparse; bounds memory too
WITNESSES = 2  # different actors whose clocks agree: one broken clock cannot move the log


class GuardConfig(msgspec.Struct, frozen=True):
    """How far events may stray: seconds behind (late), seconds ahead (held), ids remembered (duplicates)."""

    lateness_s: float = 3600.0
    skew_s: float = 3.5 * DAY_S
    duplicates: int = 65_536


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """An event that may be scored, with its `time` in Unix seconds; a `late` one is scored but not learned."""

    event: AccessEvent
    record: Record
    time: float
    late: bool


class Guard:
    """Decides event by event, in arrival order, without a clock; how the stream is cut does not matter.

    The watermark is the largest time admitted. An event id seen among the last `duplicates` is dropped and
    counted. An event more than `skew_s` ahead of the watermark is held until the log decides: two actors
    within `skew_s` of each other move the watermark to where they agree, sixteen held events move it to the
    earliest of them, and an event within `skew_s` of the old watermark rejects all held as future. A log
    begins the same way, without a watermark, so that a first event with a broken clock cannot make the rest
    late.

    `arrived` is when the input is known to have existed (Unix seconds), if known: an event more than a day
    later is rejected at once, unless the very first event of the log is one (a log written ahead of its
    time).
    """

    def __init__(self, config: GuardConfig | None = None) -> None:
        self.config = config or GuardConfig()
        self.watermark: float | None = None
        self.duplicates = 0
        self._believes_arrival: bool | None = None  # None until the first event decides
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._held: list[tuple[AccessEvent, Record]] = []

    def admit(self, event: AccessEvent, record: Record, arrived: float | None = None) -> list[Admitted | Rejected]:
        """What this event decides: events that waited for it, and itself, in the order they arrived."""
        time = event.time.timestamp()
        if event.event_id in self._seen:
            self.duplicates += 1
            return []
        if self._after_arrival(time, arrived):
            return [_future(record, "more than a day after its arrival")]
        self._remember(event.event_id)
        watermark, skew_s = self.watermark, self.config.skew_s
        if watermark is not None and time <= watermark + skew_s:
            rejected = self._reject_held() if self._held and time >= watermark - skew_s else []
            return [*rejected, self._accept(event, record, time)]
        self._held.append((event, record))
        return self._settle()

    def flush(self, arrived: float | None = None) -> list[Admitted | Rejected]:
        """The log ends: held events not later than `arrived` are admitted, others rejected as future.

        Without a watermark the log was too short to agree: the largest group within `skew_s` stands for it.
        """
        out: list[Admitted | Rejected] = []
        if self.watermark is None and self._held:
            self.watermark = self._largest_group()
            out += self._release()
        for event, record in self._held:
            time = event.time.timestamp()
            if arrived is not None and time <= arrived:
                out.append(self._accept(event, record, time))
            else:
                out.append(self._forget(event, record))
        self._held = []
        return out

    @property
    def holding(self) -> int:
        """Events that wait for the log to decide."""
        return len(self._held)

    def snapshot(self) -> dict[str, Any]:
        """Everything to go on from here, as JSON."""
        return {
            "version": 1,
            "watermark": self.watermark,
            "duplicates": self.duplicates,
            "believes_arrival": self._believes_arrival,
            "seen": list(self._seen),
            "held": [
                {
                    "event": msgspec.to_builtins(event),
                    "raw": base64.b64encode(record.raw).decode(),
                    "source": record.position.source,
                    "offset": record.position.offset,
                    "key": base64.b64encode(record.key).decode() if record.key is not None else None,
                    "content_type": record.content_type,
                }
                for event, record in self._held
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self.watermark = state["watermark"]
        self.duplicates = state["duplicates"]
        self._believes_arrival = state["believes_arrival"]
        self._seen = OrderedDict.fromkeys(state["seen"])
        self._held = [(msgspec.convert(held["event"], AccessEvent), _record(held)) for held in state["held"]]

    def _after_arrival(self, time: float, arrived: float | None) -> bool:
        if arrived is None:
            return False
        after = time > arrived + DAY_S
        if self._believes_arrival is None:
            self._believes_arrival = not after
        return after and self._believes_arrival

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > self.config.duplicates:
            self._seen.popitem(last=False)

    def _accept(self, event: AccessEvent, record: Record, time: float) -> Admitted:
        watermark = self.watermark
        if watermark is None or time > watermark:
            self.watermark = time
            return Admitted(event, record, time, late=False)
        return Admitted(event, record, time, late=time < watermark - self.config.lateness_s)

    def _settle(self) -> list[Admitted | Rejected]:
        """Move the watermark if the held events agree on a time, and let go of those it reaches."""
        times = sorted((event.time.timestamp(), event.actor.id) for event, _ in self._held)
        agreed = self._agreement(times)
        if agreed is not None:
            self.watermark = agreed
        elif len(times) >= HELD_ENOUGH and self.watermark is not None:
            self.watermark = times[0][0]
        elif len(times) >= HELD_ENOUGH:
            self.watermark = self._largest_group()
        return self._release()

    def _agreement(self, times: list[tuple[float, str]]) -> float | None:
        """The earliest time from which, within `skew_s`, enough different actors are held."""
        for start, (time, _) in enumerate(times):
            group = [actor for later, actor in times[start:] if later <= time + self.config.skew_s]
            if len(set(group)) >= WITNESSES:
                return time
        return None

    def _largest_group(self) -> float:
        """The earliest time from which, within `skew_s`, most events are held."""
        times = sorted(event.time.timestamp() for event, _ in self._held)
        return max(times, key=lambda time: sum(time <= other <= time + self.config.skew_s for other in times))

    def _release(self) -> list[Admitted | Rejected]:
        out: list[Admitted | Rejected] = []
        kept: list[tuple[AccessEvent, Record]] = []
        for event, record in self._held:
            time = event.time.timestamp()
            if self.watermark is not None and time <= self.watermark + self.config.skew_s:
                out.append(self._accept(event, record, time))
            else:
                kept.append((event, record))
        self._held = kept
        return out

    def _reject_held(self) -> list[Admitted | Rejected]:
        held, self._held = self._held, []
        return [self._forget(event, record) for event, record in held]

    def _forget(self, event: AccessEvent, record: Record) -> Rejected:
        self._seen.pop(event.event_id, None)  # mended and sent again, it is no duplicate
        return _future(record, "its time lies ahead of everything the log agrees on")


def _record(held: Mapping[str, Any]) -> Record:
    key, position = held.get("key"), Position(held["source"], held["offset"])  # older snapshots have no keys
    return Record(
        base64.b64decode(held["raw"]),
        position,
        key=base64.b64decode(key) if key is not None else None,
        content_type=held.get("content_type", ""),
    )


def _future(record: Record, detail: str) -> Rejected:
    return record.rejected(Reason.FUTURE, detail)
