"""A server that answers as it is told, for tests of the calls themselves."""

from collections.abc import Mapping
from pathlib import Path

from tests.alerts.receivers.fakes.server import Certificate, FakeServer, Reply, Request


class PlainServer(FakeServer):
    """Answers every request with ``reply``."""

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        self.reply = Reply(200, {"id": "r-1", "list": [{"n": 1}]})
        super().__init__(folder, certificate)

    def settings(self) -> dict[str, object]:
        return self.reach()

    def answers(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        self.reply = Reply(status, body, headers or {})

    def handle(self, request: Request) -> Reply:
        return self.reply

    def shown(self) -> list[str]:
        return []
