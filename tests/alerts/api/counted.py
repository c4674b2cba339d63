"""Counts what an application says is to be counted."""

from collections import Counter


class Counted:
    """`requests` by operation and status, `messages` by receiver and result."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.messages: Counter[tuple[str, str]] = Counter()
        self.seconds: list[float] = []

    def answered(self, operation: str, status: int, seconds: float) -> None:
        self.requests[operation, status] += 1
        self.seconds.append(seconds)

    def came(self, receiver: str, result: str) -> None:
        self.messages[receiver, result] += 1

    def page(self) -> bytes:
        return b"counted 1\n"
