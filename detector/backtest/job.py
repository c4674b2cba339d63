"""One backtest: a match, held against what is known to have happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.labels import Label as Said
from detector.backtest.match import Contestant, Rules, play
from detector.backtest.report import Report, report_of
from detector.backtest.truth import Case, Truth, stories, verdicts
from detector.errors import BacktestError
from detector.evaluation import Label
from detector.feed import Feed
from detector.keeper import Setting
from detector.span import EVER, Span


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        contestants: the champion first, the challenger last.
        span: the accounting days that count, as far as they are given.
        labels: all stories of a simulated log; ``None`` for any other.
        said: verdicts of analysts.
    """

    contestants: Sequence[Contestant]
    span: Span = EVER
    labels: Sequence[Label] | None = None
    said: Sequence[Said] = ()


def backtest(order: Order, setting: Setting, rules: Rules, watch: Callable[[Feed], None] | None = None) -> Report:
    """Let the contestants judge the log, and compare.

    Args:
        order: what is wanted.
        setting: what the contestants have in common; nothing is written.
        rules: how they judge.
        watch: called after every batch.

    Raises:
        KeyboardInterrupt: it was stopped.
        BacktestError: nothing can be compared.
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    match = play(setting, order.contestants, rules, watch)
    if not match.log.events:
        raise BacktestError(
            f"no event up to the last day could be read as {setting.config.source.mapping!r}; check the files, "
            "--mapping and --to"
        )
    if order.labels and not any(label.actor in match.people for label in order.labels):
        raise BacktestError("nobody in the labels is in this log; give the labels.jsonl that was written with it")
    cases: list[Case] = []
    cases += stories(order.labels or (), setting.tokens)
    cases += verdicts(order.said, setting.config.risk.episode_days)
    truth = Truth(tuple(cases), complete=order.labels is not None)
    return report_of(match, order.contestants, truth, order.span, setting.config, 0)
