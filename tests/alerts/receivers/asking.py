"""Requests as a test makes them by hand, to see which a fake refuses."""

import json
from typing import Any

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request


def ask(fake: FakeServer, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """The fake's reply; header names have ``_`` for ``-``."""
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    path, _, query = path.partition("?")
    asked = dict(pair.split("=", 1) for pair in query.split("&")) if query else {}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = fake.respond(Request(method, path, asked, named, content))
    assert reply is not None
    return reply
