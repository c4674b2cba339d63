"""AccessEvent: one access of one person to one system, the noun of this room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, cast, get_args

import msgspec
from msgspec import Meta

MAX_SUBJECTS = 10_000  # more customers than this in one event are cut off; records.count tells how many there were

MAX_TEXT = 1024

Action = Literal[
    "login", "logout", "search", "read", "query", "update", "create", "delete", "export", "download",
    "print", "share", "send", "copy", "archive", "rename", "unmask", "grant", "other",
]  # fmt: skip
Outcome = Literal["success", "denied", "failure", "unknown"]
ActorType = Literal["employee", "agent", "contractor", "service"]
Channel = Literal["ui", "api", "sql", "file", "usb", "print", "email", "web"]

ACTIONS: tuple[Action, ...] = get_args(Action)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
ACTOR_TYPES: tuple[ActorType, ...] = get_args(ActorType)
CHANNELS: tuple[Channel, ...] = get_args(Channel)

# Equal to "employee" but another object, so that a format can see that a record did not say the type.
LEFT_OUT: ActorType = cast("ActorType", str(b"employee", "ascii"))


class _LeftOut(tuple[str, ...]):
    """An empty tuple that is no other empty tuple."""

    __slots__ = ()


NONE_SAID: tuple[str, ...] = _LeftOut()  # likewise equal to ()

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Instant = Annotated[datetime, Meta(tz=True)]


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who acted."""

    id: Id
    role: Id | None = None
    department: Id | None = None
    type: ActorType = LEFT_OUT


class Resource(msgspec.Struct, frozen=True, gc=False):
    """What was acted on: a thing of some type in a system."""

    system: Id
    type: Id | None = None
    id: Text | None = None


class Records(msgspec.Struct, frozen=True, gc=False):
    """How much was disclosed: customer records, and bytes."""

    count: Count | None = None
    bytes: Count | None = None


class Data(msgspec.Struct, frozen=True, gc=False):
    """What kind of data: its class (C1, C2, C3 of JR/T 0171) and the fields shown."""

    class_: Id | None = msgspec.field(default=None, name="class")
    fields: Annotated[tuple[Text, ...], Meta(max_length=1000)] = NONE_SAID


class Src(msgspec.Struct, frozen=True, gc=False):
    """Where it came from."""

    ip: Text | None = None
    host: Id | None = None
    channel: Channel | None = None
    user_agent: str | None = None  # cut to MAX_TEXT: anyone can write a long one


class Session(msgspec.Struct, frozen=True, gc=False):
    """The session it belonged to."""

    id: Id


class AccessEvent(msgspec.Struct, frozen=True, gc=False):
    """One access. What a format gives satisfies the following.

    `time` is aware UTC. `subjects` are keyed tokens of the customers touched, at most `MAX_SUBJECTS`, never
    raw identifiers; `serials[i]` is the number at the end of `subjects[i]`'s raw identifier plus a secret
    offset, so that steps between identifiers survive and identifiers do not (-1 when there is no number).
    `serials` is never read from input. `records.count` is how many customer records were disclosed.
    """

    event_id: Id
    time: Instant
    actor: Actor
    action: Action
    resource: Resource
    outcome: Outcome
    subjects: tuple[Id, ...] = NONE_SAID
    records: Records | None = None
    data: Data | None = None
    masked: bool | None = None
    purpose: Text | None = None
    src: Src | None = None
    session: Session | None = None
    serials: tuple[int, ...] = msgspec.field(default=(), name="_serials")
