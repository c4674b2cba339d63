"""Who is told of an alert: a list of stages, each of which says why it lets an alert through or not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from alerts.alert import Alert, Severity
from alerts.incident import Verdict
from alerts.rotation import Rotation

WORK_BEGINS, WORK_ENDS = 9, 18  # local hours
SATURDAY = 5  # of `date.weekday`
HOUR_S: Final = 3_600.0


class Why(StrEnum):
    """Why a stage decided as it did."""

    OPENED = "opened"  # no incident of the actor is open, so it opens one
    JOINED = "joined"  # an open incident of the actor takes it
    MEMBER = "member"  # it is in an incident already and stays there
    UNKNOWN = "unknown"  # the actor has had no incident that was closed
    RECORD = "record"  # the actor has had some; the detail has their verdicts
    NOT_SILENCED = "not_silenced"
    SILENCED = "silenced"  # a silence of somebody's matches, so nobody is told
    ROUTED = "routed"
    NO_ROUTE = "no_route"  # no route matches, so it is in the queue alone
    NOT_INHIBITED = "not_inhibited"
    INHIBITED = "inhibited"  # the receiver was lately told of a more severe alert of the same incident
    NEWS = "news"
    NOTHING_NEW = "nothing_new"  # the same detections and severity as what was told last: an update would only be noise
    UNACKNOWLEDGED = "unacknowledged"  # nobody took the incident on in time, so others are told
    AT_ONCE = "at_once"
    THROTTLED = (
        "throttled"  # the receiver has had as many in this hour as people bear, so it is told later, with others
    )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What stages decide about: an alert at `now` (Unix seconds), and what the desk knows beside it.

    `told` is the gist of what was told of it, if anything. `incident_id` is the incident that it is in, when it is a
    `member`, or joins; "" when it opens one. `verdicts` are those on the actor's other incidents. `paged` says of the
    other alerts of the incident which receivers know of what severity, and since when. `deliveries` has the receivers
    that know this alert, with the time until which they wait for it, 0.0 for none. `fresh` counts by receiver the
    alerts that were new to it within the last hour.
    """

    alert: Alert
    now: float
    told: frozenset[str] | None = None
    incident_id: str = ""
    member: bool = False
    verdicts: tuple[Verdict, ...] = ()
    silences: Sequence["Silence"] = ()
    paged: Sequence[tuple[str, Severity, float]] = ()
    deliveries: Mapping[str, float] = msgspec.field(default_factory=dict)
    fresh: Mapping[str, int] = msgspec.field(default_factory=dict)

    @property
    def news(self) -> bool:
        """Whether there is something to act on that was not told before."""
        return self.told is None or not self.told >= gist(self.alert)


class Decision(msgspec.Struct, frozen=True):
    """What a stage decided: `receivers` are those that remain, `due` when those are told that have to wait."""

    stage: str
    why: Why
    receivers: tuple[str, ...]
    detail: str = ""
    due: Mapping[str, float] = msgspec.field(default_factory=dict)


class Stage(Protocol):
    """Decides one thing about an alert."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Which of the receivers remain, and why."""


class Matching(Protocol):
    """Says of some alerts that it is about them."""

    def matches(self, alert: Alert) -> bool:
        """Whether it is about this one."""


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
    """Tells nobody of what matches, from `starts` until before `ends` (Unix seconds); who wanted that, and why.

    `ended_by` is who ended it early, "" for nobody.
    """

    silence_id: int = 0
    matcher: Matcher
    owner: str
    reason: str
    starts: float
    ends: float
    ended_by: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Tells receivers, and those on call, of what matches: at any hour, or only in or outside of working hours.

    Those are 9 to 18, local time. `data_classes` are compared with the most sensitive class of each finding's day.
    """

    receivers: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    severity: Severity = Severity.LOW
    detections: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    data_classes: tuple[str, ...] = ()
    hours: str = "any"


class Grouping:
    """Puts an alert with those that are worked on together; whoever is told, it is in the queue."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Everybody remains; the detail names the incident."""
        if not case.incident_id:
            return Decision("group", Why.OPENED, receivers, f"incident {case.alert.alert_id}")
        return Decision("group", Why.MEMBER if case.member else Why.JOINED, receivers, f"incident {case.incident_id}")


class Enrichment:
    """Says what became of the actor's earlier incidents, which whoever looks at an alert asks first."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Everybody remains; the detail counts the verdicts."""
        if not case.verdicts:
            return Decision("enrich", Why.UNKNOWN, receivers, "no earlier incident")
        counts = ", ".join(f"{count} {verdict.value}" for verdict, count in Counter(case.verdicts).most_common())
        return Decision("enrich", Why.RECORD, receivers, f"earlier incidents: {counts}")


class Silencing:
    """Lets through what no silence in force matches."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Nobody is told of what a silence matches; the detail names the silence."""
        for silence in case.silences:
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
        """The receivers that some matching route names, in the order given; the detail names who is on call."""
        if not self._routes:
            return Decision("route", Why.ROUTED, receivers)
        matching = [route for route in self._routes if self._matches(route, case)]
        named = {name for route in matching for name in route.receivers}
        rotations = {one.name: one.on_call(case.now) for route in matching for one in route.rotations}
        kept = tuple(name for name in receivers if name in named | set(rotations.values()))
        on_call = "".join(f"; on call for {name}: {who}" for name, who in rotations.items())
        detail = ", ".join(kept) + on_call if on_call else ""
        return Decision("route", Why.ROUTED if kept or not receivers else Why.NO_ROUTE, kept, detail)

    def _matches(self, route: Route, case: Case) -> bool:
        matcher = Matcher(severity=route.severity, departments=route.departments)
        found = {finding.detection for finding in case.alert.findings}
        classes = {finding.data_class for finding in case.alert.findings}
        return (
            matcher.matches(case.alert)
            and (not route.detections or bool(found & set(route.detections)))
            and (not route.data_classes or bool(classes & set(route.data_classes)))
            and route.hours in ("any", self._hours(case.now))
        )

    def _hours(self, now: float) -> str:
        local = datetime.fromtimestamp(now, self._zone)
        return "working" if local.weekday() < SATURDAY and WORK_BEGINS <= local.hour < WORK_ENDS else "off"


class Inhibition:
    """Spares people a milder alert of an incident of which they were told a more severe one.

    Args:
        hours: by receiver, for how long after that; receivers without are told of everything.
    """

    def __init__(self, hours: Mapping[str, float]) -> None:
        self._hours = hours

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """The receivers that know of nothing more severe; the detail names the others."""
        scale = list(Severity)
        spared = {
            name
            for name, severity, since in case.paged
            if scale.index(severity) > scale.index(case.alert.severity)
            and case.now - since < self._hours.get(name, 0.0) * HOUR_S
        }
        kept = tuple(name for name in receivers if name not in spared)
        if len(kept) == len(receivers):
            return Decision("inhibit", Why.NOT_INHIBITED, receivers)
        dropped = ", ".join(name for name in receivers if name in spared)
        return Decision("inhibit", Why.INHIBITED, kept, f"{dropped}: told of a more severe one")


class Deduplication:
    """Lets an update through only when it says something new: a detection, or a higher severity."""

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Nobody is told again of what was told."""
        return (
            Decision("deduplicate", Why.NEWS, receivers) if case.news else Decision("deduplicate", Why.NOTHING_NEW, ())
        )


class Throttling:
    """Lets what is above a receiver's allowance wait for the next full hour, when it comes as a digest.

    A critical alert never waits.

    Args:
        hourly: by receiver, how many new alerts an hour it is told one by one; receivers without are told at once.
    """

    def __init__(self, hourly: Mapping[str, int]) -> None:
        self._hourly = hourly

    def decide(self, case: Case, receivers: tuple[str, ...]) -> Decision:
        """Everybody remains; `due` and the detail say who is told later."""
        due = {name: time for name in receivers if (time := self._due(case, name))}
        return Decision("throttle", Why.THROTTLED if due else Why.AT_ONCE, receivers, ", ".join(due), due)

    def _due(self, case: Case, name: str) -> float:
        """When a receiver is told, 0.0 for at once."""
        if name not in self._hourly or case.alert.severity is Severity.CRITICAL:
            return 0.0
        if name in case.deliveries:
            return case.deliveries[name]
        return (case.now // HOUR_S + 1) * HOUR_S if case.fresh.get(name, 0) >= self._hourly[name] else 0.0


def pipeline_of(
    routing: Routing, hours: Mapping[str, float] | None = None, hourly: Mapping[str, int] | None = None
) -> list[Stage]:
    """All stages in their order; `hours` are those of inhibition, `hourly` is what throttling allows."""
    return [
        Grouping(),
        Enrichment(),
        Silencing(),
        routing,
        Inhibition(hours or {}),
        Deduplication(),
        Throttling(hourly or {}),
    ]


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
