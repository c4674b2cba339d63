"""Hop 3, gather: admitted events become numpy columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.config import DataConfig
from detector.features import N_FEATURES, UNEXPLAINED_FROM, Feature, Kind
from streams import AccessEvent, Admitted, Data, Position, Records, Src
from streams.event import ACTIONS, CHANNELS, OUTCOMES

TAKES_OUT = frozenset({"export", "download", "print", "send", "share", "copy"})
CARRIES_OFF = frozenset({"print", "send", "share", "copy"})
REMOVABLE = frozenset({"usb", "print", "email", "web"})
CHANGING = frozenset({"update", "create", "delete", "grant"})
DIRECT = frozenset({"sql", "api"})
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
        classes: the place of the class of data disclosed, 0 for none known, (n,).
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
    classes: NDArray[np.int64]
    values: NDArray[np.uint64]
    subject_events: NDArray[np.int64]
    subjects: NDArray[np.uint64]
    serials: NDArray[np.int64]
    event_ids: list[str]
    positions: list[Position]
    strangers: dict[int, str]

    def __len__(self) -> int:
        return len(self.times)


class Hashes(dict[tuple[str | None, ...], int]):
    """Hashes of the places named together, ``PLACE_BITS`` wide, 0 for none; the same in every process.

    Looking up names gives their index in the table of hashes, which holds until `trim`.

    Args:
        kinds: for each column of the table its kind, and which of the names it is of.
    """

    def __init__(self, *kinds: tuple[Kind, tuple[int, ...]]) -> None:
        super().__init__()
        self._kinds = kinds
        self._table = np.zeros((1, len(kinds)), np.uint64)

    def __missing__(self, names: tuple[str | None, ...]) -> int:
        self[names] = index = len(self)
        if index == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._table[index] = [_hash(kind, [names[place] for place in places]) for kind, places in self._kinds]
        return index

    def table(self, indices: list[int]) -> NDArray[np.uint64]:
        """The hashes at n indices, (n, kinds)."""
        return self._table[np.array(indices, np.int64)]

    def trim(self) -> None:
        """Begin anew when many are kept: names can be invented."""
        if len(self) >= MAX_CACHED:
            self.clear()


def _hash(kind: Kind, names: list[str | None]) -> int:
    if None in names:
        return 0
    text = "/".join(name for name in names if name is not None).encode("utf-8", "surrogatepass")
    digest = blake2b(text, digest_size=8, person=bytes([kind])).digest()
    return int.from_bytes(digest, "little") >> (64 - PLACE_BITS) or 1


class Gather:
    """Turns events into columns. Holds only a cache of hashes, so it has nothing to restore.

    Args:
        rows_of: gives the rows of the events' actors.
        data: the classes of data.
    """

    def __init__(self, rows_of: Callable[[Sequence[AccessEvent]], list[int]], data: DataConfig) -> None:
        self._rows_of = rows_of
        self._ranks: dict[str | None, int] = {name: rank for rank, name in enumerate(data.classes, 1)}
        self._sensitive = self._ranks[data.sensitive]
        self._origins = Hashes((Kind.HOST, (0,)), (Kind.ADDRESS, (1,)), (Kind.CHANNEL, (2,)), (Kind.AGENT, (3,)))
        self._targets = Hashes((Kind.ACTION, (0, 1)), (Kind.RESOURCE, (0, 2)))

    def columns(self, admitted: Sequence[Admitted]) -> Columns:
        """The columns of a batch, in its order."""
        events = [item.event for item in admitted]
        rows = self._rows_of(events)
        touched = np.array([len(event.subjects) for event in events], np.int64)
        unexplained = np.array([not event.purpose for event in events], np.bool_)
        classes = np.array([self._ranks.get((event.data or NO_DATA).class_, 0) for event in events], np.int64)
        outcomes = np.array([OUTCOME_CODE[event.outcome] for event in events], np.int64)
        amounts = _amounts(events, touched, unexplained, classes >= self._sensitive, outcomes)
        return Columns(
            np.array([item.time for item in admitted], np.float64),
            np.array(rows, np.int64),
            np.array([item.late for item in admitted], np.bool_),
            np.minimum(amounts, MAX_AMOUNT),
            unexplained,
            classes * ~_IS_REFUSED[outcomes],
            self._values(events),
            np.repeat(np.arange(len(events)), touched),
            _numbers([token for event in events for token in event.subjects]),
            _serials(events, touched),
            [event.event_id for event in events],
            [item.record.position for item in admitted],
            {index: events[index].actor.id for index, row in enumerate(rows) if row == CROWD},
        )

    def _values(self, events: Sequence[AccessEvent]) -> NDArray[np.uint64]:
        origins, targets = self._origins, self._targets
        origins.trim()
        targets.trim()
        sources = [event.src or NOWHERE for event in events]
        where = [origins[src.host, src.ip, src.channel, src.user_agent] for src in sources]
        what = [targets[event.resource.system, event.action, event.resource.type] for event in events]
        return np.concatenate([origins.table(where), targets.table(what)], axis=1)


NOWHERE = Src()
NOTHING = Records()
NO_DATA = Data()


def _numbers(tokens: list[str]) -> NDArray[np.uint64]:
    """Subject tokens, 16 hexadecimal digits each, as numbers, (m,)."""
    return np.frombuffer(bytes.fromhex("".join(tokens)), ">u8").astype(np.uint64)


def _serials(events: Sequence[AccessEvent], touched: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the first and last subject, -1 where there is none, (n, 2)."""
    serials = np.full((len(events), 2), -1, np.int64)
    with_subjects = np.flatnonzero(touched)
    ends = [event.serials for event in events if event.subjects]
    serials[with_subjects, 0] = [numbers[0] for numbers in ends]
    serials[with_subjects, 1] = [numbers[-1] for numbers in ends]
    return serials


def _amounts(
    events: Sequence[AccessEvent],
    touched: NDArray[np.int64],
    unexplained: NDArray[np.bool_],
    sensitive: NDArray[np.bool_],
    outcome: NDArray[np.int64],
) -> NDArray[np.float64]:
    """What each event adds by itself, (n, ``N_FEATURES``).

    Args:
        events: n events.
        touched: how many subjects each names, (n,).
        unexplained: no purpose is stated, (n,).
        sensitive: the data is of a sensitive class, (n,).
        outcome: their codes, (n,).
    """
    action = np.array([ACTION_CODE[event.action] for event in events], np.int64)
    channel = np.array([CHANNEL_CODE[(event.src or NOWHERE).channel] for event in events], np.int64)
    masked = np.array([event.masked for event in events], np.float64)  # None becomes NaN, here and below
    records = [event.records or NOTHING for event in events]
    count = np.array([one.count for one in records], np.float64)
    size = np.array([one.bytes for one in records], np.float64)
    succeeded = outcome == OUTCOME_CODE["success"]
    takes_out = _IS_TAKEN_OUT[action] & succeeded
    amounts = np.zeros((len(events), N_FEATURES))
    amounts[:, Feature.EVENTS] = 1.0
    amounts[:, Feature.DISCLOSED] = np.where(np.isnan(count), touched, count) * succeeded
    amounts[:, Feature.RECORDS] = amounts[:, Feature.DISCLOSED]
    amounts[:, Feature.EXPORTED] = amounts[:, Feature.DISCLOSED] * takes_out
    amounts[:, Feature.EXPORTS] = takes_out
    amounts[:, Feature.TOUCHES] = touched > 0
    amounts[:, Feature.UNEXPLAINED] = touched > 0
    amounts[:, Feature.MASKABLE] = masked >= 0
    amounts[:, Feature.UNMASKED] = (masked == 0) & succeeded
    amounts[:, Feature.CHANGES] = _IS_CHANGING[action]
    amounts[:, Feature.SEARCHES] = action == ACTION_CODE["search"]
    amounts[:, Feature.REFUSED] = _IS_REFUSED[outcome]
    amounts[:, Feature.REMOVALS] = takes_out & (_IS_REMOVABLE[channel] | _IS_CARRIED_OFF[action])
    amounts[:, Feature.DIRECT] = _IS_DIRECT[channel]
    amounts[:, Feature.SENSITIVE] = sensitive
    amounts[:, Feature.KILOBYTES] = np.nan_to_num(size) // 1_000 * succeeded
    amounts[:, Feature.UNEXPLAINED_EVENTS] = 1.0
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
