"""Notices as the tests of receivers want them."""

from typing import Any

from alerts.alert import MAX_FINDINGS, Severity
from alerts.receivers.receiver import Notice
from tests.alerts.samples import make_alert, make_finding

HOSTILE = (
    "</script><script>alert(1)</script> [x](javascript:x) <!channel> @all *b* `c` {{7*7}} ${jndi:ldap://x} \"'\\ "
    "\x00\x07\x1b[2J\r\nBcc: a@example.org\r\n\r\n\u202eevil\u2066 \u2028 \U0001f600\U00020000 客户 "
)
"""Markup of several tongues, control, bidirectional and separator characters, and characters of four bytes."""


def make_notice(**fields: Any) -> Notice:
    alert_fields = fields.pop("alert_fields", {})
    alert = fields.pop("alert", None) or make_alert(**alert_fields)
    revision = fields.get("revision", 1)
    usual: dict[str, Any] = {"key": f"{alert.alert_id}.{revision}", "alert": alert, "revision": revision}
    return Notice(**{**usual, **fields})


def hostile_notice(**fields: Any) -> Notice:
    """As much as an alert can hold, all of it hostile."""
    finding = make_finding(
        sentence=HOSTILE * 60,
        unit=HOSTILE,
        detection=HOSTILE,
        technique=HOSTILE,
        model_version=HOSTILE,
        event_ids=tuple(f"{HOSTILE}{n}" for n in range(20)),
    )
    return make_notice(
        alert=make_alert(
            actor=HOSTILE,
            role=HOSTILE * 40,
            department=HOSTILE,
            position=HOSTILE,
            severity=Severity.CRITICAL,
            findings=(finding,) * MAX_FINDINGS,
        ),
        **fields,
    )
