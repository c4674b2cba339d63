"""Hop 3, gather: admitted events become numpy columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from detector.features import N_FEATURES, N_KINDS, Feature, Kind
from streams import AccessEvent, Admitted

TAKES_OUT = frozenset({"export", "download", "print", "send", "share", "copy"})
CARRIES_OFF = frozenset({"print", "send", "share", "copy"})
REMOVABLE = frozenset({"usb", "print", "email", "web"})
CHANGING = frozenset({"update", "create", "delete", "grant"})
DIRECT = frozenset({"sql", "api"})
SENSITIVE = frozenset({"C3", "C4", "C5"})
REFUSED = frozenset({"denied", "failure"})
MAX_AMOUNT = 10_000_000.0
"""One event adds at most this much to any sum: far above any real export, below what float32 sums can hold."""
MAX_CACHED = 200_000
MAX_HASHED_SUBJECTS = 1_000
"""Distinct customers are estimated from at most this many subjects an event; `records.count` has the volume."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch of n events. Subjects are ragged: one row for each subject kept, in the order of the events.

    Attributes:
        times: UTC seconds, (n,).
        rows: the actor's row in the profiles, (n,).
        late: arrived after the lateness bound, (n,).
        amounts: what each event adds, (n, ``N_FEATURES``); the features that need history are still 0.
        values: hashes of the places, 0 where there is none, (n, ``N_KINDS``) uint64.
        subject_events: the event of each subject, (m,).
        subjects: the subject tokens as numbers, (m,) uint64.
        serials: numbers of the first and last subject of each event, -1 where there is none, (n, 2).
        event_ids: (n,) list.
        positions: (n,) list of the records' positions in words.
    """

    times: NDArray[np.float64]
    rows: NDArray[np.int64]
    late: NDArray[np.bool_]
    amounts: NDArray[np.float64]
    values: NDArray[np.uint64]
    subject_events: NDArray[np.int64]
    subjects: NDArray[np.uint64]
    serials: NDArray[np.int64]
    event_ids: list[str]
    positions: list[str]

    def __len__(self) -> int:
        return len(self.times)

    def piece(self, start: int, stop: int) -> "Columns":
        """The events from ``start`` up to ``stop``."""
        first, last = np.searchsorted(self.subject_events, [start, stop])
        return Columns(
            self.times[start:stop],
            self.rows[start:stop],
            self.late[start:stop],
            self.amounts[start:stop],
            self.values[start:stop],
            self.subject_events[first:last] - start,
            self.subjects[first:last],
            self.serials[start:stop],
            self.event_ids[start:stop],
            self.positions[start:stop],
        )


class Gather:
    """Turns events into columns. Holds only a cache of hashes, so it has nothing to restore.

    Args:
        row_of: gives the row of an event's actor.
    """

    def __init__(self, row_of: Callable[[AccessEvent], int]) -> None:
        self._row_of = row_of
        self._hashes: dict[tuple[int, str], int] = {}

    def columns(self, admitted: Sequence[Admitted]) -> Columns:
        """The columns of a batch, in its order."""
        n = len(admitted)
        amounts = np.zeros((n, N_FEATURES))
        values = np.zeros((n, N_KINDS), np.uint64)
        times = np.empty(n)
        rows = np.empty(n, np.int64)
        late = np.zeros(n, np.bool_)
        serials = np.full((n, 2), -1, np.int64)
        subject_events: list[int] = []
        subjects: list[int] = []
        for index, item in enumerate(admitted):
            event = item.event
            times[index] = event.time.timestamp()
            rows[index] = self._row_of(event)
            late[index] = item.late
            amounts[index] = _amounts(event)
            values[index] = self._places(event)
            if event.subjects:
                kept = event.subjects[:MAX_HASHED_SUBJECTS]
                subject_events += [index] * len(kept)
                subjects += [int(token, 16) for token in kept]
                serials[index] = event.serials[0], event.serials[-1]
        return Columns(
            times,
            rows,
            late,
            np.minimum(amounts, MAX_AMOUNT),
            values,
            np.array(subject_events, np.int64),
            np.array(subjects, np.uint64),
            serials,
            [item.event.event_id for item in admitted],
            [str(item.record.position) for item in admitted],
        )

    def _places(self, event: AccessEvent) -> list[int]:
        places = [0] * N_KINDS
        system, hashed = event.resource.system, self._hash
        src = event.src
        if src is not None:
            if src.host is not None:
                places[Kind.HOST] = hashed(Kind.HOST, src.host)
            if src.ip is not None:
                places[Kind.ADDRESS] = hashed(Kind.ADDRESS, src.ip)
            if src.channel is not None:
                places[Kind.CHANNEL] = hashed(Kind.CHANNEL, src.channel)
            if src.user_agent is not None:
                places[Kind.AGENT] = hashed(Kind.AGENT, src.user_agent)
        places[Kind.ACTION] = hashed(Kind.ACTION, f"{system}/{event.action}")
        if event.resource.type is not None:
            places[Kind.RESOURCE] = hashed(Kind.RESOURCE, f"{system}/{event.resource.type}")
        return places

    def _hash(self, kind: int, text: str) -> int:
        key = (kind, text)
        known = self._hashes.get(key)
        if known is None:
            if len(self._hashes) >= MAX_CACHED:
                self._hashes.clear()
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=bytes([kind]))
            known = int.from_bytes(digest.digest(), "little") or 1
            self._hashes[key] = known
        return known


def _amounts(event: AccessEvent) -> list[float]:
    amounts = [0.0] * N_FEATURES
    amounts[Feature.EVENTS] = 1.0
    action, succeeded = event.action, event.outcome == "success"
    channel = event.src.channel if event.src is not None else None
    if event.subjects:
        amounts[Feature.TOUCHES] = 1.0
        amounts[Feature.UNEXPLAINED] = float(not event.purpose)
    if event.masked is not None:
        amounts[Feature.MASKABLE] = 1.0
        amounts[Feature.UNMASKED] = float(succeeded and not event.masked)
    if succeeded:
        disclosed = _disclosed(event)
        amounts[Feature.RECORDS] = disclosed
        if event.records is not None and event.records.bytes:
            amounts[Feature.KILOBYTES] = float(event.records.bytes // 1_000)
        if action in TAKES_OUT:
            amounts[Feature.EXPORTS] = 1.0
            amounts[Feature.EXPORTED] = disclosed
            amounts[Feature.REMOVALS] = float(channel in REMOVABLE or action in CARRIES_OFF)
    amounts[Feature.CHANGES] = float(action in CHANGING)
    amounts[Feature.SEARCHES] = float(action == "search")
    amounts[Feature.REFUSED] = float(event.outcome in REFUSED)
    amounts[Feature.DIRECT] = float(channel in DIRECT)
    amounts[Feature.SENSITIVE] = float(event.data is not None and event.data.class_ in SENSITIVE)
    return amounts


def _disclosed(event: AccessEvent) -> float:
    if event.records is not None and event.records.count is not None:
        return float(event.records.count)
    return float(len(event.subjects))
