"""Commands of the incident queue, of silences, and of what receivers are told."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_options import say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from alerts.alert import Alert
    from alerts.desk import Desk
    from alerts.incident import Verdict
    from detector.config import Config

incidents = typer.Typer(help="The queue: see incidents, work on them, close them.", rich_markup_mode=None)
silences = typer.Typer(help="Tell nobody of what is known, until it ends.", rich_markup_mode=None)
deliveries = typer.Typer(help="What receivers were told, and what they did not take.", rich_markup_mode=None)
receivers = typer.Typer(help="Who is told of alerts.", rich_markup_mode=None)

CONFIG = Annotated[Path | None, typer.Option(help="The configuration that names the state.")]
STATE = Annotated[Path | None, typer.Option(help="The state folder.")]
AUTHOR = Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")]
ID = Annotated[str, typer.Argument(help="The incident's id, or how it begins.")]


@incidents.command("list")
def list_incidents(
    config: CONFIG = None,
    state: STATE = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
) -> None:
    """List incidents, the one with the highest risk first."""
    from rich.console import Console

    from alerts.incident import State
    from alerts.queue import incident_table

    with desk_of(config, state) as (desk, settings):
        found = desk.incidents([] if every else [one for one in State if one is not State.CLOSED])
    Console().print(incident_table(found, _zone(settings)))
    say(f"{len(found)} incidents; next: innerwatch incidents show INCIDENT_ID")


@incidents.command("show")
def show(incident_id: ID, config: CONFIG = None, state: STATE = None) -> None:
    """Show everything about one incident: its alerts with their evidence, its history, and who was told."""
    from rich.console import Console

    from alerts.queue import incident_detail

    with desk_of(config, state) as (desk, settings):
        found = desk.incident(incident_id)
    Console().print(incident_detail(found, _zone(settings)))


@incidents.command("assign")
def assign(
    incident_id: ID,
    owner: Annotated[str, typer.Argument(help="Who works on it.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Give an incident to somebody; an open one is acknowledged by that."""
    from alerts.work import Assign, By

    with desk_of(config, state) as (desk, _):
        found, _ = desk.act(incident_id, Assign(owner), By(by, _now()))
    say(f"{found.incident_id}: {found.state.value}, with {found.owner}")


@incidents.command("note")
def note(
    incident_id: ID,
    text: Annotated[str, typer.Argument(help="What is to be remembered.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Write a line into the history."""
    from alerts.work import By, Note

    with desk_of(config, state) as (desk, _):
        desk.act(incident_id, Note(text), By(by, _now()))


@incidents.command("move")
def move(
    incident_id: ID,
    to: Annotated[str, typer.Argument(help="acknowledged, investigating or contained.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Say how far the work has come."""
    from alerts.incident import State
    from alerts.work import STAGES, By, Move

    if to not in STAGES:
        raise typer.BadParameter("acknowledged, investigating or contained; close and reopen have their own commands")
    with desk_of(config, state) as (desk, _):
        desk.act(incident_id, Move(State(to)), By(by, _now()))


@incidents.command("close")
def close(
    incident_id: ID,
    verdict: Annotated[str, typer.Option(help="true_positive, benign_positive, false_positive or undetermined.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Close an incident with a verdict; its alerts are resolved at their receivers."""
    from alerts.incident import Verdict
    from alerts.work import VERDICTS, By, Close

    if verdict not in VERDICTS:
        raise typer.BadParameter(f"{verdict!r} is none of {', '.join(VERDICTS)}", param_hint="--verdict")
    with desk_of(config, state) as (desk, _):
        found, _ = desk.act(incident_id, Close(Verdict(verdict), reason), By(by, _now()))
    say(f"{found.incident_id}: closed as {verdict}")


@incidents.command("reopen")
def reopen(
    incident_id: ID,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Open a closed incident again; its verdict is taken back."""
    from alerts.work import By, Reopen

    with desk_of(config, state) as (desk, _):
        desk.act(incident_id, Reopen(reason), By(by, _now()))


@incidents.command("merge")
def merge(
    incident_id: ID,
    into: Annotated[str, typer.Argument(help="The incident that goes on, or how its id begins.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Move all alerts of an incident to another; the emptied one is closed and says where they went."""
    from alerts.work import By, Merge

    with desk_of(config, state) as (desk, _):
        former = desk.incident(incident_id).incident
        found, _ = desk.act(former.incident_id, Merge(into), By(by, _now()))
    say(f"{former.incident_id}: merged into {found.incident_id}")


@incidents.command("split")
def split(
    incident_id: ID,
    alerts: Annotated[list[str], typer.Argument(help="The alerts that go, or how their ids begin.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Move some alerts of an incident to one of their own; what was merged comes back under its former id."""
    from alerts.work import By, Split

    with desk_of(config, state) as (desk, _):
        found, _ = desk.act(incident_id, Split(tuple(alerts)), By(by, _now()))
    say(f"{found.incident_id}: {found.state.value}, split off")


@silences.command("add")
def add_silence(  # noqa: PLR0913 - each parameter is one option
    *,
    actor: Annotated[list[str] | None, typer.Option(help="A pseudonym, as alerts give it.")] = None,
    detection: Annotated[list[str] | None, typer.Option(help="Alerts with nothing but these.")] = None,
    department: Annotated[list[str] | None, typer.Option(help="Of the actor.")] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 90, help="How long, at most 90 days.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    by: AUTHOR = "analyst",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would have hidden, and keep nothing.")
    ] = False,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Tell nobody of matching alerts for some hours; says what that would have hidden."""
    from alerts.pipeline import Matcher, Silence

    matcher = Matcher(actors=tuple(actor or ()), detections=tuple(detection or ()), departments=tuple(department or ()))
    if matcher == Matcher():
        raise typer.BadParameter("a silence of everything is none; name an --actor, --detection or --department")
    with desk_of(config, state) as (desk, _):
        say_hidden(desk.would_hide(matcher))
        if not preview:
            now = _now()
            made = Silence(matcher=matcher, owner=by, reason=reason, starts=now, ends=now + hours * 3_600.0)
            say(f"silence {desk.silence(made)} is kept; end it earlier by innerwatch silences expire")


@silences.command("list")
def list_silences(config: CONFIG = None, state: STATE = None) -> None:
    """List the silences that have not ended."""
    from rich.console import Console

    from alerts.queue import silence_table

    with desk_of(config, state) as (desk, settings):
        Console().print(silence_table(desk.silences(_now()), _zone(settings)))


@silences.command("expire")
def expire(
    silence_id: Annotated[int, typer.Argument(help="The number of the silence.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """End a silence now."""
    from alerts.work import By

    with desk_of(config, state) as (desk, _):
        if not desk.expire(silence_id, By(by, _now())):
            raise typer.BadParameter(f"no silence {silence_id} is in force; see innerwatch silences list")


@deliveries.command("list")
def list_deliveries(
    config: CONFIG = None,
    state: STATE = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what a person must look at.")] = False,
) -> None:
    """List what each receiver is to be told and was told."""
    from rich.console import Console

    from alerts.queue import delivery_table

    with desk_of(config, state) as (desk, _):
        found = desk.tasks(state="dead" if dead else None)
    Console().print(delivery_table(found))
    say(f"{len(found)} deliveries")


@deliveries.command("retry")
def retry(
    receiver: Annotated[str | None, typer.Option(help="Only what this one did not take.")] = None,
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Let dead deliveries wait again, after what stood in their way was mended."""
    from alerts.work import By

    with desk_of(config, state) as (desk, _):
        say(f"{desk.retry(receiver, By(by, _now()))} deliveries wait again")


@receivers.command("test")
def test_receiver(
    name: Annotated[str, typer.Argument(help="The receiver's name in the configuration.")],
    config: Annotated[Path, typer.Option(help="The configuration that names it.")],
) -> None:
    """Send a marked test alert to a receiver, and say what came back."""
    from contextlib import closing

    from alerts.errors import ReceiverError
    from alerts.receivers.receiver import Result
    from detector.config import load_config
    from detector.deliver import open_named, trial_notice

    settings = load_config(config)
    now = _now()
    with closing(open_named(settings, name)) as receiver:
        (outcome,) = receiver.send([trial_notice(now, settings.delivery.receivers[name].language)], now)
    if outcome.result is not Result.DELIVERED:
        raise ReceiverError(f"delivery.receivers.{name}: {outcome.result.value}: {outcome.detail}")
    say(f"{name} has taken the test alert{f' as {outcome.remote_id}' if outcome.remote_id else ''}")


@contextmanager
def desk_of(config: Path | None, state: Path | None) -> "Iterator[tuple[Desk, Config]]":
    """The desk of a configuration or state folder, with what waits taken in."""
    from contextlib import ExitStack, closing

    from detector.cli_options import configured
    from detector.config import load_config
    from detector.deliver import open_desk, stages_of

    if (config is None) == (state is None):
        raise typer.BadParameter("name either a configuration by --config or a state folder by --state")
    settings = load_config(config) if state is None else configured(None, state=state)
    with ExitStack() as stack:
        desk = stack.enter_context(closing(open_desk(settings, must_exist=True)))
        while desk.take_in(stages_of(settings), list(settings.delivery.receivers), _now()):
            pass
        yield desk, settings


def say_hidden(hidden: "Sequence[tuple[Alert, Verdict]]") -> None:
    """Which alerts nobody would have been told of, with the verdicts on them."""
    from alerts.incident import Verdict

    confirmed = sum(verdict is Verdict.TRUE_POSITIVE for _, verdict in hidden)
    say(f"it would have hidden {len(hidden)} of the newest alerts, {confirmed} of them confirmed misuse")
    for alert, verdict in hidden[:5]:
        say(f"  {alert.alert_id}  {alert.opened_at:%Y-%m-%d}  {alert.actor}  {alert.severity.value}  {verdict.value}")


def _zone(settings: "Config") -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.time.zone)


def _now() -> float:
    from detector.app import now

    return now()
