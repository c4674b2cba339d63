"""Hop 8, record: one shard and what is kept of it, with a checkpoint whenever there is something to tell."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alerts.alert import Alert
from detector.checkpoint import Checkpoints, Saved
from detector.closing import Closed
from detector.config import Config, without_context
from detector.context import Context, present_context
from detector.home import Home
from detector.shard import SHARD, Shard
from detector.snapshot import State
from detector.state import packed_values, unpacked_values
from detector.trail import History, Trail
from streams import DeadLetters, DeadLetterSource, Record, Rejected, Tokens


def no_clock() -> float:
    """Time stands still: nothing is timed."""
    return 0.0


class Letters(Protocol):
    """Takes rejected records to where they are kept."""

    def write(self, rejected: Rejected) -> None:
        """Keep one, perhaps later."""

    def flush(self) -> None:
        """Return when all are kept."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all shards of a process have in common.

    Attributes:
        config: the configuration.
        tokens: makes the pseudonyms.
        context: what is known beside the events now.
        home: where state is kept; ``None`` keeps it in memory.
        clock: seconds that never go back, to time checkpoints with.
        letters: takes the rejected records of all shards; ``None`` gives each shard a file.
        receivers: for whom alerts wait in the outbox.
        history: what a run has recorded of its contexts, to be met again instead of ``context``.
        adopts: whether a shard whose state has another context takes ``context`` over.
    """

    config: Config
    tokens: Tokens
    context: Context
    home: Home | None = None
    clock: Callable[[], float] = no_clock
    letters: Letters | None = None
    receivers: tuple[str, ...] = ()
    history: History | None = None
    adopts: bool = True


class Keeper:
    """A shard with its checkpoints, its dead letters and its alerts.

    With a home, alerts are given out only after the checkpoint that holds them was committed. Without one everything
    stays in memory, and dead letters go to the file ``dead_letters``, made when the first record is rejected.

    Args:
        setting: what shards have in common.
        name: the shard's.
        dead_letters: where rejected records go without a home.

    Raises:
        StreamError, DetectorError, AlertsError: something cannot be opened or resumed; the message says what to do.
    """

    def __init__(self, setting: Setting, name: str, dead_letters: Path = Path()) -> None:
        self.closed: list[Closed] = []
        """The days that the last call closed."""
        self.checkpoint_seconds: list[float] = []
        """How long each checkpoint of the last call took."""
        self.pending = 0
        """Records since the last checkpoint; 0 without a home."""
        self.dead_letters = dead_letters
        self.resumed: Saved | None = None
        self.fresh = 0
        """Records of the last call."""
        self.position = ""
        """Where the next record is read, as ``str(Position)``; "" is the beginning."""
        self._setting = setting
        self._waits_since = 0.0  # when the first pending record was taken in
        self._counted = Counter[str]()  # totals that have been asked for
        self._changed: dict[str, Alert] = {}  # waits for the commit
        self._alerts: dict[str, Alert] = {}
        self._letters: DeadLetters | None = None
        self._replayed = 0  # bytes of dead letters that were read again
        self._checkpoints: Checkpoints | None = None
        own = None
        if setting.home is not None:
            own = History(setting.home.store, setting.config, setting.tokens, setting.history)
            self._checkpoints = setting.home.checkpoints(name)
            self.resumed = self._checkpoints.latest()
        self._trail = Trail(name, setting.context, own, setting.history)
        self._open(name)
        self._counted = Counter(self.shard.counts)

    def take(self, records: Sequence[Record], position: str) -> None:
        """Take in records that end before ``position``; what they change waits for the commit."""
        self.checkpoint_seconds.clear()
        changed: list[Alert] = []
        for context, piece in self._trail.pieces(records, self.position):
            if context is not None:
                self.shard.adopt(context)
            changed += self.shard.process(piece) if piece else []
        self._change(changed)
        self.position, self.fresh = position, len(records)
        if self._checkpoints is not None and records:
            self._waits_since = self._waits_since if self.pending else self._setting.clock()
            self.pending += len(records)

    def adopt(self, context: Context) -> bool:
        """Go by another context from the position on, which the next commit records; whether it is another.

        Changes that are known to lie ahead come first: until they are met, no other is taken over.
        """
        if not self._trail.adopt(context, self.position):
            return False
        self.shard.adopt(context)
        return True

    @property
    def changes_ahead(self) -> int:
        """Recorded changes of context that were not met: their positions lie ahead, or are not in this log."""
        return self._trail.ahead

    @property
    def due(self) -> bool:
        """Whether it is time to commit: there is something to tell, or much or old work to lose by a crash."""
        state = self._setting.config.state
        if self._changed or self._trail.hurried or self.pending >= state.checkpoint_events:
            return True
        return self.pending > 0 and self._setting.clock() - self._waits_since >= state.checkpoint_s

    @property
    def uncommitted_s(self) -> float:
        """For how long the oldest record without a checkpoint has waited; 0 if there is none."""
        return self._setting.clock() - self._waits_since if self.pending else 0.0

    def commit(self) -> list[Alert]:
        """Commit the state before the position; gives the alerts that opened or changed, now safe to be told.

        After a failure the same may be tried again.
        """
        changed = list(self._changed.values())
        if self._checkpoints is None:
            self._alerts.update(self._changed)
        else:
            began = self._setting.clock()
            if self._setting.letters is not None:
                self._setting.letters.flush()
            counts, taken = dict(self.shard.counts), tuple(self._trail.taken)
            self._checkpoints.commit(self.position, self._state(), counts, changed, self._setting.receivers, taken)
            self.checkpoint_seconds.append(self._setting.clock() - began)
        self.pending = 0
        self._changed.clear()
        self._trail.taken.clear()
        return changed

    def conclude(self, arrived: float | None) -> list[Alert]:
        """The log has ended: commit, then judge to its end; the alerts that opened or changed by that.

        What follows from the end is not part of the committed state, so that a log to which more is added later goes
        on as if it had never ended.
        """
        for context in self._trail.rest(self.position):
            self.shard.adopt(context)
        if self.pending or self.resumed is None or self._trail.taken:
            self.commit()
        changed = self.shard.conclude(arrived)
        self.closed = self.shard.closed()
        if self._checkpoints is not None:
            self._checkpoints.add(changed, self._setting.receivers)
        else:
            self._alerts.update({alert.alert_id: alert for alert in changed})
        return changed

    def replay_letters(self, source: DeadLetterSource, until: int) -> tuple[int, list[Alert]]:
        """Take in dead letters again, those before byte ``until`` of their file; how many, and the alerts changed.

        Events among them are late: they are scored against what is normal now, and not learned. What is rejected
        again becomes a dead letter again, at the end of the file.
        """
        taken = 0
        while not source.finished and source.position.offset < until:
            records = source.next_batch(1)
            self._change(self.shard.process(records))
            taken += len(records)
        self._replayed = source.position.offset
        return taken, self.commit()

    def news(self) -> Counter[str]:
        """What the shard's totals have grown by since the last call, or since it came here."""
        counts = Counter(self.shard.counts)
        news = counts - self._counted
        self._counted = counts
        return news

    @property
    def letters_read(self) -> int:
        """Bytes of the dead letters that were replayed before."""
        return self._replayed

    def alerts(self) -> list[Alert]:
        """Every alert so far in its latest state, by ``opened_at``, then id; with a home, those of all its shards."""
        if self._setting.home is not None:
            return self._setting.home.store.alerts()
        return sorted(self._alerts.values(), key=lambda alert: (alert.opened_at, alert.alert_id))

    def close(self) -> None:
        """Let go of the dead letters."""
        if self._letters is not None:
            self._letters.close()

    def _change(self, changed: Sequence[Alert]) -> None:
        self._changed |= {alert.alert_id: alert for alert in changed}
        self.closed = self.shard.closed()

    def _reject(self, rejected: Rejected) -> None:
        if self._setting.letters is not None:
            self._setting.letters.write(rejected)
            return
        if self._letters is None:
            self._letters = DeadLetters(self.dead_letters)
            if self._checkpoints is None:
                self._letters.truncate(0)
        self._letters.write(rejected)

    def _state(self) -> State:
        size = self._letters.size if self._letters is not None else 0
        feed = {"letters": size, "replayed": self._replayed, **self._trail.state()}
        return {**self.shard.snapshot(), "feed": packed_values(feed)}

    def _open(self, name: str) -> None:
        saved, setting = self.resumed, self._setting
        feed = {"letters": 0, "replayed": 0} | (unpacked_values(saved.state["feed"]) if saved is not None else {})
        if saved is None:
            self._trail.begin()
        else:
            self._trail.resume(feed)
        self.shard = Shard(name, setting.config, self._trail.context, setting.tokens, self._reject)
        if saved is not None:
            self.shard.restore(saved.state)
            self.position = saved.position
            if setting.adopts or not feed.get("changes"):  # a state from before contexts were recorded has none
                self.adopt(setting.context)
            if self._trail.stranded is not None:
                raise self._trail.stranded
        self._replayed = feed["replayed"]
        if setting.home is not None and setting.letters is None:
            self.dead_letters = setting.home.dead_letters(name)
            if feed["letters"] or self.dead_letters.exists():
                self._letters = DeadLetters(self.dead_letters)
                self._letters.truncate(feed["letters"])


@contextmanager
def resumed_keeper(config: Config, tokens: Tokens, dead_letters: Path) -> Iterator[Keeper]:
    """The keeper of the only shard of files, from its last checkpoint if state is kept.

    Where the configuration names nothing of a context, that of the state stays.
    """
    adopts = without_context(config) != config
    with ExitStack() as stack:
        home = stack.enter_context(closing(Home(config.state))) if config.state.kept else None
        context = present_context(config, tokens, home.store if home is not None else None)
        setting = Setting(config, tokens, context, home, adopts=adopts)
        yield stack.enter_context(closing(Keeper(setting, SHARD, dead_letters)))
