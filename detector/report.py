"""Results as rich renderables and lines for a person."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from alerts.escape import escape
from detector.app import Replayed
from detector.detection import amount
from detector.drift_report import ODD_P, SOME_DRIFT, Report, ShardDrift, Shift
from detector.evaluation import Evaluation
from detector.portrait import Portrait
from detector.readiness import Readiness, readiness
from detector.shard import Shard
from detector.standouts import standouts

DAY_S = 86_400.0
BARS = " ▁▂▃▄▅▆▇█"


def summary(replayed: Replayed) -> list[str]:
    """What a replay came to: events, rejected records, alerts, the budget, and which detections are not ready."""
    engines = [shard.engine for shard in replayed.shards]
    counts = sum((shard.counts for shard in replayed.shards), Counter[str]())
    rejected = sum(count for name, count in counts.items() if name.startswith("rejected."))
    lines = [f"{counts['events']:,} events, {counts['late']:,} late, {counts['duplicates']:,} duplicates"]
    if counts["unknown_keys"]:
        lines.append(f"{counts['unknown_keys']:,} keys that the input contract does not know were ignored")
    if rejected:
        reasons = ", ".join(
            f"{count:,} {name[9:]}" for name, count in sorted(counts.items()) if name[:9] == "rejected."
        )
        places = ", ".join(str(keeper.dead_letters) for keeper in replayed.keepers if keeper.dead_letters.exists())
        lines.append(f"{rejected:,} rejected ({reasons}); the dead letters are in {places}")
    lines += replayed.complaints
    if ahead := sum(keeper.changes_ahead for keeper in replayed.keepers):
        lines.append(
            f"{ahead:,} recorded changes of context lie at positions that are not in this log, so the alerts are not "
            "those of the run; name its inputs as it did"
        )
    budget = engines[0].config.risk.budget
    lines.append(
        f"{len(replayed.alerts)} alerts; of the budget of {budget:g} in 1,000 employee-days, "
        f"{sum(budget * engine.budget.employee_days / 1_000.0 for engine in engines):.1f} by now, "
        f"{sum(engine.budget.told for engine in engines)} used"
    )
    idle = {item.detection: item.why for engine in engines for item in readiness(engine) if not item.ready}
    lines += [f"not ready: {detection}: {why}" for detection, why in idle.items()]
    return lines if idle else [*lines, "every detection is ready"]


def readiness_table(items: Sequence[Readiness]) -> Table:
    """A row for each detection: ready, or why not."""
    table = _table("detection", "ready", "why not")
    for item in items:
        table.add_row(item.detection, "yes" if item.ready else "no", item.why)
    return table


def standout_table(shard: Shard, reveal: bool) -> Table:
    """Who stands out among the others, though no baseline is ready: not alerts."""
    table = _table("who", "what", "seen", "others")
    for one in standouts(shard.engine):
        who = one.actor if reveal else shard.pseudonym(one.actor)
        others = amount(one.peers) if one.peers is not None else ""
        table.add_row(escape(who), one.unit, amount(one.observed), others)
    return table


def evaluation_table(evaluation: Evaluation) -> Table:
    """A row for each story: what it was and what became of it."""
    table = _table("story", "kind", "actor", "told", "delay", "alert")
    for story in evaluation.stories:
        told = bool(story.alert_ids)
        right = told == (story.kind == "insider")
        word = ("caught" if told else "missed") if story.kind == "insider" else ("flagged" if told else "left alone")
        delay = f"{story.delay_s / DAY_S:.1f} d" if story.delay_s is not None else ""
        table.add_row(
            story.story, story.kind, escape(story.actor), Text(word, style="" if right else "bold red"), delay,
            story.alert_ids[0][:8] if told else "",
        )  # fmt: skip
    return table


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """The figures of an evaluation, in words."""
    share = f"{evaluation.share_true:.0%}" if evaluation.share_true is not None else "none"
    lines = [
        f"insiders found: {evaluation.found} of {evaluation.insiders}",
        f"benign twins flagged: {evaluation.flagged} of {evaluation.twins}",
        f"alerts after the warm-up: {evaluation.alerts}, true: {share}"
        + (f" (and {evaluation.early_alerts} before its end)" if evaluation.early_alerts else ""),
    ]
    if evaluation.median_delay_s is not None:
        lines.append(f"median delay: {evaluation.median_delay_s / DAY_S:.1f} days from a story's start")
    rate = evaluation.alerts_per_1000_employee_days
    if rate is not None and evaluation.alerts:
        false = rate * (1.0 - evaluation.true_alerts / evaluation.alerts)
        lines.append(f"in 1,000 employee-days: {rate:.2f} alerts, {false:.2f} of them false")
    return lines


def portrait_table(portrait: Portrait) -> Table:
    """A row for each measure: own normal, the peers', and on how many days it rests."""
    table = _table("detection", "measure", "own normal", "peers", "days")
    for one in portrait.measures:
        own, peers = (amount(value) if value is not None else "not known" for value in (one.own, one.peers))
        table.add_row(one.detection, one.unit, own, peers, str(one.days))
    return table


def hours_lines(portrait: Portrait) -> list[str]:
    """The hours of presence as two rows of bars, 0 to 23 o'clock."""
    most = max(float(portrait.hours.max()), 1e-9)
    bars = [BARS[round(float(share) / most * (len(BARS) - 1))] for share in portrait.hours]
    return [
        "               0     6     12    18",
        f"working days   {''.join(bars[:24])}",
        f"days off       {''.join(bars[24:])}",
    ]


def drift_table(shard: ShardDrift) -> Table:
    """A row for each detection: how far its days have moved, and how many of them are odd."""
    table = _table("detection", "index", "odd lately", "odd before", "actor-days lately", "before")
    for one in shard.detections:
        odd = [f"{share:.1%}" for share in one.shift.odd] if one.shift is not None else ["", ""]
        index = "too few days" if one.shift is None else f"{one.shift.index:.2f}"
        table.add_row(one.detection, index, *odd, *(f"{days:,}" for days in one.actor_days))
    return table


def drift_lines(report: Report) -> list[str]:
    """What has moved and what else has changed, in words, and what is recommended."""
    lines = []
    for shard in report.shards:
        if shard.recent is not None and shard.reference is not None:
            periods = [f"{first} to {last}" for first, last in (shard.recent, shard.reference)]
            lines.append(f"{shard.shard}: {periods[0]} against {periods[1]}")
        for one in shard.detections:
            if one.shift is not None and one.index > SOME_DRIFT:
                lines.append(f"{shard.shard}: {one.detection} has moved: {_shift_words(one.shift)}")
                lines += [f"    {part.measure} ({part.unit}): {_shift_words(part.shift)}" for part in one.measures]
                if not one.measures:
                    lines.append("    none of its measures alone, but all together")
        for change in shard.changes:
            now, before = change.share
            lines.append(f"{shard.shard}: {now:.1%} {escape(change.what)}, {before:.1%} before")
    return [*lines, f"recommended: {report.recommendation}", *(f"    {escape(reason)}" for reason in report.reasons)]


def _shift_words(shift: Shift) -> str:
    words = f"index {shift.index:.2f}, {shift.odd[0]:.1%} of days are at p <= {ODD_P:g}, {shift.odd[1]:.1%} before"
    if shift.above < ODD_P:
        return words
    now, before = shift.there
    return f"{words}; most of it at p of {shift.above:g} to {shift.upto:g}: {now:.1%}, {before:.1%} before"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
