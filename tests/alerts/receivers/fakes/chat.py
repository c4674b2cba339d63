"""What the fakes of chats share: a secret URL, what people are shown, and how fast they may be told."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.alerts.receivers.fakes.server import CANARY, Certificate, FakeServer, Reply, Request, RuleError, expect

SIGNING: Final = "SEC-canary-of-the-signature"
SECRETS: Final = (CANARY, SIGNING)
ALERT_ID: Final = re.compile(r"\b[0-9a-f]{20}\b")
ADDRESS: Final = re.compile(r"https?://[^\s)>\"]+|\bwww\.\S+")


class FakeChat(FakeServer):
    """A chat that shows `messages`; of text that it would turn into something else there are `links` and `mentions`.

    `now` is its clock: without one neither rate nor timestamps are looked at. An incident is an alert that people
    see named, by its id.
    """

    resolves: ClassVar[bool] = False
    path: ClassVar[str]
    query: ClassVar[str] = ""
    most: ClassVar[int]
    per_s: ClassVar[float]

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        self.messages: list[str] = []
        self.links: list[str] = []
        self.mentions: list[str] = []
        self.now: float | None = None
        self.keyword = ""
        self._times: list[float] = []
        super().__init__(folder, certificate)
        self.url_file = folder / "url"
        self.url_file.write_text(f"{self.url}{self.path}{self.query}\n", "utf-8")

    def secret(self) -> str:
        return SIGNING

    def settings(self) -> dict[str, object]:
        reach = {key: value for key, value in self.reach().items() if key != "url"}
        return {**reach, "url_file": str(self.url_file)}

    def elsewhere(self, host: str) -> dict[str, object]:
        file = self.folder / "elsewhere"
        file.write_text(self.url_file.read_text("utf-8").replace("127.0.0.1", host), "utf-8")
        return {**self.settings(), "url_file": str(file)}

    def marks_tests(self) -> bool:
        return any("TEST" in text for text in self.messages)

    def shown(self) -> list[str]:
        return self.messages

    def handle(self, request: Request) -> Reply:
        self.authorize(request)
        self.pace()
        text = self.read(request)
        if self.keyword:
            expect(self.keyword in text, "no keyword")
        self.messages.append(text)
        for found in ALERT_ID.findall(text):
            self.incidents[found] = text
        return self.thanks()

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Refuse who has not the secrets."""

    @abstractmethod
    def read(self, request: Request) -> str:
        """The text that people are shown, where the message keeps the rules."""

    @abstractmethod
    def thanks(self) -> Reply:
        """The answer to a message that was taken."""

    def pace(self) -> None:
        """Refuse what comes too fast."""
        if self.now is not None:
            self._times = [*(time for time in self._times if self.now - time < self.per_s), self.now]
            if len(self._times) > self.most:
                self.too_fast()

    def too_fast(self) -> None:
        raise RuleError(429, "too fast")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 written out, so that a receiver's signature is not checked by what made it."""
    block = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def only(value: Any, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """The value if it is an object with these keys and no others."""
    expect(isinstance(value, dict), f"not an object: {value!r:.80}")
    expect(set(required) <= set(value), f"missing of {required}: {sorted(value)}")
    expect(set(value) <= {*required, *optional}, f"unknown among {sorted(value)}")
    return value  # type: ignore[no-any-return]


def markdown(text: str, fake: FakeChat) -> str:
    """What a careless reader of Markdown shows of a text; links, images and mentions are taken down."""
    fake.links += re.findall(r"\[[^\]]*\]\(([^)]*)\)", text)
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    fake.links += ADDRESS.findall(bare)
    fake.mentions += re.findall(r"<@[^>]*>|@\w+", bare)
    expect(not re.search(r"<(?!/?font\b)", bare), "a tag that is none of ours")
    return bare
