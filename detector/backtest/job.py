"""One backtest: a match, held against what is known to have happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from alerts.labels import Label as Said
from detector.backtest.injected import Injected, inject
from detector.backtest.match import Contestant, Rules, play
from detector.backtest.report import Report, report_of
from detector.backtest.truth import Case, Source, Truth, stories, verdicts
from detector.backtest.usual import survey
from detector.errors import BacktestError
from detector.evaluation import Label
from detector.feed import Feed
from detector.keeper import Setting
from detector.span import EVER, Span
from streams import STDIN


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        contestants: the champion first, the challenger last.
        span: the accounting days that count, as far as they are given.
        labels: all stories of a simulated log; ``None`` for any other.
        said: verdicts of analysts.
        stories: how many are put into the log.
        seed: of these.
    """

    contestants: Sequence[Contestant]
    span: Span = EVER
    labels: Sequence[Label] | None = None
    said: Sequence[Said] = ()
    stories: int = 0
    seed: int = 0


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
    injected = None
    if order.stories:
        injected = _injected(order, setting, rules, watch)
        rules = replace(rules, planting=injected.planting)
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
    cases += stories(injected.labels if injected is not None else (), setting.tokens, Source.INJECTED)
    cases += verdicts(order.said, setting.config.risk.episode_days)
    truth = Truth(tuple(cases), complete=order.labels is not None)
    if injected is not None and len(injected.labels) < order.stories:
        match.log.remarks.append(
            f"{len(injected.labels)} stories were put into the log and not {order.stories}: there are no more people "
            "with working days enough"
        )
    return report_of(match, order.contestants, truth, order.span, setting.config, order.seed if order.stories else 0)


def _injected(order: Order, setting: Setting, rules: Rules, watch: Callable[[Feed], None] | None) -> Injected:
    config = setting.config
    if STDIN in config.source.paths:
        raise BacktestError("stories are put into a log that is read twice, which standard input cannot be; name files")
    found = survey(setting, order.stories, order.seed, rules.stopped, watch)
    first = order.span.first if order.span.first != EVER.first else found.first + config.risk.warm_up_days
    span = Span(first, min(order.span.last, found.last))
    taken = frozenset(label.actor for label in order.labels or ())
    return inject(found, order.stories, order.seed, span, config.time.zone, taken)
