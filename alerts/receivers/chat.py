"""What the chat receivers share: one message from several notices, text that stays text, answers with a code.

A chat has no memory of what it was told: a repeat is a second message with the same alert id and revision. After a
time-out nobody knows whether the message arrived, so it may be shown twice; an incident is never made twice, because
a chat makes none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from alerts.alert import Severity
from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.receivers.http import Answer, HttpCaller, HttpConfig
from alerts.receivers.receiver import Notice, Outcome, Phase, Result
from alerts.receivers.text import body_lines, fitted, title
from alerts.receivers.words import CHINESE, ENGLISH, SEVERITIES, words_of

MOST_BYTES: Final = 24_000
TITLE_BYTES: Final = 240  # eighty Chinese characters: a telephone shows fewer
ENTRY_BYTES: Final = 300  # of one alert's sentence in a digest
ID_BYTES: Final = 80
LINK_CHARS: Final = 1000  # of a link: with it, a digest's first alert still fits the smallest message
FULL_WIDTH: Final = 0xFEE0  # from an ASCII character to its full-width form

DIGEST: Final = {
    ENGLISH: "{count} insider-risk alerts, the most severe: {severity}",
    CHINESE: "{count} 条内部人员风险告警，最高级别：{severity}",
}
MORE: Final = {ENGLISH: "... and {count} more", CHINESE: "……另有 {count} 条"}
OPEN: Final = {ENGLISH: "Open", CHINESE: "查看"}
ORDER: Final = list(Severity)
LINKED: Final = re.compile(r"(?i)(www)\.|://")


class Part(msgspec.Struct, frozen=True):
    """What a message says about one alert, as lines of plain text, and where more is."""

    text: str
    link: str = ""


class Message(msgspec.Struct, frozen=True):
    """All about one notice, or a digest of several, the most severe first; `more` says what had no room."""

    title: str
    parts: tuple[Part, ...]
    more: str
    severity: Severity
    resolved: bool
    language: str

    @property
    def open_word(self) -> str:
        """What the way to an alert is called."""
        return OPEN.get(self.language, OPEN[ENGLISH])


def calling(config: HttpConfig) -> HttpCaller:
    """What calls a chat's webhook; `ReceiverError` unless its URL, which is a secret, comes by a file."""
    if config.url_file is None:
        raise ReceiverError("the URL of a chat's webhook is a secret; give a file with it alone (url_file)")
    return HttpCaller(config)


def composer(notices: Sequence[Notice]) -> Callable[[int], Message]:
    """What makes one message from one notice or several, its parts in about so many bytes of UTF-8.

    Alerts that were closed come after those that stand. Of a digest at least the first alert is shown.
    """
    ordered = sorted(notices, key=_urgency)
    first = ordered[0]
    if len(ordered) > 1:
        entries = [Part(_entry(number, notice), link_of(notice)) for number, notice in enumerate(ordered, 1)]
        return lambda room: _digest(ordered, entries, room)
    # Said once, and cut to what any chat could bear, before it is fitted again and again.
    lines = "\n".join(body_lines(msgspec.structs.replace(first, link="")))
    text, link, heading = fitted(lines, MOST_BYTES, first.language), link_of(first), _headline(first)
    resolved = first.phase is Phase.RESOLVED

    def message(room: int) -> Message:
        part = Part(fitted(text, room, first.language), link)
        return Message(heading, (part,), "", first.alert.severity, resolved, first.language)

    return message


def within(limit: int, render: Callable[[int], bytes]) -> bytes:
    """What `render` makes of the most room for which it stays within `limit` bytes; with no room it must."""
    if len(whole := render(limit)) <= limit:
        return whole
    best, low, high = render(0), 0, limit
    while high - low > 64:  # a line more or less
        middle = (low + high) // 2
        if len(tried := render(middle)) <= limit:
            best, low = tried, middle
        else:
            high = middle
    return best


def inert(text: str, markup: str) -> str:
    """The text with every character of `markup` in its full-width form, and with no address that would become a link.

    For dialects of Markdown whose escapes are not documented: a full-width star can be read and means nothing.

    >>> inert("[a](https://b.example) *c*", "*[]")
    '［a］(https：//b.example) ＊c＊'
    """
    wide = {ord(character): chr(ord(character) + FULL_WIDTH) for character in markup}
    return LINKED.sub(lambda found: f"{found[1]}．" if found[1] else "：//", text).translate(wide)


def link_of(notice: Notice) -> str:
    """The notice's link with all that a markup could read percent-encoded; "" where it leads to no web page."""
    link = quote(notice.link, safe="%/:?#=&@+,;~-._$", errors="replace")
    try:
        parsed = urlsplit(link)
    except ValueError:
        return ""
    return link if parsed.scheme in ("https", "http") and parsed.netloc and len(link) <= LINK_CHARS else ""


def judged(answer: Answer, key: str, codes: Mapping[int, Outcome]) -> Outcome:
    """The outcome of a call whose answer carries its own code under `key`, 0 for success, whatever HTTP says.

    An unknown code is a refusal. Without a code nobody knows, so it is to be tried again: some proxy has answered.
    """
    code: Any = answer.field(key)
    if isinstance(code, bool) or not isinstance(code, int):
        return Outcome(Result.RETRY, f"HTTP {answer.status} without {key}") if answer.delivered else answer.outcome
    if code in codes:
        known = codes[code]
        return msgspec.structs.replace(known, detail=f"{key} {code}: {known.detail}")
    if not answer.delivered:
        return answer.outcome
    return answer.outcome if code == 0 else Outcome(Result.REFUSED, f"{key} {code}")


def _digest(ordered: Sequence[Notice], entries: Sequence[Part], room: int) -> Message:
    shown = 1
    room -= _bytes(entries[0])
    while shown < len(entries) and room >= (needed := _bytes(entries[shown])):
        room -= needed
        shown += 1
    language = ordered[0].language
    rest = len(entries) - shown
    more = MORE.get(language, MORE[ENGLISH]).format(count=rest) if rest else ""
    resolved = ordered[0].phase is Phase.RESOLVED  # then all are
    severity = _worst(ordered, resolved)
    return Message(_digest_title(ordered, severity), tuple(entries[:shown]), more, severity, resolved, language)


def _bytes(part: Part) -> int:
    return len(part.text.encode()) + len(part.link)


def _urgency(notice: Notice) -> tuple[bool, int, float]:
    return notice.phase is Phase.RESOLVED, -ORDER.index(notice.alert.severity), -notice.alert.risk


def _worst(ordered: Sequence[Notice], resolved: bool) -> Severity:
    standing = [one.alert.severity for one in ordered if resolved or one.phase is Phase.FIRING]
    return max(standing, key=ORDER.index)


def _headline(notice: Notice) -> str:
    return fitted(title(notice), TITLE_BYTES, notice.language)


def _digest_title(ordered: Sequence[Notice], severity: Severity) -> str:
    language = ordered[0].language
    shown = SEVERITIES.get(language, SEVERITIES[ENGLISH])[severity]
    marks = [words_of(language)["test"]] * all(notice.test for notice in ordered)
    marks += [words_of(language)["resolved"]] * all(notice.phase is Phase.RESOLVED for notice in ordered)
    text = DIGEST.get(language, DIGEST[ENGLISH]).format(count=len(ordered), severity=shown)
    return "".join(f"[{mark}] " for mark in marks) + text


def _entry(number: int, notice: Notice) -> str:
    words = words_of(notice.language)
    named = fitted(escape(notice.alert.alert_id), ID_BYTES)
    named = words["alert_value"].format(alert_id=named, revision=notice.revision)
    sentence = fitted(escape(notice.alert.findings[0].sentence), ENTRY_BYTES, notice.language)
    alert = words["field"].format(name=words["alert"], value=named)
    return f"{number}. {_headline(notice)}\n{alert}\n{sentence}"
