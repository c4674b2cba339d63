"""Commands about single records: dead letters, and what a mapping makes of a sample."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from detector.cli_options import CONFIG, OUT, REVEAL, Inputs, configured, reveal_all, say, say_all, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams import Rejected

letters = typer.Typer(help="Rejected records: see them, and replay them after a fix.", rich_markup_mode=None)
mappings = typer.Typer(help="Mappings from other formats.", rich_markup_mode=None)

AT_ONCE: Final = 500
"""Letters asked for at once."""
SHOWN: Final = 12
"""Unmapped paths shown of a sample: the commonest."""


@letters.command("list")
def list_letters(
    path: Annotated[Path | None, typer.Argument(help="A file of dead letters, or the state folder it is in.")] = None,
    *,
    topic: Annotated[str | None, typer.Option(help="A topic of dead letters, at the servers of --config.")] = None,
    config: CONFIG = None,
    raw: Annotated[bool, typer.Option("--raw", help="The records themselves.")] = False,
) -> None:
    """List rejected records: where, why, and how many of each reason."""
    from streams import Reason

    if (path is None) == (topic is None):
        raise typer.BadParameter("name either a file or state folder, or a topic by --topic")
    counts: Counter[str] = Counter()
    for letter in _in_file(_file_of(path)) if path is not None else _in_topic(config, topic or ""):
        counts[letter.reason] += 1
        if raw:
            sys.stdout.buffer.write(letter.raw + b"\n")
        else:
            typer.echo(f"{_printable(str(letter.position))}\t{letter.reason.value}\t{_printable(letter.detail)}")
    sys.stdout.flush()
    say_all([f"{counts[reason]:,} {reason.value}" for reason in Reason if counts[reason]] or ["no dead letters"])


@letters.command("replay")
def replay_letters(  # noqa: PLR0913 - each parameter is one option
    path: Annotated[Path | None, typer.Argument(help="A file of dead letters, or the state folder it is in.")] = None,
    *,
    topic: Annotated[str | None, typer.Option(help="A topic of dead letters, at the servers of --config.")] = None,
    config: CONFIG = None,
    mapping: Annotated[str | None, typer.Option(help="A mapping's name, or a TOML file.")] = None,
    roster: Annotated[Path | None, typer.Option(help="Who works here, CSV.")] = None,
    honey: Annotated[Path | None, typer.Option(help="Planted customers, one id a line.")] = None,
    out: OUT = None,
    reveal: REVEAL = False,
) -> None:
    """Take rejected records in again after a fix.

    Given a state folder, they are judged by what it has learned, and each is replayed once; given a file, alone. Given
    a topic, those that can be read now are passed on to the source's topic, each once, where the workers judge them.
    """
    if (path is None) == (topic is None):
        raise typer.BadParameter("name either a file or state folder, or a topic by --topic")
    if path is None:
        _pass_on(config, topic or "")
        return
    from alerts.lines import send_alerts, write_alerts
    from detector.keeper import resumed_keeper
    from streams import DeadLetterSource, Position

    folder = path if path.is_dir() else None
    settings = configured(config, Inputs(mapping=mapping, roster=roster, honey=honey), state=folder)
    file = _file_of(path)
    until = file.stat().st_size
    with resumed_keeper(settings, tokens_of(settings), file.with_name(f"{file.name}.again")) as keeper:
        with closing(DeadLetterSource(file, Position(str(file), keeper.letters_read))) as source:
            taken, changed = keeper.replay_letters(source, until)
        if folder is None:
            changed += keeper.conclude(None)
    final = list({alert.alert_id: alert for alert in changed}.values())
    final = reveal_all(final, keeper.shard.known) if reveal else final
    if out is not None:
        write_alerts(out, final)
    else:
        send_alerts(sys.stdout.buffer, final)
    say(f"{taken:,} records replayed, {len(final)} alerts opened or changed")
    if keeper.dead_letters.exists():
        say(f"what is rejected again is in {keeper.dead_letters}")


@mappings.command("test")
def try_mapping(
    mapping: Annotated[str, typer.Argument(help="A mapping's name, or a TOML file.")],
    samples: Annotated[list[Path], typer.Argument(help="Files and folders of records.")],
    most: Annotated[int, typer.Option(help="Records tried.")] = 100,
) -> None:
    """Show the events that a mapping makes of sample records, and what it left unmapped."""
    from streams import MappedFormat, explain_mapping, open_format, open_sources

    format_ = open_format(mapping, tokens_of(configured(None))).inner
    if not isinstance(format_, MappedFormat):
        raise typer.BadParameter(f"{mapping} is read as it is, without a mapping", param_hint="MAPPING")
    source = open_sources(samples, format_.framing)
    unmapped: Counter[str] = Counter()
    events = 0
    try:
        while most > 0 and (records := source.next_batch(most)):
            most -= len(records)
            for explained in explain_mapping(format_, records):
                unmapped.update(explained.unmapped)
                if explained.event:
                    events += 1
                    typer.echo(explained.event)
                if explained.rejected is not None:
                    rejected = explained.rejected
                    say(f"{rejected.position}: {rejected.reason.value}: {rejected.detail}")
    finally:
        source.close()
    say(f"{events:,} events; {format_.counts.dropped:,} records dropped by the mapping's rules")
    if unmapped:
        say(f"{len(unmapped):,} paths are not mapped; the commonest:")
        say_all(
            [f"  {count:6,} {name}" for name, count in sorted(unmapped.items(), key=lambda x: (-x[1], x[0]))[:SHOWN]]
        )


def _pass_on(config: Path | None, topic: str) -> None:
    from detector.cli_rekey import REPLAY_GROUP, pass_on
    from detector.config import load_config
    from streams.kafka.rekey import RekeyPlan

    pass_on(load_config(config), RekeyPlan(topic, REPLAY_GROUP, until_end=True, letters=True))


def _in_file(file: Path) -> "Iterator[Rejected]":
    from streams import read_letters, rejected_of

    return (rejected_of(letter) for letter in read_letters(file))


def _in_topic(config: Path | None, topic: str) -> "Iterator[Rejected]":
    from detector.topics import kafka_of
    from streams.kafka import LetterTopic

    source = LetterTopic(kafka_of(configured(config)), topic)
    try:
        while not source.finished:
            yield from source.next_letters(AT_ONCE)
    finally:
        source.close()
    if source.foreign:
        say(f"{source.foreign:,} messages in {topic} are no dead letters and were passed over")


def _printable(text: str) -> str:
    """Without what would steer a terminal: others may write to a topic too."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _file_of(path: Path) -> Path:
    from detector.home import DEAD_LETTERS

    return path / DEAD_LETTERS if path.is_dir() else path
