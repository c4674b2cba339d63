"""The report of a backtest: what was compared, how it came out, and whether the challenger passes."""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from detector.backtest.figures import Figures, Frame, figures_of
from detector.backtest.judgement import judge
from detector.backtest.match import Contestant, LogFacts, Match, Played
from detector.backtest.moves import Moves, moves_of
from detector.backtest.truth import Source, Truth
from detector.calendar import Calendar
from detector.config import Config
from detector.errors import BacktestError
from detector.provenance import configuration_digest, release
from detector.span import EVER, Span

SCHEMA: Final = "innerwatch-backtest/1"
LIBRARIES: Final = ("innerwatch", "numpy", "scikit-learn")


class Named(msgspec.Struct, frozen=True):
    """A contestant: the SHA-256 of its bundle's file, "" for the online models alone, and its name."""

    digest: str
    name: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a backtest; the same input gives the same report.

    `bundles` and `figures` are of the champion first, the challenger last; `champion` and `challenger` their digests.
    `reasons` say why it passes or not, what stands against it first. `first` and `last` are the accounting days that
    count, `zone` whose days. `budget` is in alerts in 1,000 employee-days. `truth` counts the cases by where they are
    known from. `seed` is of what was put into the log. `configuration` tells one configuration from another as far as
    judgements depend on it.
    """

    schema: str = SCHEMA
    bundles: tuple[Named, ...]
    champion: str
    challenger: str
    passes: bool
    reasons: tuple[str, ...]
    first: str
    last: str
    zone: str
    budget: float
    figures: tuple[Figures, ...]
    moves: Moves
    truth: dict[str, int]
    seed: int
    log: LogFacts
    configuration: str
    versions: dict[str, str]


def report_of(
    match: Match, contestants: Sequence[Contestant], truth: Truth, span: Span, config: Config, seed: int
) -> Report:
    """The report of a match.

    Args:
        match: as it was played.
        contestants: the champion first, the challenger last.
        truth: what is known to have happened.
        span: the accounting days that count, as far as they are given.
        config: the configuration.
        seed: of what was put into the log.

    Raises:
        BacktestError: there is no day on which every contestant told.
    """
    calendar = Calendar(config.time.zone, config.time.country)
    days = _days(match.played, contestants, span)
    frame = Frame(days, truth, config.risk, calendar)
    figures = tuple(figures_of(played, frame) for played in match.played)
    reasons = judge(figures[0], figures[-1])
    if figures[0].cases > figures[0].allowed:
        match.log.remarks.append(
            f"there are {figures[0].cases} cases of misuse on these days and {figures[0].allowed:.1f} alerts in the "
            "budget, so not all can be told; put fewer stories into the log, or take more days"
        )
    return Report(
        bundles=tuple(Named(one.digest, one.name) for one in contestants),
        champion=contestants[0].digest,
        challenger=contestants[-1].digest,
        passes=all(reason.holds for reason in reasons),
        reasons=tuple(reason.words for reason in sorted(reasons, key=lambda reason: reason.holds)),
        first=Calendar.date_of(days.first).isoformat(),
        last=Calendar.date_of(days.last).isoformat(),
        zone=config.time.zone,
        budget=config.risk.budget,
        figures=figures,
        moves=moves_of(match.played[0], match.played[-1], match.correlations, frame),
        truth={source.value: n for source in Source if (n := sum(case.source is source for case in truth.cases))},
        seed=seed,
        log=match.log,
        configuration=configuration_digest(config),
        versions={"python": platform.python_version(), **{name: release(name) for name in LIBRARIES}},
    )


def _days(every: Sequence[Played], contestants: Sequence[Contestant], span: Span) -> Span:
    """The days that count; where the first is not given, from the first on which all contestants tell."""
    closed = [day.day for played in every for day in played.days if day.day in span]
    if not closed:
        raise BacktestError("no working day of these has closed in this log; check --from and --to, and the log")
    first = max(span.first, min(closed)) if span.first != EVER.first else -1
    for played, contestant in zip(every, contestants, strict=True):
        telling = [day.day for day in played.days if day.telling and day.day in span]
        if not telling:
            raise BacktestError(
                f"{contestant.name} was still in its warm-up on the last of these days and told of nothing; give a "
                "longer log, or a shorter risk.warm_up_days"
            )
        first = first if span.first != EVER.first else max(first, min(telling))
    return Span(first, max(closed))


def report_json(report: Report) -> bytes:
    """The report for programs."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def require_room(out: Path) -> None:
    """Refuse, by a ``BacktestError``, a folder that exists, or that could not be made."""
    if out.exists():
        raise BacktestError(f"{out}: exists already; name a folder that does not, or remove it")
    if not out.absolute().parent.is_dir():
        raise BacktestError(f"{out}: there is no folder {out.absolute().parent} for it; make that first")


def publish(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, which appears whole or not at all.

    Raises:
        BacktestError: it exists, or cannot be written.
    """
    require_room(out)
    draft = out.absolute().with_name(f".{out.name}.draft")
    try:
        if draft.exists():  # by a backtest that was killed
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        for name, body in files.items():
            with (draft / name).open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        draft.rename(out)
    except OSError as error:
        raise BacktestError(
            f"{out}: cannot be written ({error.strerror or error}); check the folder, its space and rights"
        ) from error
