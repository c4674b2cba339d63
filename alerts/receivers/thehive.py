"""TheHive 5, API v1 (https://docs.strangebee.com/thehive/api-docs/)."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alerts.alert import Severity
from alerts.escape import escape
from alerts.receivers.http import Answer, HttpCaller, HttpConfig, authorization
from alerts.receivers.identity import SOURCE, reference
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import body, fitted, safe_link, title

TYPE: Final = "insider-risk"
TITLE_BYTES: Final = 512
BODY_BYTES: Final = 16 << 10
TAG_BYTES: Final = 128
SEVERITIES: Final = {Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}
REFUSED: Final = (400, 409)  # what is there already is refused by 400; its own developers would have liked 409
ALREADY: Final = "already exist"


class TheHiveConfig(HttpConfig, frozen=True, kw_only=True):
    """Where TheHive is, without `/api`; `token_file` holds an API key that may manage alerts.

    `organisation` where the key is for several. `tlp` and `pap` are 0 to 3 (white, green, amber, red).
    `resolved_status` is the status that an alert gets which was closed; "" leaves that to people.
    """

    token_file: str
    organisation: str = ""
    tlp: int = 2
    pap: int = 2
    resolved_status: str = ""


class TheHive:
    """Creates an alert, which TheHive lets be there once for each type, source and reference, and updates it after.

    An update leaves tags, status and whatever else people set as it is. One tag is the reference: a case that is made
    from the alert takes its tags over, and is known by that one.
    """

    limits = Limits(calls=5, per_s=1.0)

    def __init__(self, config: TheHiveConfig) -> None:
        self._config = config
        headers = authorization(config.token_file)
        if config.organisation:
            headers["X-Organisation"] = config.organisation
        self._caller = HttpCaller(config, headers)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002
        """One to three calls a notice."""
        return [self._closed(notice) if notice.phase is Phase.RESOLVED else self._firing(notice) for notice in notices]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _firing(self, notice: Notice) -> Outcome:
        created = self._caller.call("POST", "/api/v1/alert", content=msgspec.json.encode(self._whole(notice)))
        if created.status not in REFUSED:
            return msgspec.structs.replace(created.outcome, remote_id=created.text("_id"))
        found = self._found(notice)
        if not found.delivered:
            return found.outcome
        if found.text(0, "_id"):
            return self._patch(found.text(0, "_id"), _changing(notice))
        if ALREADY in created.text("message"):
            # The alert is there, and the index that searches go through does not know it yet.
            return Outcome(Result.RETRY, "refused as a duplicate that cannot be found")
        return created.outcome

    def _closed(self, notice: Notice) -> Outcome:
        found = self._found(notice)
        if not found.delivered:
            return found.outcome
        if not found.text(0, "_id"):
            return Outcome(Result.DELIVERED, "closed before it was told")
        status = {"status": self._config.resolved_status} if self._config.resolved_status else {}
        return self._patch(found.text(0, "_id"), _changing(notice) | status)

    def _found(self, notice: Notice) -> Answer:
        names = {"type": TYPE, "source": SOURCE, "sourceRef": reference(notice)}
        query = [
            {"_name": "listAlert"},
            {"_name": "filter", "_and": [{"_eq": {"_field": name, "_value": value}} for name, value in names.items()]},
            {"_name": "page", "from": 0, "to": 1},
        ]
        return self._caller.call("POST", "/api/v1/query?name=alerts", content=msgspec.json.encode({"query": query}))

    def _patch(self, remote_id: str, fields: dict[str, Any]) -> Outcome:
        path = f"/api/v1/alert/{re.sub('[^A-Za-z0-9~_-]', '', remote_id)}"
        answer = self._caller.call("PATCH", path, content=msgspec.json.encode(fields))
        return msgspec.structs.replace(answer.outcome, remote_id=remote_id if answer.delivered else "")

    def _whole(self, notice: Notice) -> dict[str, Any]:
        alert, link = notice.alert, safe_link(notice)
        named = [tag for finding in alert.findings for tag in (finding.detection, finding.technique)]
        tags = [SOURCE, reference(notice), *["test"] * notice.test, *(fitted(escape(tag), TAG_BYTES) for tag in named)]
        return _changing(notice) | {
            "type": TYPE,
            "source": SOURCE,
            "sourceRef": reference(notice),
            "date": int(alert.opened_at.timestamp() * 1000),
            "tlp": self._config.tlp,
            "pap": self._config.pap,
            "tags": list(dict.fromkeys(tags)),
            "observables": [{"dataType": "other", "data": fitted(escape(alert.actor), TAG_BYTES), "message": "actor"}],
            **({"externalLink": link} if link else {}),
        }


def _changing(notice: Notice) -> dict[str, Any]:
    return {
        "title": fitted(title(notice), TITLE_BYTES, notice.language),
        "description": fenced(body(notice, BODY_BYTES)),
        "severity": SEVERITIES[notice.alert.severity],
    }


def fenced(text: str) -> str:
    """The text as a code block of CommonMark, in which nothing is markup: the fence is longer than any run within.

    >>> print(fenced("a ```` b"))
    `````
    a ```` b
    `````
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
