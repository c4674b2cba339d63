"""Passes alerts on from the store's outbox to their topic."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from alerts.alert import Alert
from alerts.errors import UnavailableError
from alerts.ocsf import ocsf_line
from alerts.outbox import Delivery
from alerts.store import Store
from streams.kafka import TopicWriter

RECEIVER: Final = "kafka"
"""The name of the topic among the receivers of the outbox."""
AT_ONCE: Final = 500


class Outlet:
    """Sends what waits in the outbox, and takes out what has arrived.

    A message is keyed by the actor's pseudonym, so that one person's alerts stay in order; it is told by the headers
    ``alert_id`` and ``revision`` whether it repeats, as it may after a crash between its arrival and the note of it.

    Args:
        store: holds the outbox.
        writer: of the topic.
        body: what a delivery's message says.
    """

    def __init__(self, store: Store, writer: TopicWriter[Delivery], body: Callable[[Delivery], bytes]) -> None:
        self._store, self._writer, self._body = store, writer, body
        self._full: set[str] = set()  # shards whose outbox may hold something

    def note(self, shard: str) -> None:
        """Something may wait in the outbox of a shard: it is new here, or alerts were committed."""
        self._full.add(shard)

    def step(self, shards: Iterable[str]) -> None:
        """Note what has arrived and send what waits for the shards that are here; never waits for the broker."""
        try:
            self._settle()
            self._full &= set(shards)
            for shard in sorted(self._full) if not self._writer.waiting else ():
                self._send(shard)
        except UnavailableError:
            return  # the store is away: what has arrived may be sent again, which its revision tells

    def finish(self, shards: Iterable[str]) -> None:
        """The last step: send, and wait a moment for it to arrive."""
        self.step(shards)
        self._writer.flush()
        self.step(())

    def close(self) -> None:
        """Leave the broker."""
        self._writer.close()

    def _settle(self) -> None:
        arrived = self._writer.arrived()
        if arrived:
            self._store.delivered(arrived)

    def _send(self, shard: str) -> None:
        waiting = self._store.outbox(RECEIVER, shard, AT_ONCE)
        if not waiting:
            self._full.discard(shard)
        for delivery in waiting:
            self._writer.send(delivery, delivery.actor.encode(), self._body(delivery), headers_of(delivery))


def ocsf_body(delivery: Delivery) -> bytes:
    """A delivery as an OCSF Detection Finding."""
    return ocsf_line(msgspec.json.decode(delivery.body, type=Alert), delivery.revision).rstrip(b"\n")


def native_body(delivery: Delivery) -> bytes:
    """A delivery as the alert that ``innerwatch replay`` writes."""
    return delivery.body.encode()


BODIES: Final[Mapping[str, Callable[[Delivery], bytes]]] = {"innerwatch": native_body, "ocsf": ocsf_body}
"""By the name in ``topics.alerts_format``."""


def headers_of(delivery: Delivery) -> list[tuple[str, bytes]]:
    """What tells a message from others, and a repeat from news."""
    return [("alert_id", delivery.alert_id.encode()), ("revision", b"%d" % delivery.revision)]
