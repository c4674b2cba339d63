"""Splunk, HTTP Event Collector (https://help.splunk.com, "Format events for HTTP Event Collector")."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alerts.escape import escape
from alerts.receivers.http import HttpCaller, HttpConfig, authorization
from alerts.receivers.identity import SOURCE, reference
from alerts.receivers.receiver import Limits, Notice, Outcome

BATCH: Final = 16
REFUSED: Final = 400


class SplunkConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the collector is, without `/services`; `token_file` holds its token. `index` is the token's own if ""."""

    token_file: str
    index: str = ""
    sourcetype: str = "innerwatch:alert"


class Splunk:
    """Adds an event for each notice; several go in one call.

    Splunk keeps what it is sent: an event that was told twice is there twice, with the same `notice`. Alerts are read
    by `alert_id` and the highest `revision` (`| dedup alert_id sortby -revision`).
    """

    limits = Limits(calls=10, per_s=1.0, batch=BATCH)

    def __init__(self, config: SplunkConfig) -> None:
        self._config = config
        self._caller = HttpCaller(config, authorization(config.token_file, scheme="Splunk"))

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One call for all; where one of them is refused, one call for each, so that it keeps nobody else back."""
        content = b"\n".join(self._event(notice) for notice in notices)
        answer = self._caller.call("POST", "/services/collector/event", content=content)
        if answer.status == REFUSED and len(notices) > 1:
            return [self.send([notice], now)[0] for notice in notices]
        return [answer.outcome for _ in notices]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _event(self, notice: Notice) -> bytes:
        event: dict[str, Any] = {
            "time": notice.alert.updated_at.timestamp(),
            "host": SOURCE,
            "source": SOURCE,
            "sourcetype": self._config.sourcetype,
            **({"index": self._config.index} if self._config.index else {}),
            "event": {
                "phase": notice.phase.value,
                "revision": notice.revision,
                "notice": notice.key,
                "test": notice.test,
                "link": notice.link,
                "alert": notice.alert,
            },
            # Indexed, so that a search by alert is quick; the collector takes a flat object here.
            "fields": {"alert_id": reference(notice), "revision": notice.revision, "test": str(notice.test).lower()},
        }
        return escape(msgspec.json.encode(event).decode()).encode()
