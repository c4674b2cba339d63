"""The model card of a bundle: what it is for, what it was made of, how good it is, and what it must not be used for."""

from collections.abc import Iterator

from detector.training.job import Trained
from models.bundles import Manifest


def card_of(manifest: Manifest, trained: Trained) -> str:
    """Markdown for people (Mitchell et al. 2019, Model Cards for Model Reporting)."""
    return "\n".join([*_lines(manifest, trained), ""])


def _lines(manifest: Manifest, trained: Trained) -> Iterator[str]:
    data, judged = manifest.data, trained.validation
    yield from (f"# Bundle {manifest.name}", "")
    yield f"Owner: {_plain(manifest.owner)}. Made {manifest.created_at}, version {manifest.version or 'of a checkout'},"
    yield f"with seed {manifest.seed}. It corrects how unusual a working day is judged to be, so that the alerts that a"
    yield "budget allows are better spent, and lets a shard that begins know from its first days on what is usual."
    yield from ("", "## Data", "")
    yield f"{data['days']:,} working days of {data['people']:,} people, {data['first']} to {data['last']}, in"
    yield f"{data['shards']} shards; {data['fitted_days']:,} were fitted to. Analysts confirmed"
    yield f"{data['confirmed_alerts']} alerts and denied {data['denied_alerts']}."
    yield "Pseudonyms and counts alone: no name, customer or address. Peer groups of few people are judged by little."
    yield from ("", "| peer group | people | working days |", "|---|---|---|")
    for name, (people, days) in sorted(trained.groups.items()):
        yield f"| {_plain(name)} | {people:,} | {days:,} |"
    yield from ("", "## Learners", "")
    yield from ("| learner | kind | sees | moves a level by at most |", "|---|---|---|---|")
    for facts in manifest.learners:
        yield f"| {facts.name} | {facts.kind} | {len(facts.features)} features | {facts.limit:g} nats |"
    yield ""
    if judged is None:
        yield "No ranker was judged on days that it had not seen."
    else:
        yield "The ranker was judged on the newest days of people of whom it had seen nothing: average precision"
        yield f"{judged.precision:.3f}, by level alone {judged.before:.3f}, over {judged.days:,} days with"
        yield f"{judged.positives} confirmed ones."
    yield from ("", "## Fairness", "")
    yield "Of the days that were fitted to, how many of each department would be told of within the budget, by level"
    yield "alone and with the learners, and how many of those that analysts judged were nothing. The learners have seen"
    yield "these days; `innerwatch backtest` shows alerts and false alerts by department on days that they have not."
    yield from ("", "| department | people | days | by level | with the learners | judged | nothing |")
    yield "|---|---|---|---|---|---|---|"
    for name, one in sorted(trained.departments.items()):
        numbers = (one.people, one.days, one.before, one.after, one.judged, one.denied)
        yield f"| {_plain(name)} | {' | '.join(f'{number:,}' for number in numbers)} |"
    yield from ("", "## Limits", "")
    yield "- Verdicts are about what was alerted: misuse that no alert has shown teaches a ranker that it is ordinary."
    yield "- It is fitted to one house in one time: a backtest on days that it has not seen comes before any promotion."
    yield "- A level is a reason to look, never a proof; nobody may be sanctioned by it alone."
    for remark in trained.remarks:
        yield f"- {_plain(remark[0].upper() + remark[1:])}."


def _plain(text: str) -> str:
    """Text of the data as text: nothing in it is markup, or leaves its cell."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>()#+!|" else one for one in shown)
