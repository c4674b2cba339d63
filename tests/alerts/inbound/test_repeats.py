"""However often and whenever what was said is said again, everything is as if it had been said once."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.desk import DESK, Desk
from alerts.inbound.hearing import Heard
from alerts.inbound.sender import Act, Said
from alerts.incident import State, Verdict
from alerts.store import Store
from tests.alerts.samples import make_alert, make_checkpoint

NOW = 1_790_000_000.0
ALERTS = [make_alert(alert_id=f"{number:020x}") for number in range(2)]
RECEIVERS = ("jira", "pd")
SAID = st.builds(
    lambda receiver, act, verdict, alert, late: (receiver, act, verdict, alert, late),
    st.sampled_from(RECEIVERS),
    st.sampled_from(list(Act)),
    st.sampled_from(list(Verdict)),
    st.integers(0, len(ALERTS) - 1),
    st.sampled_from([0.0, 0.0, 0.0, 5.0]),
)


def script(drawn: Sequence[Any]) -> list[tuple[str, Said]]:
    return [
        (
            receiver,
            Said(
                event_id=str(number),
                time=NOW + number - late,
                act=act,
                by="ann",
                alert_ids=(ALERTS[alert].alert_id,),
                verdict=verdict if act is Act.CLOSED else Verdict.NONE,
            ),
        )
        for number, (receiver, act, verdict, alert, late) in enumerate(drawn)
    ]


def outcome(url: str, said: Sequence[tuple[str, Said]], again: Sequence[int]) -> Any:
    """What there is in the end, each thing followed by as many of those before as `again` says."""
    with closing(Store(url)) as store, closing(Desk(url)) as desk:
        store.commit("events", make_checkpoint(epoch=store.acquire("events")), ALERTS, (DESK,))
        desk.take_in([], RECEIVERS, NOW)
        for number, (receiver, one) in enumerate(said):
            heard = desk.hear(receiver, one, one.time + 5.0)
            assert heard in (Heard.CHANGED, Heard.NOTHING, Heard.LATE)
            for back in range(min(again[number] if again else 0, number + 1)):
                assert desk.hear(*said[number - back], one.time + 5.0) is Heard.REPEAT
        (incident,) = desk.incidents()
        entries = [(entry.act, entry.text, entry.time) for entry in desk.incident(incident.incident_id).entries]
        lessons = [(one.verdict, one.withdrawn) for one, _ in desk.feedback()]
        return incident, entries, lessons, desk.tasks()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data(), drawn=st.lists(SAID, min_size=1, max_size=8))
def test_said_again_at_any_time_it_changes_nothing_and_no_verdict_is_guessed(
    made: Path, tmp_path_factory: Any, data: st.DataObject, drawn: list[Any]
) -> None:
    said = script(drawn)
    again = data.draw(st.lists(st.integers(0, 3), min_size=len(said), max_size=len(said)))
    folder: Path = tmp_path_factory.mktemp("said")
    once = outcome(f"sqlite:///{shutil.copy(made, folder / 'once.db')}", said, [])
    assert outcome(f"sqlite:///{shutil.copy(made, folder / 'often.db')}", said, again) == once
    incident, _, lessons, _ = once
    assert (incident.state is State.CLOSED) == (incident.verdict is not Verdict.NONE)
    assert incident.verdict in {Verdict.NONE, *(one.verdict for _, one in said)}
    assert sum(withdrawn is None for _, withdrawn in lessons) == (
        incident.state is State.CLOSED and incident.verdict is not Verdict.UNDETERMINED
    )
