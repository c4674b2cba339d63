"""Slack, by an incoming webhook."""

import re
from collections.abc import Sequence
from html import escape as escape_html
from typing import Final

import msgspec

from alerts.receivers.chat import Message, Part, calling, composer, inert, within
from alerts.receivers.http import Answer, HttpConfig
from alerts.receivers.receiver import Limits, Notice, Outcome, Result
from alerts.receivers.text import fitted

BODY_BYTES: Final = 16_000
HEADER_CHARS: Final = 150  # of a header block
SECTION_CHARS: Final = 3_000  # of the text of a section
LINE_BYTES: Final = SECTION_CHARS // 5 - 10  # every character may become an entity of five
MARKUP: Final = "*_~`@#"
EMOJI: Final = re.compile(r":(?=[a-z+][a-z0-9_+'-]*:)")
CLOSED: Final = ("no_service", "no_active_hooks", "no_team", "team_disabled", "channel_is_archived")
"""Answers after which a webhook never works again."""


class SlackConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the webhook is: `url_file` holds its URL, which is a secret."""


class Slack:
    """Posts one message a call, a digest where there are several notices.

    The rate, the blocks and their limits are Slack's ("Incoming webhooks", "Rate limits", "Block Kit"). Slack takes no
    key by which it would tell a repeat: a message that is sent again is shown again, with the same alert id and
    revision. `ReceiverError` when the URL cannot be used.
    """

    limits = Limits(calls=1, per_s=1.0, batch=20)

    def __init__(self, config: SlackConfig) -> None:
        self._caller = calling(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002  (the protocol's)
        """One call for all; its outcome is that of each."""
        if not notices:
            return []
        message = composer(notices)
        body = within(BODY_BYTES, lambda room: msgspec.json.encode(_payload(message(room))))
        return [_outcome(self._caller.call("POST", content=body))] * len(notices)

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def mrkdwn(text: str) -> str:
    """Text as mrkdwn that shows it: no mention, link, emoji or emphasis.

    Slack documents `&`, `<` and `>` as the characters to escape, and no escape for those of emphasis.

    >>> mrkdwn("<!channel> & *b* :joy: 01:14:05")
    '&lt;!channel&gt; &amp; ＊b＊ ：joy: 01:14:05'
    """
    return escape_html(EMOJI.sub("：", inert(text, MARKUP)), quote=False)


def _payload(message: Message) -> dict[str, object]:
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _header(message.title), "emoji": False}}
    ]
    for part in (*message.parts, *([Part(message.more)] if message.more else [])):
        lines = [mrkdwn(fitted(line, LINE_BYTES, message.language)) for line in part.text.split("\n")]
        if part.link:
            lines.append(f"<{escape_html(part.link, quote=False)}|{message.open_word}>")
        # verbatim: nothing in the text becomes a link, a channel or a mention by itself
        texts = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in _sections(lines) if text]
        blocks += [{"type": "section", "text": text} for text in texts]
    return {"text": mrkdwn(message.title), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _header(title: str) -> str:
    # What plain_text does with the three characters is not documented, so they are not there.
    return EMOJI.sub("：", inert(title, "&<>"))[:HEADER_CHARS]


def _sections(lines: Sequence[str]) -> list[str]:
    sections = [""]
    for line in lines:
        joined = f"{sections[-1]}\n{line}" if sections[-1] else line
        if len(joined) <= SECTION_CHARS:
            sections[-1] = joined
        else:
            sections.append(line)
    return sections


def _outcome(answer: Answer) -> Outcome:
    said = answer.body.strip().decode("ascii", "ignore")
    if answer.delivered:
        return answer.outcome if said == "ok" else Outcome(Result.RETRY, f"HTTP {answer.status} without ok")
    if answer.outcome.result is Result.REFUSED and said in CLOSED:
        return Outcome(Result.GONE, f"HTTP {answer.status}: {said}")
    return answer.outcome
