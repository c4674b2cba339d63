"""Hop 3, gather: admitted events become numpy columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.features import N_FEATURES, N_KINDS, UNEXPLAINED_FROM, Feature, Kind
from streams import AccessEvent, Admitted, Position
from streams.event import ACTIONS, CHANNELS, OUTCOMES

TAKES_OUT = frozenset({"export", "download", "print", "send", "share", "copy"})
CARRIES_OFF = frozenset({"print", "send", "share", "copy"})
REMOVABLE = frozenset({"usb", "print", "email", "web"})
CHANGING = frozenset({"update", "create", "delete", "grant"})
DIRECT = frozenset({"sql", "api"})
SENSITIVE = frozenset({"C3", "C4", "C5"})
REFUSED = frozenset({"denied", "failure"})
CROWD = 0
"""The row that judges together everyone for whom there is no room."""
MAX_AMOUNT = 10_000_000.0
"""One event adds at most this much to any sum: far above any real export, below what float32 sums can hold."""
MAX_CACHED = 200_000
PLACE_BITS = 44
"""Bits of a place's hash: with the 20 of a row they fill one key, and a million places still hardly collide."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch of n events. Subjects are ragged: one row for each subject kept, in the order of the events.

    Attributes:
        times: UTC seconds, (n,).
        rows: the actor's row in the profiles, (n,).
        late: arrived after the lateness bound, (n,).
        amounts: what each event adds, (n, ``N_FEATURES``); the features that need history are still 0.
        unexplained: no purpose is stated, (n,).
        values: hashes of the places, 0 where there is none, (n, ``N_KINDS``) uint64.
        subject_events: the event of each subject, (m,).
        subjects: the subject tokens as numbers, (m,) uint64.
        serials: numbers of the first and last subject of each event, -1 where there is none, (n, 2).
        event_ids: (n,) list.
        positions: (n,) list of the records' positions.
        strangers: the actor id, by index, of those that found no row of their own.
    """

    times: NDArray[np.float64]
    rows: NDArray[np.int64]
    late: NDArray[np.bool_]
    amounts: NDArray[np.float64]
    unexplained: NDArray[np.bool_]
    values: NDArray[np.uint64]
    subject_events: NDArray[np.int64]
    subjects: NDArray[np.uint64]
    serials: NDArray[np.int64]
    event_ids: list[str]
    positions: list[Position]
    strangers: dict[int, str]

    def __len__(self) -> int:
        return len(self.times)


class Hashes(dict[tuple[str | None, ...], tuple[int, ...]]):
    """Hashes of the places named together, ``PLACE_BITS`` wide, 0 for none; bounded, and the same in every process.

    Args:
        kinds: for each hash its kind, and which of the names it is of.
    """

    def __init__(self, *kinds: tuple[Kind, tuple[int, ...]]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, names: tuple[str | None, ...]) -> tuple[int, ...]:
        if len(self) >= MAX_CACHED:
            self.clear()
        self[names] = known = tuple(_hash(kind, [names[place] for place in places]) for kind, places in self._kinds)
        return known


def _hash(kind: Kind, names: list[str | None]) -> int:
    if None in names:
        return 0
    text = "/".join(name for name in names if name is not None).encode("utf-8", "surrogatepass")
    digest = blake2b(text, digest_size=8, person=bytes([kind])).digest()
    return int.from_bytes(digest, "little") >> (64 - PLACE_BITS) or 1


class Gather:
    """Turns events into columns. Holds only a cache of hashes, so it has nothing to restore.

    Args:
        row_of: gives the row of an event's actor.
    """

    def __init__(self, row_of: Callable[[AccessEvent], int]) -> None:
        self._row_of = row_of
        self._origins = Hashes((Kind.HOST, (0,)), (Kind.ADDRESS, (1,)), (Kind.CHANNEL, (2,)), (Kind.AGENT, (3,)))
        self._targets = Hashes((Kind.ACTION, (0, 1)), (Kind.RESOURCE, (0, 2)))

    def columns(self, admitted: Sequence[Admitted]) -> Columns:
        """The columns of a batch, in its order."""
        n = len(admitted)
        row_of, origins, targets = self._row_of, self._origins, self._targets
        facts: list[tuple[float, ...]] = []
        rows: list[int] = []
        values: list[tuple[int, ...]] = []
        serials = np.full((n, 2), -1, np.int64)
        subject_events: list[int] = []
        subjects: list[int] = []
        for index, item in enumerate(admitted):
            event = item.event
            rows.append(row_of(event))
            facts.append(_facts(event, item.time))
            src, resource = event.src, event.resource
            origin = NOWHERE if src is None else origins[src.host, src.ip, src.channel, src.user_agent]
            values.append(origin + targets[resource.system, event.action, resource.type])
            if event.subjects:
                subject_events += [index] * len(event.subjects)
                subjects += [int(token, 16) for token in event.subjects]
                serials[index] = event.serials[0], event.serials[-1]
        table = np.array(facts, np.float64).reshape(n, N_FACTS)
        return Columns(
            table[:, 0].copy(),
            np.array(rows, np.int64),
            np.array([item.late for item in admitted], np.bool_),
            np.minimum(_amounts(table), MAX_AMOUNT),
            table[:, 8] > 0,
            np.array(values, np.uint64).reshape(n, N_KINDS),
            np.array(subject_events, np.int64),
            np.array(subjects, np.uint64),
            serials,
            [item.event.event_id for item in admitted],
            [item.record.position for item in admitted],
            {index: admitted[index].event.actor.id for index, row in enumerate(rows) if row == CROWD},
        )


NOWHERE = (0, 0, 0, 0)
N_FACTS = 10


def _facts(event: AccessEvent, time: float) -> tuple[float, ...]:
    """What is needed of an event to fill in its amounts; codes are places in the tables below."""
    records, src, data, masked = event.records, event.src, event.data, event.masked
    count = records.count if records is not None else None
    touched = len(event.subjects)
    return (
        time,
        ACTION_CODE[event.action],
        OUTCOME_CODE[event.outcome],
        CHANNEL_CODE[src.channel] if src is not None else 0,
        touched,
        touched if count is None else count,
        (records.bytes or 0) if records is not None else 0,
        -1 if masked is None else masked,
        not event.purpose,
        data is not None and data.class_ in SENSITIVE,
    )


def _amounts(facts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each event adds by itself, (n, ``N_FEATURES``)."""
    codes = facts.astype(np.int64)
    action, outcome, channel = codes[:, 1], codes[:, 2], codes[:, 3]
    touches, disclosed, kilobytes = facts[:, 4] > 0, facts[:, 5], facts[:, 6] // 1_000
    succeeded = outcome == OUTCOME_CODE["success"]
    takes_out = _IS_TAKEN_OUT[action] & succeeded
    unexplained = facts[:, 8] > 0
    amounts = np.zeros((len(facts), N_FEATURES))
    amounts[:, Feature.EVENTS] = 1.0
    amounts[:, Feature.DISCLOSED] = amounts[:, Feature.RECORDS] = disclosed * succeeded
    amounts[:, Feature.EXPORTED] = disclosed * takes_out
    amounts[:, Feature.EXPORTS] = takes_out
    amounts[:, Feature.TOUCHES] = touches
    amounts[:, Feature.UNEXPLAINED] = touches & unexplained
    amounts[:, Feature.MASKABLE] = facts[:, 7] >= 0
    amounts[:, Feature.UNMASKED] = (facts[:, 7] == 0) & succeeded
    amounts[:, Feature.CHANGES] = _IS_CHANGING[action]
    amounts[:, Feature.SEARCHES] = action == ACTION_CODE["search"]
    amounts[:, Feature.REFUSED] = _IS_REFUSED[outcome]
    amounts[:, Feature.REMOVALS] = takes_out & (_IS_REMOVABLE[channel] | _IS_CARRIED_OFF[action])
    amounts[:, Feature.DIRECT] = _IS_DIRECT[channel]
    amounts[:, Feature.SENSITIVE] = facts[:, 9]
    amounts[:, Feature.KILOBYTES] = kilobytes * succeeded
    amounts[:, Feature.UNEXPLAINED_EVENTS] = unexplained
    amounts[:, Feature.UNEXPLAINED_EXPORTED] = amounts[:, Feature.EXPORTED]
    amounts[~unexplained, UNEXPLAINED_FROM:] = 0.0
    return amounts


ACTION_CODE: dict[str, int] = {name: code for code, name in enumerate(ACTIONS)}
OUTCOME_CODE: dict[str, int] = {name: code for code, name in enumerate(OUTCOMES)}
CHANNEL_CODE: dict[str | None, int] = {None: 0} | {name: code for code, name in enumerate(CHANNELS, start=1)}


def _members(codes: Mapping[Any, int], names: frozenset[str]) -> NDArray[np.bool_]:
    return np.array([name in names for name in codes], np.bool_)


_IS_TAKEN_OUT = _members(ACTION_CODE, TAKES_OUT)
_IS_CARRIED_OFF = _members(ACTION_CODE, CARRIES_OFF)
_IS_CHANGING = _members(ACTION_CODE, CHANGING)
_IS_REFUSED = _members(OUTCOME_CODE, REFUSED)
_IS_REMOVABLE = _members(CHANNEL_CODE, REMOVABLE)
_IS_DIRECT = _members(CHANNEL_CODE, DIRECT)
