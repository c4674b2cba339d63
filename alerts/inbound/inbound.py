"""The door for what senders post: who may come in, and what becomes of it."""

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final

from alerts.desk import Desk
from alerts.errors import ForgedError, MalformedError, StaleError
from alerts.inbound.hearing import Heard
from alerts.inbound.sender import Sender

WHY: Final = {ForgedError: "signature", StaleError: "time", MalformedError: "form"}
"""Why a message was refused, for those who count."""


class Inbound:
    """Takes messages of the senders that it has, from any thread.

    Args:
        desk: of its own, since it is used from other threads.
        senders: by the names of their receivers.
        now: the time, in Unix seconds.
    """

    def __init__(self, desk: Desk, senders: Mapping[str, Sender], now: Callable[[], float]) -> None:
        self._desk, self._senders, self._now = desk, senders, now
        self._one_at_a_time = threading.Lock()

    @property
    def senders(self) -> Collection[str]:
        """Their names."""
        return self._senders.keys()

    def take(self, name: str, headers: Mapping[str, str], body: bytes) -> Heard:
        """Take a message of a sender that is there; the same again is a repeat, and changes nothing.

        Raises:
            ForgedError, StaleError, MalformedError: it is not taken.
            StoreError: the database is away, or refuses.
        """
        sender, now = self._senders[name], self._now()
        sender.verify(headers, body, now)
        said = sender.read(headers, body)
        if said is None:
            return Heard.UNKNOWN
        with self._one_at_a_time:
            return self._desk.hear(name, said, now)

    def close(self) -> None:
        """Let go of the database."""
        self._desk.close()
