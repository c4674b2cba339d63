"""Which contexts a shard goes by, and from which positions on: so that a replay meets each change where a run did."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alerts.contexts import ContextChange
from alerts.errors import UnknownBundleError
from alerts.store import Store
from detector.bundles import registered
from detector.config import Config
from detector.context import Context, context_of
from detector.errors import CheckpointError, RefusedBundleError
from streams import Position, Record, Tokens

if TYPE_CHECKING:
    from models.bundles import Bundle


class History:
    """The contexts that a store has recorded for its shards.

    Args:
        store: where.
        config: says whose clock it is, and whose bundles are trusted.
        tokens: of the key with which planted subjects were made tokens.
        elsewhere: the history that is met again, in whose store the bundles are.
    """

    def __init__(self, store: Store, config: Config, tokens: Tokens, elsewhere: "History | None" = None) -> None:
        self._store, self._config, self._tokens, self._elsewhere = store, config, tokens, elsewhere
        self._last: tuple[str, Context] | None = None  # of several shards with one context, the second need not read it

    def changes(self, shard: str, above: int = 0) -> list[ContextChange]:
        """The shard's changes whose number is above this one, in order."""
        return self._store.context_changes(shard, above)

    def context(self, digest: str) -> Context:
        """The context of this digest.

        Raises:
            StoreError, CheckpointError: it or a bundle of it is not there, damaged, or of another key.
            RefusedBundleError: a bundle of it cannot be taken here.
        """
        if self._last is None or self._last[0] != digest:
            body = self._store.context(digest)
            self._last = digest, context_of(body, digest, self._config.time, self._tokens, self.bundle)
        return self._last[1]

    def without_bundles(self, digest: str) -> Context:
        """The context of this digest, but for its bundles.

        Raises:
            StoreError, CheckpointError: it is not there, damaged, or of another key.
        """
        return context_of(self._store.context(digest), digest, self._config.time, self._tokens)

    def bundle(self, digest: str) -> "Bundle":
        """The bundle of this digest.

        Raises:
            StoreError, RefusedBundleError: it is not there, or cannot be taken here.
        """
        if self._elsewhere is not None:
            return self._elsewhere.bundle(digest)
        return registered(self._store, digest, self._config.bundles)


class Trail:
    """The contexts of one shard: the one it has, those it has still to meet, and those not yet recorded.

    A context is part of a shard's state and changes between two records, at a position that is recorded with the
    state. Where changes beyond the state are known, from a former owner whose newest snapshot was damaged or from
    the live run that a replay repeats, they are met at their positions, and no other is taken over before.

    Args:
        shard: its name.
        present: what is known now.
        own: what the shard's own store has recorded; ``None`` if nothing is kept.
        other: what another store has, to be met again; ``None`` to go by ``present``.
    """

    def __init__(self, shard: str, present: Context, own: History | None = None, other: History | None = None) -> None:
        self.context = present
        self.taken: list[ContextChange] = []
        """Changes that no checkpoint has recorded yet."""
        self.stranded: Exception | None = None
        """Why nothing can be judged by the context that the shard's state has, if so."""
        self._shard, self._own, self._other = shard, own, other
        self._digest = present.digest  # of what it goes by, also where a bundle of that cannot be had any more
        self._number = 0
        self._ahead = deque[ContextChange]()

    def begin(self) -> None:
        """The shard begins with its log: by the context recorded for there, or by the present one.

        Raises:
            CheckpointError: another store was to say what it began with, and does not.
        """
        if self._other is None:
            self._note("", self.context)
            return
        self._ahead.extend(self._other.changes(self._shard))
        if not self._ahead or self._ahead[0].position:
            raise CheckpointError(
                f"no context is recorded for the beginning of shard {self._shard!r}; name the state of the run that "
                "is to be repeated, with the topic and the number of partitions that it had"
            )
        self._meet()

    def resume(self, state: Mapping[str, Any]) -> None:
        """The shard goes on from a state: by the context that is part of it.

        Where a bundle of that cannot be had any more, nothing can be judged by it; but another context may still be
        taken over, as after a rollback. Until then ``stranded`` is why.

        Raises:
            StoreError, CheckpointError: that context is not there, damaged, or of another key.
        """
        assert self._own is not None
        self._number = state.get("changes", 0)
        digest = state.get("context", "")  # a state from before contexts were part of it goes by the present one
        if digest and digest != self.context.digest:
            self._digest = digest
            try:
                self.context = self._own.context(digest)
            except (RefusedBundleError, UnknownBundleError) as error:
                self.context, self.stranded = self._own.without_bundles(digest), error
        self._ahead.extend((self._other or self._own).changes(self._shard, self._number))

    def state(self) -> dict[str, Any]:
        """What ``resume`` needs."""
        return {"context": self._digest, "changes": self._number}

    @property
    def ahead(self) -> int:
        """How many known changes have not been met."""
        return len(self._ahead)

    @property
    def hurried(self) -> bool:
        """Whether a change waits to be recorded; with what a shard begins need not be written before its events."""
        return any(change.position for change in self.taken)

    def adopt(self, context: Context, position: str) -> bool:
        """Go by this context from the position on; whether that is a change."""
        if self._ahead or self._other is not None or (context.digest == self._digest and self._number):
            return False
        self._note(position, context)
        return True

    def pieces(self, records: Sequence[Record], position: str) -> Iterator[tuple[Context | None, Sequence[Record]]]:
        """The records from ``position`` on, cut where known changes lie: the context to take over, then records."""
        start = 0
        met: Context | None = None
        last = position.rpartition("@")[0]
        for index, record in enumerate(records) if self._ahead else ():
            while self._ahead and _is_due(self._ahead[0].position, record.position, last):
                if met is not None or index > start:
                    yield met, records[start:index]
                start, met = index, self._meet()
            last = record.position.source
        yield met, records[start:]

    def rest(self, position: str) -> Iterator[Context]:
        """The contexts that are taken over at the log's end, which is ``position``."""
        source, _, offset = position.rpartition("@")
        while self._ahead and source and _is_due(self._ahead[0].position, Position(source, int(offset)), source):
            yield self._meet()

    def _meet(self) -> Context:
        change = self._ahead.popleft()
        history = self._other or self._own
        assert history is not None
        context = history.context(change.digest)
        if self._other is None:
            self._go_by(context, change.number)  # recorded where it was met for the first time
        else:
            self._note(change.position, context)
        return context

    def _note(self, position: str, context: Context) -> None:
        self._go_by(context, self._number + 1)
        if self._own is not None:
            change = ContextChange(number=self._number, position=position, digest=context.digest, body=context.body)
            self.taken.append(change)

    def _go_by(self, context: Context, number: int) -> None:
        self.context, self._digest, self._number, self.stranded = context, context.digest, number, None


def _is_due(change: str, record: Position, last: str) -> bool:
    """Whether a change at a position comes before a record; ``last`` is the source of the record before it."""
    source, _, offset = change.rpartition("@")
    if record.source == source:
        return record.offset >= int(offset)
    return source in ("", last)  # what another source follows has ended
