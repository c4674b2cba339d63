"""Says things to a desk in forked children that die by SIGKILL at planned places, each until it is taken.

Run as ``python -m tests.alerts.inbound.hear_driver FOLDER``; what became of each place is a line of JSON.
"""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from alerts import feedback, intake, work
from alerts.desk import DESK, Desk
from alerts.inbound import hearing
from alerts.inbound.sender import Act, Said
from alerts.incident import Verdict
from alerts.store import Store
from tests.alerts.samples import make_alert, make_checkpoint
from tests.detector.kill_driver import arm_at

NOW: Final = 1_790_000_000.0
POINTS: Final[dict[str, tuple[Any, str, bool]]] = {
    "before it is heard": (Desk, "hear", False),
    "before it is remembered": (hearing, "_remember", False),
    "between memory and act": (hearing, "_remember", True),
    "before the incident is changed": (work, "perform", False),
    "before the line of the history": (intake, "note", False),
    "after the line of the history": (intake, "note", True),
    "before the lesson": (feedback, "give", False),
    "after the lesson": (feedback, "give", True),
    "before the commit": (work, "perform", True),
    "after the commit": (Desk, "hear", True),
}
SAID: Final = Said(
    event_id="e-1",
    time=NOW,
    act=Act.CLOSED,
    by="ann",
    alert_ids=(make_alert().alert_id,),
    verdict=Verdict.FALSE_POSITIVE,
    reason="a robot",
)


def attempt(url: str, point: str | None) -> int:
    """How the child that said it ended."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            if point is not None:
                arm_at(POINTS[point], 1)
            with closing(Desk(url)) as desk:
                desk.hear("pd", SAID, NOW)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def outcome(url: str) -> list[Any]:
    """What there is of it: the state, how often it was written, taught and remembered."""
    with closing(Desk(url)) as desk:
        incident, _, entries, *_ = desk.incident(SAID.alert_ids[0])
        lines = [entry.act for entry in entries]
        answers = [str(task.phase) for task in desk.tasks()]
        return [incident.state.value, lines, len(desk.feedback()), answers]


def main() -> None:
    folder = Path(sys.argv[1])
    for number, point in enumerate(POINTS):
        url = f"sqlite:///{folder / f'{number}.db'}"
        with closing(Store(url)) as store, closing(Desk(url)) as desk:
            store.commit("events", make_checkpoint(epoch=store.acquire("events")), [make_alert()], (DESK,))
            desk.take_in([], ["pd"], NOW)
        killed = attempt(url, point)
        between = outcome(url)
        again = [attempt(url, None), attempt(url, None)]
        result = {
            "point": point,
            "killed": killed == -signal.SIGKILL,
            "between": between,
            "again": again,
            "end": outcome(url),
        }
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
