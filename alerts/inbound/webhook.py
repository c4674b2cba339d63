"""Webhooks of one's own, in the form and with the signature in which ours are sent."""

from collections.abc import Mapping
from typing import Final

from alerts.inbound.body import decoded, moment, needed, text
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.inbound.standard import ID, StandardSignature
from alerts.incident import Verdict

ACTS: Final = {
    "alert.acknowledged": Act.ACKNOWLEDGED,
    "alert.in_progress": Act.IN_PROGRESS,
    "alert.closed": Act.CLOSED,
    "alert.reopened": Act.REOPENED,
    "alert.noted": Act.NOTED,
}
VERDICTS: Final = {verdict.value: verdict for verdict in Verdict if verdict}


class WebhookSender:
    """Takes `{"type", "timestamp", "data": {"alert_id", "by", "verdict", "reason"}}`, signed by Standard Webhooks.

    Types are those of `ACTS`, others are about nothing of ours. `verdict` is one of ours, or a word of the
    configuration's.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._verdicts = VERDICTS | config.verdicts
        self._signature = StandardSignature(config.secret_file)
        self.verify = self._signature.verify

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:
        """See `Sender`."""
        found = decoded(body)
        act = ACTS.get(needed(found, "type"))
        if act is None:
            return None
        word = text(found, "data", "verdict")
        return Said(
            event_id=headers.get(ID, ""),
            time=moment(found, "timestamp"),
            act=act,
            by=text(found, "data", "by"),
            alert_ids=(needed(found, "data", "alert_id"),),
            word=word,
            verdict=verdict_of([word], self._verdicts),
            reason=text(found, "data", "reason"),
        )
