"""The tables of the queue: they fit a terminal, and nothing in them is read as markup."""

from datetime import UTC
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from alerts.access import Role, Token
from alerts.alert import Severity
from alerts.browse import Dossier
from alerts.feedback import EXPECTED, Feedback
from alerts.incident import Entry, Incident, State, Verdict
from alerts.pipeline import Matcher, Silence
from alerts.queue import feedback_table, incident_detail, incident_table, silence_table, token_table
from tests.alerts.samples import MORNING, make_alert

HOSTILE = "[red]x[/red] \x1b[2J"
SHOWN = r"[red]x[/red] \u001b[2J"
INCIDENT = Incident(
    incident_id="0123456789abcdef0123",
    actor=HOSTILE,
    state=State.INVESTIGATING,
    severity=Severity.CRITICAL,
    risk=95.0,
    opened_at=MORNING,
    updated_at=MORNING,
    owner=HOSTILE,
    verdict=Verdict.TRUE_POSITIVE,
    reason=HOSTILE,
)
SAID = Feedback(
    number=4,
    incident_id="",
    actor=HOSTILE,
    verdict=EXPECTED,
    detections=("bulk_export",),
    risk=89.0,
    author=HOSTILE,
    reason=HOSTILE,
    given=1.8e9,
    ends=1.81e9,
)
SILENCE = Silence(
    silence_id=3, matcher=Matcher(actors=(HOSTILE,)), owner=HOSTILE, reason=HOSTILE, starts=0.0, ends=1.8e9
)
TOKEN = Token(name=HOSTILE, role=Role.ANALYST, created=1.7e9, expires=1.81e9)
HISTORY = [Entry(1.8e9, HOSTILE, "noted", HOSTILE)]
DECIDED = {make_alert().alert_id: [(1, "route", "routed", HOSTILE)]}


@pytest.mark.parametrize(
    "shown",
    [
        incident_table([INCIDENT], UTC),
        incident_detail(Dossier(INCIDENT, [make_alert()], HISTORY, DECIDED, [], "0"), UTC),
        feedback_table([(SAID, 2)], UTC),
        silence_table([SILENCE], UTC),
        token_table([TOKEN], 1.8e9, UTC),
    ],
    ids=["incidents", "incident", "feedback", "silences", "tokens"],
)
def test_it_fits_and_nothing_in_it_is_read_as_markup_or_steers(shown: RenderableType) -> None:
    for width in (80, 240):
        text = StringIO()
        Console(file=text, width=width, force_terminal=False).print(shown)
        lines = text.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert "\x1b" not in text.getvalue()
        assert not any("…" in line for line in lines)
    assert SHOWN in text.getvalue()
