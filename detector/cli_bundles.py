"""Commands of the registry of bundles: who made them, which one judges, and since when."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_incidents import AUTHOR, CONFIG, STATE
from detector.cli_options import say

if TYPE_CHECKING:
    from alerts.bundles import Book, BundleAct, BundleRecord, Deed
    from alerts.registry import Registry
    from detector.config import Config
    from models.bundles import Bundle

bundles = typer.Typer(help="Bundles of trained models: which there are, and which one judges.", rich_markup_mode=None)

NAME = Annotated[str, typer.Argument(help="The bundle's name, or how its digest begins.")]
APPROVER = Annotated[str, typer.Option(help="Who approves of it.")]
REASON = Annotated[str, typer.Option(help="Why, in a sentence.")]


@bundles.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="For the private key; FILE.pub gets the public one.")],
) -> None:
    """Make a pair of keys: the private one signs bundles, the public one is named in bundles.trusted_keys."""
    from models.bundles import fingerprint, write_key

    made = write_key(file)
    say(f"key {fingerprint(made)[:12]}: {file} signs bundles and stays with whoever trains; those who take them name")
    say(f"{file}.pub in bundles.trusted_keys")


@bundles.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The bundle, as innerwatch train wrote it.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Verify a bundle and put it into the registry; it is not used yet.

    Where there is no state yet it begins here, so that a first run can begin with a bundle's priors.
    """
    import msgspec

    from alerts.bundles import BundleRecord
    from detector.app import now
    from detector.bundles import read_bundle

    with registry_of(config, state, begins=True) as (registry, settings):
        found = read_bundle(file, settings.bundles)
        manifest = msgspec.json.encode(found.manifest).decode()
        name, owner = found.manifest.name, found.manifest.owner
        record = BundleRecord(
            digest=found.digest, name=name, owner=owner, manifest=manifest, added_at=now(), added_by=by
        )
        registry.add(record, file.read_bytes())
    say(f"bundle {name} ({found.digest[:12]}) of {owner} is added; next: innerwatch bundles shadow {name}")


@bundles.command("list")
def list_bundles(config: CONFIG = None, state: STATE = None) -> None:
    """List bundles with their roles."""
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from detector.bundle_tables import bundle_table

    with registry_of(config, state) as (registry, settings):
        book = registry.book()
    Console().print(bundle_table(book, ZoneInfo(settings.time.zone)))
    judges = book.name_of(book.roles.champion) if book.roles.champion else "no bundle; the online models judge alone"
    say(f"{len(book.records)} bundles; champion: {judges}")


@bundles.command("show")
def show(
    name: NAME,
    json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Show everything about one bundle: its manifest, its card, what it is worth in shadow, what was done with it."""
    from zoneinfo import ZoneInfo

    import msgspec
    from rich.console import Console

    from alerts.escape import escape
    from detector.bundle_tables import acts_about, bundle_detail, manifest_of
    from detector.lookup import shadowed_in_state

    with registry_of(config, state) as (registry, settings):
        book = registry.book()
        record = book.find(name)
        card = _card(registry, record, settings)
    role = book.roles.of(record.digest)
    shadowed = shadowed_in_state(settings.state, record.digest) if role == "challenger" else []
    if json:
        facts = {"digest": record.digest, "name": record.name, "role": role}
        rest = {
            "manifest": manifest_of(record),
            "card": card,
            "shadow": shadowed,
            "acts": acts_about(book, record.digest),
        }
        typer.echo(escape(msgspec.json.encode(facts | rest).decode()))
        return
    Console().print(bundle_detail(book, record, card, shadowed, ZoneInfo(settings.time.zone)))


@bundles.command("shadow")
def shadow(name: NAME, by: AUTHOR = "analyst", config: CONFIG = None, state: STATE = None) -> None:
    """Let a bundle be scored beside the champion, from the next look of the detector on; it tells nobody."""
    from alerts.bundles import Deed

    with registry_of(config, state) as (registry, settings):
        book = registry.book()
        record = book.find(name)
        _require_accepted(registry, record, settings)
        registry.perform(_act(book, record.digest, Deed.SHADOW, by))
    say(f"bundle {record.name} is the challenger; what it would tell is counted, and nobody is told")


@bundles.command("promote")
def promote(
    name: NAME,
    report: Annotated[Path, typer.Option(help="The report.json of innerwatch backtest that speaks for it.")],
    approver: APPROVER,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Let a bundle judge, from the next look of the detector on, at positions that are recorded.

    Refused unless the report is about this bundle and the present champion and passes, and the approver is another
    person than the bundle's owner.
    """
    import msgspec

    from alerts.bundles import Deed
    from detector.promotion import read_report, require_backing

    with registry_of(config, state) as (registry, settings):
        book = registry.book()
        record = book.find(name)
        found, digest = read_report(report)
        require_backing(found, report, book, record.digest)
        _require_accepted(registry, record, settings)
        act = _act(book, record.digest, Deed.PROMOTE, approver)
        registry.perform(msgspec.structs.replace(act, report=digest))
    former = f"; {book.name_of(book.roles.champion)} was before" if book.roles.champion else ""
    say(f"bundle {record.name} is the champion{former}; innerwatch bundles rollback takes it back")


@bundles.command("rollback")
def rollback(approver: APPROVER, reason: REASON, config: CONFIG = None, state: STATE = None) -> None:
    """Let the champion before the present one judge again, or the online models alone where there was none."""
    from alerts.bundles import Deed

    with registry_of(config, state) as (registry, _):
        book = registry.book()
        roles = registry.perform(_act(book, book.roles.champion, Deed.ROLLBACK, approver, reason))
    again = f"{book.name_of(roles.champion)} is again" if roles.champion else "the online models judge alone"
    say(f"{book.name_of(book.roles.champion)} is the champion no more; {again}")


@bundles.command("archive")
def archive(name: NAME, by: AUTHOR = "analyst", config: CONFIG = None, state: STATE = None) -> None:
    """Take a challenger, or a bundle that is not used, out of the way; it stays in the registry."""
    from alerts.bundles import Deed

    with registry_of(config, state) as (registry, _):
        book = registry.book()
        record = book.find(name)
        registry.perform(_act(book, record.digest, Deed.ARCHIVE, by))
    say(f"bundle {record.name} is archived")


@bundles.command("export")
def export(
    name: NAME,
    mlflow: Annotated[str, typer.Option(help="The address of an MLflow server, or a folder that gets a database.")],
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Register a bundle in MLflow, with its card, params and metrics, and aliases as its role is here.

    What is changed there changes nothing here. Needs pip install 'innerwatch[mlflow]'; a server's log-in is given by
    MLflow's own variables.
    """
    from detector.mlflow_export import MODEL, export_bundle

    with registry_of(config, state) as (registry, settings):
        book = registry.book()
        record = book.find(name)
        bundle = _require_accepted(registry, record, settings)
        body = registry.body(record.digest)
    version = export_bundle(mlflow, bundle, body, book.roles)
    say(f"bundle {record.name} is version {version} of the model {MODEL} in MLflow")


@contextmanager
def registry_of(
    config: Path | None, state: Path | None, *, begins: bool = False
) -> "Iterator[tuple[Registry, Config]]":
    """The registry in the database of a configuration or state folder, which is made if it may begin here."""
    from contextlib import closing

    from alerts.registry import Registry
    from detector.cli_options import configured
    from detector.config import load_config
    from detector.home import database_of

    if (config is None) == (state is None):
        raise typer.BadParameter("name either a configuration by --config or a state folder by --state")
    settings = load_config(config) if state is None else configured(None, state=state)
    database = database_of(settings.state, must_exist=not begins)
    with closing(Registry(database, settings.state.password_file)) as registry:
        yield registry, settings


def _act(book: "Book", digest: str, deed: "Deed", by: str, reason: str = "") -> "BundleAct":
    from alerts.bundles import BundleAct
    from detector.app import now

    return BundleAct(number=book.roles.number + 1, digest=digest, act=deed, at=now(), by=by, reason=reason)


def _require_accepted(registry: "Registry", record: "BundleRecord", settings: "Config") -> "Bundle":
    """The bundle; refused here is what a run would refuse later."""
    from detector.bundles import accepted

    return accepted(registry.body(record.digest), record.digest, settings.bundles)


def _card(registry: "Registry", record: "BundleRecord", settings: "Config") -> str:
    from detector.bundles import accepted
    from detector.errors import RefusedBundleError

    try:
        return accepted(registry.body(record.digest), record.digest, settings.bundles).card
    except RefusedBundleError as error:
        return str(error)
