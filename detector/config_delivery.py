"""The configuration of delivery: receivers, routes, who is on call, and who is told when nobody answers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, NaiveDatetime, field_validator, model_validator

from detector.section import Section

DIGESTS: Final = frozenset({"dingtalk", "feishu", "slack", "teams", "wecom"})
"""Kinds that tell people what waits together as one message."""
PEOPLE: Final = DIGESTS | {"email", "pagerduty"}
"""Kinds that people are called by; whatever else is a tool, which wants everything."""
INBOUND: Final = frozenset({"jira", "pagerduty", "servicenow", "thehive", "webhook"})
"""Kinds that can post what people did there."""
POLLED: Final = INBOUND - {"webhook"}
"""Kinds that can be asked for it."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Verdict = Literal["true_positive", "benign_positive", "false_positive", "undetermined"]
Severity = Literal["low", "medium", "high", "critical"]


def known_zone(value: str) -> str:
    """The name of a time zone, which the machine must know."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone {value!r}; use an IANA name such as Asia/Shanghai") from error
    return value


class ReceiverConfig(Section):
    """Somebody who is told: of which kind, in which language, what comes back, and the settings of that kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    language: Literal["en", "zh"] = "en"
    resend_s: Annotated[float, Field(ge=0)] | None = None
    hourly: Annotated[int, Field(ge=0)] | None = None
    inhibit_hours: Annotated[float, Field(ge=0)] | None = None
    inbound_secret_file: Path | None = None
    poll_s: Annotated[float, Field(ge=30)] | None = None
    verdicts: dict[str, Verdict] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _comes_back(self) -> "ReceiverConfig":
        for key, kinds in (("inbound_secret_file", INBOUND), ("poll_s", POLLED)):
            if getattr(self, key) is not None and self.kind not in kinds:
                raise ValueError(f"{key} is for kinds that say what people did there: {', '.join(sorted(kinds))}")
        if self.verdicts and self.inbound_secret_file is None and self.poll_s is None:
            raise ValueError("verdicts are of what comes back; set inbound_secret_file or poll_s as well")
        return self

    @model_validator(mode="after")
    def _gathers(self) -> "ReceiverConfig":
        if self.hourly is not None and self.kind not in DIGESTS:
            raise ValueError(
                f"hourly is for kinds that tell several alerts as one message: {', '.join(sorted(DIGESTS))}"
            )
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """What the kind itself is to know."""
        return dict(self.model_extra or {})


class OverrideConfig(Section):
    """Who takes a shift of somebody else's, from `starts` until before `ends` in local time."""

    receiver: Name
    starts: NaiveDatetime
    ends: NaiveDatetime

    @model_validator(mode="after")
    def _lasts(self) -> "OverrideConfig":
        if self.starts >= self.ends:
            raise ValueError("an override must end after it starts")
        return self


class RotationConfig(Section):
    """Who is on call when: each receiver for so many days, from `starts` on in local time, over and over."""

    receivers: Annotated[tuple[Name, ...], Field(min_length=1)]
    starts: NaiveDatetime
    days: Annotated[float, Field(ge=1 / 24)] = 7.0
    zone: str | None = None
    overrides: tuple[OverrideConfig, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)

    @property
    def shift(self) -> timedelta:
        """How long one is on call."""
        return timedelta(days=self.days)


class RouteConfig(Section):
    """Which alerts which receivers are told of, and of whom those on call are."""

    receivers: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    severity: Severity = "low"
    detections: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    hours: Literal["any", "working", "off"] = "any"

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "RouteConfig":
        if not self.receivers and not self.on_call:
            raise ValueError("a route without receivers and on_call leads nowhere; name at least one")
        return self


class EscalationConfig(Section):
    """Who is told as well when nobody has acknowledged an incident for so long since the escalation before."""

    receivers: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    severity: Severity = "high"
    after_minutes: Annotated[float, Field(ge=1)]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "EscalationConfig":
        if not self.receivers and not self.on_call:
            raise ValueError("an escalation without receivers and on_call leads nowhere; name at least one")
        return self


class DeliveryConfig(Section):
    """Who is told of alerts, by ``innerwatch deliver``."""

    hourly: Annotated[int, Field(ge=0)] = 30
    inhibit_hours: Annotated[float, Field(ge=0)] = 8.0
    receivers: dict[Name, ReceiverConfig] = Field(default_factory=dict)
    rotations: dict[Name, RotationConfig] = Field(default_factory=dict)
    routes: tuple[RouteConfig, ...] = ()
    escalations: tuple[EscalationConfig, ...] = ()

    @model_validator(mode="after")
    def _known_names(self) -> "DeliveryConfig":
        for place, name, known in self._named():
            if name not in getattr(self, known):
                raise ValueError(f"{place} names {name!r}, but delivery.{known} has none of that name")
        if self.escalations and not self.routes:
            raise ValueError("escalations need routes: without any, everybody is told of everything at once")
        return self

    def _named(self) -> Iterator[tuple[str, str, str]]:
        """Each name that is used: where, which, and among what it must be."""
        for place, ones in (("a route", self.routes), ("an escalation", self.escalations)):
            for one in ones:
                yield from ((place, name, "receivers") for name in one.receivers)
                yield from ((place, name, "rotations") for name in one.on_call)
        for rotation in self.rotations.values():
            yield from (("a rotation", name, "receivers") for name in rotation.receivers)
            yield from (("an override", one.receiver, "receivers") for one in rotation.overrides)
