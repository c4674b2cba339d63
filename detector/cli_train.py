"""The command that makes a bundle of exported days."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_export import require_pyarrow
from detector.cli_options import CONFIG, say

if TYPE_CHECKING:
    from detector.training.job import Trained

FEATURES = Annotated[Path, typer.Argument(help="The folder of an export of features.")]
LABELS = Annotated[Path | None, typer.Option(help="The folder of an export of labels: analysts' verdicts.")]
BUNDLE = Annotated[Path, typer.Option("--out", help="The file of the bundle; it must not exist yet.")]
KEY = Annotated[Path | None, typer.Option(help="Signs the bundle; training.key_file if not given.")]
NAME = Annotated[str, typer.Option(help="What to call it; else the last day of the data and a piece of its digest.")]
OWNER = Annotated[str, typer.Option(help="Who answers for it; training.owner if not given.")]
SEED = Annotated[int | None, typer.Option(help="The same seed and data give the same learners; or training.seed.")]


def train(  # noqa: PLR0913 - each parameter is one option
    features: FEATURES,
    out: BUNDLE,
    *,
    labels: LABELS = None,
    key: KEY = None,
    name: NAME = "",
    owner: OWNER = "",
    seed: SEED = None,
    config: CONFIG = None,
) -> None:
    """Train a bundle of models on exported days, and on analysts' verdicts where there are some.

    What is usual in each role, how often what score comes, an isolation forest, and with enough verdicts a ranker. The
    bundle judges nothing until it is registered and promoted: innerwatch backtest, innerwatch bundles.
    """
    require_pyarrow()
    from detector.cli_progress import progress
    from detector.config import load_config
    from detector.training.bundle import draft_of, name_of
    from detector.training.custom import learners_of
    from detector.training.job import Training
    from detector.training.reading import FEATURES as TABLE
    from detector.training.reading import LABELS as VERDICTS
    from detector.training.reading import Exported

    settings = load_config(config)
    draft = draft_of(out, settings.training, owner, key)
    drawn = settings.training.seed if seed is None else seed
    said = Exported(labels, VERDICTS) if labels is not None else None
    work = Training(settings, Exported(features, TABLE), said, drawn, learners_of(settings.training.learners))
    with progress("training") as report:
        trained = work.run(report)
    draft.write(trained, name or name_of(trained), drawn)
    say_trained(out, trained)


def say_trained(out: Path, trained: "Trained") -> None:
    """What came of it."""
    data = trained.data
    names = " and ".join(one.name for one, _ in trained.learners)
    say(f"{data['days']:,} working days of {data['people']:,} people, {data['first']} to {data['last']}: {out}")
    say(f"learners: {names}; priors of {len(trained.groups)} peer groups")
    if trained.validation is not None:
        judged = trained.validation
        say(
            f"on {judged.days:,} later days of other people, {judged.positives} of them confirmed, the ranker's average"
            f" precision is {judged.precision:.3f}, by level alone {judged.before:.3f}"
        )
    for remark in trained.remarks:
        say(f"note: {remark}")
