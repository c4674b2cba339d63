"""Tells receivers what they are to be told: with back-off over days, within their limits, and never twice in error."""

from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Protocol

import msgspec

from alerts.alert import Alert
from alerts.browse import Task
from alerts.desk import Desk
from alerts.escalation import Level
from alerts.intake import NEVER
from alerts.pipeline import Stage
from alerts.receivers.receiver import Notice, Outcome, Phase, Receiver, Result

FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 3_600.0
"""Between two attempts: doubled each time up to an hour, so that a receiver that returns is found within that."""
JITTER: Final = 0.2
"""Share by which waits differ, so that what failed together is not tried together."""
GIVE_UP_S: Final = 5 * 86_400.0
"""Five days, a long week-end and a day: then a person must look."""


class Told(Protocol):
    """Is told how each delivery went."""

    def delivery(self, receiver: str, outcome: Outcome) -> None:
        """How one went."""


class Post(msgspec.Struct, frozen=True):
    """One receiver and how it is told.

    `language` is its readers'. A receiver that forgets, as Alertmanager does, is told again every `resend_s` while an
    alert is firing; 0 is never.
    """

    receiver: Receiver
    language: str = "en"
    resend_s: float = 0.0


class Dispatcher:
    """Takes alerts in at the desk and tells receivers of them.

    What fails waits, longer each time and as long as the receiver asks, with some jitter that is a function of what
    waits. A receiver that fails is left alone until then, whatever else waits for it. What it refuses, or does not take
    within five days, is dead: it is kept, shown, and can be retried.

    Args:
        desk: acquired by this process.
        posts: by the receivers' names.
        stages: decide who is told.
        levels: who is told as well when nobody acknowledges an incident.
        told: hears how each delivery went.
    """

    def __init__(
        self,
        desk: Desk,
        posts: Mapping[str, Post],
        stages: Sequence[Stage],
        levels: Sequence[Level] = (),
        told: Told | None = None,
    ) -> None:
        self._desk, self._posts, self._stages, self._levels, self._told = desk, posts, stages, levels, told
        self._calls: dict[str, deque[float]] = {name: deque() for name in posts}  # the times of the latest calls
        self._failures: dict[str, int] = dict.fromkeys(posts, 0)
        self._resting: dict[str, float] = dict.fromkeys(posts, 0.0)  # until when a receiver is left alone
        self.failing: dict[str, str] = {}
        """Receivers that do not take anything at the moment, and why."""

    def step(self, now: float) -> int:
        """Take in what waits, escalate what nobody acknowledged, and tell what is due; how many notices were tried."""
        while self._desk.take_in(self._stages, list(self._posts), now):
            pass
        if self._levels:
            self._desk.escalate(self._levels, now)
        return sum(self._serve(name, post, now) for name, post in self._posts.items())

    def wait_s(self, now: float, longest: float) -> float:
        """How long nothing is due, at most `longest` seconds."""
        times = [max(due, self._free(name)) for name, due in self._desk.next_due().items() if name in self._posts]
        return min(max(min(times, default=now + longest) - now, 0.0), longest)

    def may_call(self, name: str, now: float) -> bool:
        """Whether a receiver may be called now for another reason, which is counted as a call if so."""
        if now < self._free(name):
            return False
        self._calls[name].append(now)
        return True

    def close(self) -> None:
        """Let go of the receivers."""
        for post in self._posts.values():
            post.receiver.close()

    def _serve(self, name: str, post: Post, now: float) -> int:
        tried = 0
        while now >= self._free(name):
            ripe = self._desk.due(name, now, post.receiver.limits.batch)
            if not ripe:
                break
            self._calls[name].append(now)
            outcomes = post.receiver.send([_notice(task, alert, post.language) for task, alert in ripe], now)
            self._desk.record(
                [
                    (task, self._settled(name, post, task, outcome, now))
                    for (task, _), outcome in zip(ripe, outcomes, strict=True)
                ]
            )
            tried += len(ripe)
        return tried

    def _free(self, name: str) -> float:
        """From when on a receiver may be called."""
        limits, latest = self._posts[name].receiver.limits, self._calls[name]
        while len(latest) > limits.calls:
            latest.popleft()
        return max(self._resting[name], latest[0] + limits.per_s if len(latest) == limits.calls else 0.0)

    def _settled(self, name: str, post: Post, task: Task, outcome: Outcome, now: float) -> dict[str, Any]:
        """What to note of a delivery that went so."""
        if self._told is not None:
            self._told.delivery(name, outcome)
        if outcome.result is Result.DELIVERED:
            self._failures[name] = 0
            self.failing.pop(name, None)
            again = now + post.resend_s if post.resend_s and task.phase is Phase.FIRING else NEVER
            remote_id = outcome.remote_id or task.remote_id
            return {"state": "told", "due": again, "since": now, "attempts": 0, "detail": "", "remote_id": remote_id}
        self.failing[name] = outcome.detail
        changes = {"attempts": task.attempts + 1, "detail": outcome.detail}
        if outcome.result is not Result.RETRY or now - task.since >= GIVE_UP_S:
            return changes | {"state": "dead"}
        self._failures[name] += 1
        self._resting[name] = now + wait_s(name, task, outcome.retry_after_s, self._failures[name] - 1)
        return changes | {"due": now + wait_s(name, task, outcome.retry_after_s)}


def wait_s(name: str, task: Task, asked: float | None, attempts: int | None = None) -> float:
    """How long to wait after a failed attempt: doubled each time, with jitter, and never less than was asked."""
    count = task.attempts if attempts is None else attempts
    wait = min(FIRST_WAIT_S * 2.0 ** min(count, 20), LONGEST_WAIT_S)
    digest = blake2b(f"{name}\0{task.alert_id}\0{count}".encode(), digest_size=4).digest()
    jitter = 1.0 + JITTER * (int.from_bytes(digest, "big") / 2**31 - 1.0)
    return max(wait * jitter, asked or 0.0)


def key_of(task: Task) -> str:
    """The same for every attempt to tell the same thing.

    >>> key_of(Task(receiver="soc", alert_id="ab", incident_id="ab", revision=2, phase=Phase.FIRING, state="waiting",
    ...     attempts=0, due=0.0, since=0.0, detail="", remote_id=""))
    'ab.2.firing'
    """
    level = f".{task.level}" if task.level else ""
    return f"{task.alert_id}.{task.revision}.{task.phase.value}{level}"


def _notice(task: Task, alert: Alert, language: str) -> Notice:
    return Notice(
        key=key_of(task),
        alert=alert,
        revision=task.revision,
        phase=task.phase,
        language=language,
        level=task.level,
    )
