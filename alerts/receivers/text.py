"""An alert as plain text for receivers: a title, a few lines, the whole; in the reader's language, within a limit.

Whatever an alert holds becomes one line of visible characters (`alerts.escape`): no line break, control or
bidirectional character in it can forge a line of ours. What markup a receiver reads is for that receiver to escape.
"""

import re
from datetime import datetime

from alerts.alert import Alert, worst_day
from alerts.escape import escape
from alerts.finding import Finding
from alerts.rarity import COMMON, RAREST_DAYS, rarity
from alerts.receivers.receiver import Notice, Phase
from alerts.receivers.words import CHINESE, DETECTIONS_ZH, ENGLISH, RARITY_ZH, SEVERITIES, STEPS_ZH, words_of
from alerts.techniques import technique_of

LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%\[\]-]{1,2000}")
LONGEST_NAME = 120
"""Characters of a name or title of somebody else's making: more of it would crowd out what matters."""


def title(notice: Notice) -> str:
    """One line: how severe, who, which detections; marked where it is a test, was escalated or has been closed."""
    alert, words = notice.alert, words_of(notice.language)
    names = dict.fromkeys(_detection(finding.detection, notice.language) for finding in alert.findings)
    text = words["title"].format(
        severity=_severity(notice),
        actor=_name(alert.actor),
        detections=words["comma"].join(names),
        risk=f"{alert.risk:.1f}",
    )
    marks = [words["test"]] * notice.test + [words["resolved"]] * (notice.phase is Phase.RESOLVED)
    marks += [words["escalated"].format(level=notice.level)] * bool(notice.level)
    return "".join(f"[{mark}] " for mark in marks) + text


def summary_lines(notice: Notice) -> list[str]:
    """Few lines that stand for the whole: who, how severe, when, which alert, where, and each finding's sentence."""
    findings = enumerate(notice.alert.findings, 1)
    return _head(notice) + [f"{number}. {_headline(finding, notice.language)}" for number, finding in findings]


def body_lines(notice: Notice) -> list[str]:
    """Everything an analyst can check: the summary, under each finding its numbers, and the first steps."""
    lines = _head(notice)
    for number, finding in enumerate(notice.alert.findings, 1):
        lines.append(f"{number}. {_headline(finding, notice.language)}")
        lines += [f"   {line}" for line in _facts(finding, notice)]
    lines.append(_field(notice, "steps", "").rstrip())
    return lines + [f"- {step}" for step in steps(notice)]


def body(notice: Notice, limit_bytes: int) -> str:
    """The lines of the whole in one text of at most so many bytes of UTF-8; shortened, it says so."""
    return fitted("\n".join(body_lines(notice)), limit_bytes, notice.language)


def steps(notice: Notice) -> list[str]:
    """The first steps to take, each once, those of the strongest finding first."""
    found = (step for finding in notice.alert.findings for step in technique_of(finding.technique).first_steps)
    chinese = notice.language == CHINESE
    return [STEPS_ZH.get(step, step) if chinese else step for step in dict.fromkeys(found)]


def safe_link(notice: Notice) -> str:
    """The link, where it is one that a browser opens over HTTP and that fits into any field for URLs; otherwise ""."""
    return notice.link if LINK.fullmatch(notice.link) else ""


def fitted(text: str, limit_bytes: int, language: str = ENGLISH) -> str:
    """The text in at most so many bytes of UTF-8, with a mark at its end where something had to go.

    No character is cut in two. Where not even the mark fits there is none. `ValueError` for a limit below 0.

    >>> fitted("客户客户客户客户客户客户", 30)
    '客户客户 ... [shortened]'
    >>> fitted("客户", 4)
    '客'
    """
    if limit_bytes < 0:
        raise ValueError(f"a limit of {limit_bytes} bytes; give 0 or more")
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode()
    mark = words_of(language)["cut"]
    room = limit_bytes - len(mark.encode())
    if room <= 0:
        return encoded[:limit_bytes].decode(errors="ignore")
    return encoded[:room].decode(errors="ignore").rstrip() + mark


def _head(notice: Notice) -> list[str]:
    alert, words = notice.alert, words_of(notice.language)
    lines = [words["is_test"]] * notice.test + [words["is_resolved"]] * (notice.phase is Phase.RESOLVED)
    lines += [words["is_escalated"]] * bool(notice.level)
    lines += [
        _field(notice, "who", words["comma"].join(_name(part) for part in _person(alert))),
        _field(
            notice, "severity", words["severity_value"].format(severity=_severity(notice), risk=f"{alert.risk:.2f}")
        ),
        _field(
            notice,
            "when",
            words["when_value"].format(opened=_moment(alert.opened_at), updated=_moment(alert.updated_at)),
        ),
        _field(
            notice,
            "alert",
            words["alert_value"].format(alert_id=escape(alert.alert_id), revision=notice.revision),
        ),
    ]
    if data := _data(worst_day(alert), words):
        lines.append(_field(notice, "data_worst", data))
    if notice.link:
        lines.append(_field(notice, "link", escape(notice.link)))
    return lines


def _facts(finding: Finding, notice: Notice) -> list[str]:
    words = words_of(notice.language)
    technique = technique_of(finding.technique)
    named = "" if technique.name == finding.technique else f" {technique.name}"
    return [
        _field(notice, "when", _moment(finding.time)),
        _field(notice, "observed", _amount(finding.observed, finding.unit)),
        _field(notice, "own", _normal(finding, finding.expected, finding.sample_size, "own_sample", words)),
        _field(
            notice, "peers", _normal(finding, finding.peer_expected, finding.peer_sample_size, "peer_sample", words)
        ),
        _field(notice, "rarity", words["certain"] if finding.certain else _rarity(finding.p_value, notice.language)),
        _field(notice, "normal", _no_alert(finding, words)),
        *([_field(notice, "data", data)] if (data := _data(finding, words)) else []),
        _field(notice, "technique", f"ATT&CK {escape(finding.technique)}{escape(named)}"),
    ]


def _data(finding: Finding, words: dict[str, str]) -> str:
    """Whose data and how much of it was touched on that day; "" where nothing is known."""
    amounts = {name: getattr(finding, name) for name in ("customers", "records", "exported")}
    parts = [words[name].format(count=f"{count:,}") for name, count in amounts.items() if count]
    if finding.data_class is not None:
        parts.append(words["data_class"].format(name=_name(finding.data_class)))
    return words["comma"].join(parts)


def _normal(finding: Finding, expected: float | None, sample: int, form: str, words: dict[str, str]) -> str:
    amount = words["unknown"] if expected is None else _amount(expected, finding.unit)
    return words[form].format(amount=amount, sample=f"{sample:,}")


def _no_alert(finding: Finding, words: dict[str, str]) -> str:
    if finding.certain:
        return words["normal_certain"]
    if finding.threshold is None:
        return words["normal_unknown"]
    form = words["normal_most" if finding.observed >= finding.threshold else "normal_least"]
    return form.format(amount=_amount(finding.threshold, finding.unit))


def _rarity(p_value: float, language: str) -> str:
    if language != CHINESE:
        return rarity(p_value)
    about, rarest, common = RARITY_ZH
    if p_value > COMMON:
        return common.format(days=f"{1 / COMMON:.0f}")
    if p_value * RAREST_DAYS < 1:
        return rarest.format(days=f"{RAREST_DAYS:,.0f}")
    return about.format(days=f"{float(f'{1 / p_value:.2g}'):,.0f}")


def _headline(finding: Finding, language: str) -> str:
    # The sentence is the detector's, in English; a Chinese reader gets the detection's name before it.
    sentence = escape(finding.sentence)
    return sentence if language != CHINESE else f"{_detection(finding.detection, language)}：{sentence}"


def _detection(name: str, language: str) -> str:
    known = DETECTIONS_ZH.get(name, name) if language == CHINESE else name.replace("_", " ")
    return _name(known)


def _severity(notice: Notice) -> str:
    return SEVERITIES.get(notice.language, SEVERITIES[ENGLISH])[notice.alert.severity]


def _person(alert: Alert) -> list[str]:
    return [part for part in (alert.actor, alert.role, alert.department) if part]


def _field(notice: Notice, name: str, value: str) -> str:
    words = words_of(notice.language)
    return words["field"].format(name=words[name], value=value)


def _name(text: str) -> str:
    shown = escape(text)
    return shown if len(shown) <= LONGEST_NAME else shown[:LONGEST_NAME] + "..."


def _amount(number: float, unit: str) -> str:
    digits = f"{number:,.0f}" if number == round(number) or abs(number) >= 1000 else f"{number:.3g}"
    return f"{digits} {escape(unit)}"


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
