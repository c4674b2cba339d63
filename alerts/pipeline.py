"""Who is told of an alert: a list of stages, each of which says why it lets an alert through or not."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Protocol

import msgspec

from alerts.alert import Alert, Severity

WORK_BEGINS, WORK_ENDS = 9, 18  # local hours
SATURDAY = 5  # of `date.weekday`


class Why(StrEnum):
    """Why a stage decided as it did."""

    NOT_SILENCED = "not_silenced"
    SILENCED = "silenced"  # a silence of somebody's matches, so nobody is told
    ROUTED = "routed"
    NO_ROUTE = "no_route"  # no route matches, so it is in the queue alone
    NEWS = "news"
    NOTHING_NEW = "nothing_new"  # the same detections and severity as what was told last: an update would only be noise


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What stages decide about: an alert at `now` (Unix seconds), and the gist of what was told of it, if anything."""

    alert: Alert
    now: float
    told: frozenset[str] | None = None


class Decision(msgspec.Struct, frozen=True):
    """What a stage decided: `receivers` are those that remain."""

    stage: str
    why: Why
    receivers: tuple[str, ...]
    detail: str = ""


class Stage(Protocol):
    """Decides one thing about an alert."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Which of the receivers remain, and why."""


class Matcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Matches alerts; what is empty matches any. `severity` is the mildest, the others name any one of several."""

    severity: Severity = Severity.LOW
    actors: tuple[str, ...] = ()
    detections: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def matches(self, alert: Alert) -> bool:
        """Whether it does.

        A matcher by detection matches when every finding of the alert is by one of those: an alert in which anything
        else was found is never taken for the known thing.
        """
        scale = list(Severity)
        return (
            scale.index(alert.severity) >= scale.index(self.severity)
            and (not self.actors or alert.actor in self.actors)
            and (not self.departments or alert.department in self.departments)
            and (not self.roles or alert.role in self.roles)
            and (not self.detections or {finding.detection for finding in alert.findings} <= set(self.detections))
        )


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Tells nobody of what matches, from `starts` until before `ends` (Unix seconds); who wanted that, and why."""

    silence_id: int = 0
    matcher: Matcher
    owner: str
    reason: str
    starts: float
    ends: float


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Tells receivers of what matches: at any hour, or only in or outside of working hours (9 to 18, local time)."""

    receivers: tuple[str, ...]
    severity: Severity = Severity.LOW
    detections: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    hours: str = "any"


class Silencing:
    """Lets through what no silence matches."""

    def __init__(self, silences: Sequence[Silence]) -> None:
        self._silences = silences

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Nobody is told of what a silence matches; the detail names the silence."""
        for silence in self._silences:
            if silence.starts <= case.now < silence.ends and silence.matcher.matches(case.alert):
                return Decision("silence", Why.SILENCED, (), f"silence {silence.silence_id} of {silence.owner}")
        return Decision("silence", Why.NOT_SILENCED, receivers)


class Routing:
    """Keeps the receivers of the routes that match; without any route, all of them.

    Any one finding by a detection that a route names is enough: a route exists to tell.
    """

    def __init__(self, routes: Sequence[Route], zone: tzinfo) -> None:
        self._routes, self._zone = routes, zone

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """The receivers that some matching route names, in the order given."""
        if not self._routes:
            return Decision("route", Why.ROUTED, receivers)
        named = {name for route in self._routes if self._matches(route, case) for name in route.receivers}
        kept = tuple(name for name in receivers if name in named)
        return Decision("route", Why.ROUTED if kept or not receivers else Why.NO_ROUTE, kept)

    def _matches(self, route: Route, case: Case) -> bool:
        matcher = Matcher(severity=route.severity, departments=route.departments)
        found = {finding.detection for finding in case.alert.findings}
        return (
            matcher.matches(case.alert)
            and (not route.detections or bool(found & set(route.detections)))
            and route.hours in ("any", self._hours(case.now))
        )

    def _hours(self, now: float) -> str:
        local = datetime.fromtimestamp(now, self._zone)
        return "working" if local.weekday() < SATURDAY and WORK_BEGINS <= local.hour < WORK_ENDS else "off"


class Deduplication:
    """Lets an update through only when it says something new: a detection, or a higher severity."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Nobody is told again of what was told."""
        if case.told is not None and case.told >= gist(case.alert):
            return Decision("deduplicate", Why.NOTHING_NEW, ())
        return Decision("deduplicate", Why.NEWS, receivers)


def decide(stages: Sequence[Stage], case: Case, receivers: Sequence[str]) -> list[Decision]:
    """Ask every stage in turn, until nobody remains; the last decision has those who are told."""
    decisions: list[Decision] = []
    left = tuple(receivers)
    for stage in stages:
        decisions.append(stage.decide(case, left))
        left = decisions[-1].receivers
        if not left:
            break
    return decisions


def gist(alert: Alert) -> frozenset[str]:
    """What a reader would act on, such that more of it is a larger set: detections, and severities up to its own."""
    scale = list(Severity)
    found = {finding.detection for finding in alert.findings}
    return frozenset(found | {level.value for level in scale[: scale.index(alert.severity) + 1]})
