"""The report as one page of HTML that needs nothing else: no script, no font, no network."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape as quoted
from typing import Final

from alerts.escape import escape
from detector.backtest.moves import MOST_MOVED
from detector.backtest.plots import days_plot, delays_plot, departments_plot, recall_plot
from detector.backtest.report import Report
from detector.backtest.shown import ROWS, decimal, of
from detector.backtest.witness import BUDGETS

STYLE: Final = """
body { font: 16px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; color: #1c2430; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d5dae1; padding-bottom: .2rem; }
p, li { max-width: 46rem; }
.verdict { border-left: .4rem solid #b03a2e; background: #fbf1ef; padding: .6rem 1rem; margin: 1rem 0; }
.verdict.passes { border-color: #1d7a46; background: #eef7f1; }
.verdict strong { font-size: 1.1rem; }
.verdict ul { margin: .4rem 0 0; padding-left: 1.2rem; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .92rem; }
caption { text-align: left; color: #4a5565; padding-bottom: .3rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top;
  overflow-wrap: break-word; }
th { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: .86em; overflow-wrap: anywhere; }
figure { margin: 1rem 0; break-inside: avoid; }
figure img { max-width: 100%; height: auto; }
figcaption, .note { color: #4a5565; font-size: .9rem; }
figcaption { max-width: 46rem; }
.wide { overflow-x: auto; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; } h2 { break-after: avoid; }
  tr { break-inside: avoid; } .wide { overflow: visible; } .wide table { font-size: 8pt; }
  .wide th, .wide td { padding-right: .5rem; overflow-wrap: anywhere; } }
"""
POLICY: Final = (
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
SHOWN_DIGEST: Final = 12

Cell = str | tuple[str, bool]
"""Text, or text with whether it is a number."""


def page(report: Report) -> bytes:
    """The page."""
    champion, challenger = (_text(named.name) for named in (report.bundles[0], report.bundles[-1]))
    body = "\n".join(
        part
        for section in (_verdict, _figures, _plots, _departments, _detections, _moves, _about)
        for part in section(report)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Backtest: {challenger} against {champion}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{challenger} against {champion}</h1>
<p class="note">What the two would have told from {report.first} to {report.last}, as the engine judges.</p>
{body}
</main>
</body>
</html>
""".encode()


def _verdict(report: Report) -> Iterator[str]:
    words = "passes" if report.passes else "does not pass"
    reasons = "".join(f"<li>{_text(reason)}</li>" for reason in report.reasons)
    yield f'<div class="verdict{" passes" if report.passes else ""}">'
    yield f"<strong>{_text(report.bundles[-1].name)} {words}.</strong><ul>{reasons}</ul></div>"


def _figures(report: Report) -> Iterator[str]:
    yield "<h2>Side by side</h2>"
    names = [_name(report, place) for place in range(len(report.figures))]
    rows: list[Sequence[Cell]] = [(title, *((words(one), True) for one in report.figures)) for title, words in ROWS]
    for source in report.truth if len(report.truth) > 1 else ():
        counts = [one.by_source.get(source) for one in report.figures]
        if any(counts):
            words = [(of(one.found, one.of) if one is not None else "none", True) for one in counts]
            rows.append((f"of {source}", *words))
    yield _table("Figures of the days that count", ("", *((name, True) for name in names)), rows)
    kinds: list[Sequence[Cell]] = [
        (kind, *((of(one.by_kind[kind].found, one.by_kind[kind].of), True) for one in report.figures))
        for kind in report.figures[0].by_kind
    ]
    if kinds:
        yield _table("Misuse found, by kind", ("kind", *((name, True) for name in names)), kinds)
    yield f"<p class=note>{_text(_truth_words(report))}</p>"


def _truth_words(report: Report) -> str:
    known = {
        "stories": "Every alert that is about no planted story is counted as a false one.",
        "verdicts": "An alert is judged where an analyst's last word is on an alert about the same person within an "
        "episode's days; verdicts are known only about what the run has told, so what it missed is not in them.",
    }.get(report.figures[-1].precision_by, "Nothing says which alerts are false, so precision is not known.")
    return f"{known} Stories that were put into the log count for what is found, and not for precision."


def _plots(report: Report) -> Iterator[str]:
    yield "<h2>Plots</h2>"
    lines = ", ".join(
        f"{_name(report, place)} {decimal(100 * (at.recall or 0), 0)} % at {at.times:g} times the budget"
        for place, one in enumerate(report.figures)
        for at in one.recall_at
        if at.times in (BUDGETS[0], 1.0, BUDGETS[-1])
    )
    yield _figure(
        recall_plot(report),
        f"Recall at multiples of the budget: {lines}",
        "Misuse found by whoever reads so many times the budget, by ranking the levels of closed days in hindsight; "
        "what is certain, such as a planted record, is told in any case and is not in this.",
    )
    spread = ", ".join(
        f"{_name(report, n)} {one.alerts} on {len(one.days)} days" for n, one in enumerate(report.figures)
    )
    yield _figure(
        days_plot(report),
        f"Alerts by the day on which they opened: {spread}",
        "Alerts by the day on which they opened.",
    )
    yield _figure(
        departments_plot(report),
        "Alerts in 1,000 employee-days by department; the table below has the numbers",
        "Alerts in 1,000 employee-days by department, those with most alerts first.",
    )
    if any(one.delays for one in report.figures):
        medians = ", ".join(
            f"{_name(report, n)} {decimal(one.delay_days, 1)} days" for n, one in enumerate(report.figures)
        )
        yield _figure(
            delays_plot(report), f"Delay from a story's start, medians: {medians}", "How soon stories are found."
        )


def _departments(report: Report) -> Iterator[str]:
    yield "<h2>Departments</h2>"
    head: list[Cell] = ["department", "by", *((title, True) for title in DEPARTMENT)]
    rows: list[Sequence[Cell]] = []
    for name in sorted({one.name for figures in report.figures for one in figures.departments}):
        for place, figures in enumerate(report.figures):
            for one in figures.departments:
                if one.name == name:
                    false = f"{one.false} of {one.judged}"
                    ratio = decimal(one.ratio) + (" !" if one.unusual else "")
                    numbers = (str(one.alerts), false, f"{one.employee_days:,}", decimal(one.per_thousand), ratio)
                    rows.append((name or "unknown", _name(report, place), *((word, True) for word in numbers)))
    yield _table("Alerts by department", head, rows)
    yield '<p class="note">Times all: alerts in 1,000 employee-days as a multiple of those of everybody; "!" above 2 '
    yield "with 5 alerts or more, which is worth a question about fairness.</p>"


DEPARTMENT: Final = ("alerts", "false of judged", "employee-days", "in 1,000", "times all")


def _detections(report: Report) -> Iterator[str]:
    yield "<h2>Detections</h2>"
    names = sorted({name for figures in report.figures for name in figures.detections})
    head: list[Cell] = ["detection", *((_name(report, place), True) for place in range(len(report.figures)))]
    rows: list[Sequence[Cell]] = [
        (name, *((str(one.detections.get(name, 0)), True) for one in report.figures)) for name in names
    ]
    yield _table("Alerts by the detection of their strongest finding", head, rows)


def _moves(report: Report) -> Iterator[str]:
    moves = report.moves
    yield "<h2>What moves</h2>"
    yield f"<p>{moves.both:,} alerts are told by both, {moves.champion_alone:,} by {_text(_name(report, 0))} alone, "
    yield f"{moves.challenger_alone:,} by {_text(_name(report, 1))} alone. Two alerts are the same if they are about "
    yield "one person and their episodes overlap. Mean rank correlation of the levels of all at work within a day: "
    yield f"{decimal(moves.correlation, 3)}.</p>"
    if not moves.alerts:
        return
    head = ("by", "alert", "who", "department", "opened", ("risk", True), "severity", "detection", "known to be")
    rows = [
        (
            _name(report, 0 if one.by == "champion" else 1),
            one.alert_id[:8],
            one.actor,
            one.department or "unknown",
            one.opened_at[:16].replace("T", " "),
            (f"{one.risk:.1f}", True),
            one.severity,
            one.detection,
            {True: "true", False: "false", None: ""}[one.known],
        )
        for one in moves.alerts
    ]
    yield '<div class="wide">'
    yield _table(f"Alerts of one of the two alone, at most {MOST_MOVED}, by risk; times are UTC", head, rows)
    yield "</div>"


def _about(report: Report) -> Iterator[str]:
    log = report.log
    yield "<h2>What this rests on</h2>"
    rows: list[Sequence[Cell]] = [
        *((f"bundle {one.name}", one.digest or "none: the online models alone") for one in report.bundles),
        ("days", f"{report.first} to {report.last}, from 04:00 in {report.zone}"),
        ("budget", f"{report.budget:g} alerts in 1,000 employee-days"),
        ("log", f"{log.events:,} events from {log.first} to {log.last}, shards {', '.join(log.shards)}"),
        ("events of the log", log.digest),
        ("put into it", f"{log.injected:,} events, seed {report.seed}" if log.injected else "nothing"),
        ("what is known", ", ".join(f"{count} {name}" for name, count in report.truth.items()) or "nothing"),
        ("configuration", report.configuration),
        ("versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
        *(("remark", remark) for remark in log.remarks),
    ]
    yield _table("Digests are SHA-256", ("", ""), rows)


def _name(report: Report, place: int) -> str:
    return report.bundles[place].name


def _figure(svg: bytes, alt: str, caption: str) -> str:
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    return f'<figure><figcaption>{_text(caption)}</figcaption><img src="{source}" alt="{_text(alt)}"></figure>'


def _table(caption: str, head: Iterable[Cell], rows: Iterable[Sequence[Cell]]) -> str:
    lines = [f"<table><caption>{_text(caption)}</caption>"]
    if titles := list(head):
        cells = "".join(_cell("th", one, ' scope="col"') for one in titles)
        lines.append(f"<thead><tr>{cells}</tr></thead>" if any(titles) else "")
    lines.append("<tbody>")
    lines += [
        f"<tr>{_cell('th', first, ' scope=row')}{''.join(_cell('td', one) for one in rest)}</tr>"
        for first, *rest in rows
    ]
    return "\n".join([*lines, "</tbody></table>"])


def _cell(tag: str, cell: Cell, more: str = "") -> str:
    words, number = cell if isinstance(cell, tuple) else (cell, False)
    return f"<{tag}{' class=number' if number else ''}{more}>{_text(words)}</{tag}>"


def _text(words: str) -> str:
    """Text of any origin as it may stand in HTML, in quotes as well."""
    return quoted(escape(words), quote=True)
