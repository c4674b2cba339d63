"""Prometheus Alertmanager, API v2 (its `api/v2/openapi.yaml`)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.receivers.http import HttpCaller, HttpConfig, authorization
from alerts.receivers.identity import SOURCE, reference
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import body, fitted, safe_link, title

ALERTNAME: Final = "InsiderRisk"
BATCH: Final = 32
LABEL_BYTES: Final = 256
BODY_BYTES: Final = 8192
REFUSED: Final = (400, 422)
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class AlertmanagerConfig(HttpConfig, frozen=True, kw_only=True):
    """Where Alertmanager is, without `/api/v2/alerts`.

    `labels` are added to every alert, for its routes. Alertmanager holds an alert in memory for `hold_s` after it was
    last told, then takes it for over; so what still fires is to be told again three times as often. `user` with
    `password_file`, or `password_file` alone for a bearer token, where a proxy before it asks for one.
    """

    labels: dict[str, str] = msgspec.field(default_factory=dict)
    hold_s: Annotated[float, msgspec.Meta(ge=30.0)] = 900.0
    user: str = ""
    password_file: str | None = None


class Alertmanager:
    """Posts alerts to Alertmanager, which knows one by its labels: they never change; what changes is an annotation.

    Severity and risk are annotations therefore. The labels name the pseudonym and nothing else about the person.
    """

    def __init__(self, config: AlertmanagerConfig) -> None:
        ours = {"alertname", "alert_id", "actor", "source", "test"}
        for name in config.labels:
            if name in ours or not _LABEL.fullmatch(name):
                raise ReceiverError(f"labels: {name!r} is taken or no label of Prometheus; give another name")
        self.limits = Limits(calls=10, per_s=1.0, batch=BATCH, resend_s=config.hold_s / 3)
        self._labels, self._hold_s = config.labels, config.hold_s
        self._caller = HttpCaller(config, authorization(config.password_file, config.user))

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One call for all; where one of them is refused, one call for each, so that it keeps nobody else back."""
        answer = self._caller.call(
            "POST", "/api/v2/alerts", content=msgspec.json.encode([self._alert(notice, now) for notice in notices])
        )
        if answer.status in REFUSED and len(notices) > 1:
            return [outcome for notice in notices for outcome in self.send([notice], now)]
        delivered = answer.outcome.result is Result.DELIVERED
        named = [reference(notice) if delivered else "" for notice in notices]
        return [msgspec.structs.replace(answer.outcome, remote_id=name) for name in named]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _alert(self, notice: Notice, now: float) -> dict[str, Any]:
        alert, this = notice.alert, datetime.fromtimestamp(now, UTC)
        labels = {
            **self._labels,
            "alertname": ALERTNAME,
            "alert_id": reference(notice),
            "actor": fitted(escape(alert.actor), LABEL_BYTES),
            "source": SOURCE,
        }
        resolved = notice.phase is Phase.RESOLVED
        ends = this if resolved else this + timedelta(seconds=self._hold_s)
        link = safe_link(notice)
        return {
            "labels": labels | ({"test": "true"} if notice.test else {}),
            "annotations": {
                "summary": fitted(title(notice), 1024, notice.language),
                "description": body(notice, BODY_BYTES),
                "severity": alert.severity.value,
                "risk": f"{alert.risk:.2f}",
                "revision": str(notice.revision),
            },
            # An alert that ends before it starts is refused, and the log's clock may run before ours.
            "startsAt": min(alert.opened_at, this),
            "endsAt": ends,
            **({"generatorURL": link} if link else {}),
        }
