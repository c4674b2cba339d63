"""Delivery: the process that tells receivers of alerts, apart from detection, which it never holds up."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from alerts.alert import Alert, Severity, alert_id_of
from alerts.desk import Desk
from alerts.dispatch import Dispatcher, Post, Told
from alerts.errors import ReceiverError, UnavailableError
from alerts.escalation import Level
from alerts.finding import Finding
from alerts.inbound.poller import Poller
from alerts.pipeline import Route, Routing, Stage, pipeline_of
from alerts.receivers.receiver import Notice, Outcome, Receiver
from alerts.receivers.table import open_receiver
from alerts.rotation import Override, Rotation
from detector.config import Config
from detector.config_delivery import DIGESTS, PEOPLE, ReceiverConfig
from detector.desk_metrics import DeskMetrics
from detector.home import database_of
from detector.live import Log

LEAST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0
"""Between two looks at what is to be told: with a batch's own time, well below the wait for a checkpoint."""
AWAY_S: Final = 5.0
"""Between two looks for a store that is away."""
HANGS_S: Final = 900.0
"""A round of calls to every receiver, each with a time limit of its own, is over by then."""


class Waiting(Protocol):
    """Sleeps, until a signal or the end of the time."""

    signal: int

    def wait(self, seconds: float) -> None:
        """Sleep for so long, or until a signal."""


def open_desk(config: Config, *, must_exist: bool = False) -> Desk:
    """The desk in the database of the configuration's state, made if it need not exist.

    Raises:
        DetectorError, AlertsError: there is none, or it cannot be used.
    """
    return Desk(database_of(config.state, must_exist=must_exist), config.state.password_file)


def open_named(config: Config, name: str) -> Receiver:
    """The receiver of a name.

    Raises:
        ReceiverError: there is none of that name, or it cannot be used; the message names it.
    """
    if name not in config.delivery.receivers:
        known = ", ".join(config.delivery.receivers) or "none"
        raise ReceiverError(f"delivery.receivers has no {name!r}; there are: {known}")
    one = config.delivery.receivers[name]
    try:
        return open_receiver(one.kind, one.settings)
    except ReceiverError as error:
        raise ReceiverError(f"delivery.receivers.{name}: {error}") from None


def open_dispatcher(config: Config, desk: Desk, stack: ExitStack, told: Told | None = None) -> Dispatcher:
    """What tells every receiver of the configuration, by its routes; closed with the stack."""
    posts = {}
    for name, one in config.delivery.receivers.items():
        receiver = stack.enter_context(closing(open_named(config, name)))
        posts[name] = Post(receiver, one.language, resend_of(one, receiver))
    return Dispatcher(desk, posts, stages_of(config), levels_of(config), told)


def stages_of(config: Config) -> list[Stage]:
    """What decides who is told, by the routes of the configuration and by what people bear."""
    delivery = config.delivery
    routes = [
        Route(
            receivers=one.receivers,
            rotations=_rotations(config, one.on_call),
            severity=Severity(one.severity),
            detections=one.detections,
            data_classes=one.data_classes,
            departments=one.departments,
            hours=one.hours,
        )
        for one in delivery.routes
    ]
    hours, hourly = {}, {}
    for name, one in delivery.receivers.items():
        usual = delivery.inhibit_hours if one.kind in PEOPLE else 0.0
        hours[name] = usual if one.inhibit_hours is None else one.inhibit_hours
        if one.kind in DIGESTS:
            hourly[name] = delivery.hourly if one.hourly is None else one.hourly
    allowed = {name: count for name, count in hourly.items() if count}
    return pipeline_of(Routing(routes, ZoneInfo(config.time.zone)), hours, allowed)


def levels_of(config: Config) -> list[Level]:
    """Who is told when nobody acknowledges, in their order."""
    return [
        Level(
            severity=Severity(one.severity),
            after_s=one.after_minutes * 60.0,
            receivers=one.receivers,
            rotations=_rotations(config, one.on_call),
        )
        for one in config.delivery.escalations
    ]


def _rotations(config: Config, names: Sequence[str]) -> tuple[Rotation, ...]:
    known = {name: config.delivery.rotations[name] for name in names}
    return tuple(
        Rotation(
            name=name,
            receivers=one.receivers,
            starts=one.starts,
            shift=one.shift,
            zone=ZoneInfo(one.zone or config.time.zone),
            overrides=tuple(Override(each.receiver, each.starts, each.ends) for each in one.overrides),
        )
        for name, one in known.items()
    )


def trial_notice(now: float, language: str) -> Notice:
    """An alert that is none, marked as a test, for somebody to see that it arrives."""
    time = datetime.fromtimestamp(now, UTC)
    finding = Finding(
        detection="test", time=time, p_value=1.0, observed=1.0, expected=None, peer_expected=None, unit="tests",
        event_ids=(), event_count=0, technique="none", sentence="This is a test of innerwatch; nothing happened.",
        sample_size=0, peer_sample_size=0, threshold=None, model_version="none",
    )  # fmt: skip
    alert = Alert(
        alert_id=alert_id_of("test", str(int(now)), "E-test", "test"), actor="E-test", opened_at=time, updated_at=time,
        risk=0.0, severity=Severity.LOW, findings=(finding,), position="test",
    )  # fmt: skip
    return Notice(key=f"{alert.alert_id}.test", alert=alert, revision=1, language=language, test=True)


def resend_of(config: ReceiverConfig, receiver: Receiver) -> float:
    """After how many seconds a receiver is told again of an alert that is still firing, 0 for never."""
    return (receiver.limits.resend_s or 0.0) if config.resend_s is None else config.resend_s


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """Says and counts how telling and asking went."""

    log: Log
    metrics: DeskMetrics

    def delivery(self, receiver: str, outcome: Outcome) -> None:
        """Count and say how a delivery went."""
        self.metrics.delivery(receiver, outcome)
        if outcome.detail:
            self.log.warning("delivery", receiver=receiver, result=outcome.result.value, why=outcome.detail)
        else:
            self.log.info("delivery", receiver=receiver, result=outcome.result.value)

    def asked(self, receiver: str, outcome: Outcome) -> None:
        """Say how asking went, where it went wrong."""
        if outcome.detail:
            self.log.warning("asked", receiver=receiver, result=outcome.result.value, why=outcome.detail)

    def away(self, why: str) -> None:
        """Say that the store is away."""
        self.log.warning("not ready", why=why)


class Delivering:
    """Tells receivers round by round, asks them what people did there, and says how that goes.

    Args:
        desk: acquired by this process.
        dispatcher: of that desk.
        poller: of that desk.
        metrics: of the queue.
        now: Unix seconds.
        away: is told why the store is away, each time.
    """

    def __init__(
        self,
        desk: Desk,
        dispatcher: Dispatcher,
        poller: Poller,
        metrics: DeskMetrics,
        now: Callable[[], float],
        away: Callable[[str], None],
    ) -> None:
        self._desk, self._dispatcher, self._poller, self._metrics = desk, dispatcher, poller, metrics
        self._now, self._away = now, away
        self._beat = now()
        self._unready = ""

    def until(self, stop: Waiting) -> int:
        """Tell until a signal comes, and wait for a store that is away; how many notices were tried."""
        tried = 0
        while not stop.signal:
            count, pause = self._round()
            tried += count
            if pause:
                stop.wait(pause)
        return tried

    def alive(self) -> str:
        """Why a supervisor should end this process, in words; "" while its rounds come round."""
        waited = self._now() - self._beat
        return f"no round for {waited:.0f} s" if waited > HANGS_S else ""

    def ready(self) -> str:
        """Why nobody is told at the moment, in words; "" when all is well."""
        return self._unready

    def _round(self) -> tuple[int, float]:
        """How many notices were tried, and how long to wait for the next round."""
        self._beat = now = self._now()
        try:
            count = self._dispatcher.step(now)
            asked = self._poller.step(self._now())
            self._metrics.look(self._desk, self._dispatcher.failing, self._now())
            wait_s = self._poller.wait_s(self._now(), self._dispatcher.wait_s(self._now(), LONGEST_WAIT_S))
            pause = 0.0 if count or asked else max(wait_s, LEAST_WAIT_S)
        except UnavailableError as error:
            self._unready = str(error)
            self._away(self._unready)
            return 0, AWAY_S
        self._unready = ""
        return count, pause
