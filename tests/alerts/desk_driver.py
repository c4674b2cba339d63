"""Works through a script of alerts and verdicts in forked children that die by SIGKILL at planned places.

The receiver is a file to which every notice that arrived is appended by its key: what another process would remember.
Run as ``python -m tests.alerts.desk_driver PLAN RESULT``.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from alerts import escalation, intake
from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.escalation import Level
from alerts.incident import State, Verdict
from alerts.pipeline import Route, Routing, pipeline_of
from alerts.receivers.receiver import Limits, Notice, Outcome, Result
from alerts.store import Store
from alerts.work import By, Close
from tests.alerts.samples import make_alert, make_checkpoint, make_finding
from tests.detector.kill_driver import arm_at

SHARD: Final = "events-0-of-1"
START: Final = 1_772_000_000.0
ACTS: Final = 40
PAUSE_S: Final = 5e4
"""After a kill: longer than anything takes between two notes of the clock."""
AFTER_S: Final = 1_800.0
LEVELS: Final = [
    Level(severity=Severity.MEDIUM, after_s=AFTER_S, receivers=("lead",)),
    Level(severity=Severity.MEDIUM, after_s=AFTER_S, receivers=("wall",)),
]


class Wall:
    """A receiver that writes down what it is told, one line each, as one write."""

    limits = Limits(calls=1_000, per_s=1.0, batch=3)

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notices: Sequence[Notice], _: float) -> list[Outcome]:
        """Write and answer; every seventh answer is lost, as a time-out would lose it."""
        with self._path.open("a") as file:
            for notice in notices:
                file.write(f"{notice.key}\n")
        known = self._path.read_text().count("\n")
        return [Outcome(Result.RETRY, "ReadTimeout") if known % 7 == 0 else Outcome(Result.DELIVERED) for _ in notices]

    def close(self) -> None:
        """Nothing."""


POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the alert is committed": (Store, "commit", False),
    "after the alert was committed": (Store, "commit", True),
    "before it is taken in": (Desk, "take_in", False),
    "in the middle of taking in": (intake, "_join", True),
    "after it was taken in": (Desk, "take_in", True),
    "before it is sent": (Wall, "send", False),
    "after it was sent": (Wall, "send", True),
    "before the delivery is noted": (Desk, "record", False),
    "after the delivery was noted": (Desk, "record", True),
    "before an escalation": (Desk, "escalate", False),
    "in the middle of an escalation": (escalation, "_tell", True),
    "after an escalation": (Desk, "escalate", True),
    "before a verdict": (Desk, "act", False),
    "in the middle of a verdict": (intake, "note", True),
    "after a verdict": (Desk, "act", True),
}


def alert_of(number: int) -> Alert:
    """Alerts of five people; each third act says something new of an older one."""
    alert = make_alert(alert_id=f"{number - number % 3:020x}", actor=f"E-{number % 5}", severity=Severity.MEDIUM)
    more = [make_finding(detection=f"more_{n}") for n in range(number % 3)]
    return msgspec.structs.replace(alert, actor=f"E-{(number - number % 3) % 5}", findings=(*alert.findings, *more))


def child(folder: Path, plan: list[Any] | None) -> None:
    """Never returns."""
    code = 3
    try:
        if plan is not None:
            arm_at(POINTS[plan[0]], plan[1])
        work(folder)
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def work(folder: Path) -> None:
    """Go on where the former one died, to the end of the script."""
    url = f"sqlite:///{folder / 'alerts.db'}"
    with closing(Store(url)) as store, closing(Desk(url)) as desk:
        epoch = store.acquire(SHARD)
        desk.acquire()
        posts = {"wall": Post(Wall(folder / "wall")), "lead": Post(Wall(folder / "lead"))}
        routing = Routing([Route(receivers=("wall",))], ZoneInfo("UTC"))
        dispatcher = Dispatcher(desk, posts, pipeline_of(routing), LEVELS)
        done = store.checkpoint(SHARD)
        now = max((float(path.name) for path in (folder / "clock").iterdir()), default=START) + PAUSE_S
        for number in range(done.counters["acts"] if done is not None else 0, ACTS):
            now = told(dispatcher, desk, now, folder)
            checkpoint = make_checkpoint(epoch=epoch, counters={"acts": number + 1})
            store.commit(SHARD, checkpoint, [alert_of(number)], (DESK,))
        told(dispatcher, desk, now, folder)


def told(dispatcher: Dispatcher, desk: Desk, now: float, folder: Path) -> float:
    """Tell everything that waits, until nothing can be escalated any more, and close what has had three findings."""
    while True:
        (folder / "clock" / f"{now:.0f}").touch()
        for _ in LEVELS:
            while dispatcher.step(now) or desk.next_due():
                now += dispatcher.wait_s(now, 3_600.0) + 1.0
            now += AFTER_S
        while dispatcher.step(now) or desk.next_due():
            now += dispatcher.wait_s(now, 3_600.0) + 1.0
        ripe = [one for one in desk.incidents([State.OPEN]) if len(desk.incident(one.incident_id)[1][-1].findings) > 2]
        if not ripe:
            return now
        desk.act(ripe[0].incident_id, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", now))


def attempt(folder: Path, plan: list[Any] | None) -> bool:
    """Whether the script got to its end."""
    (folder / "clock").mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid == 0:
        child(folder, plan)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"the script ended with {status} instead of going on, plan {plan}")
    return status == 0


def outcome(folder: Path) -> dict[str, Any]:
    """What the receiver knows, and what the desk does."""
    with closing(Desk(f"sqlite:///{folder / 'alerts.db'}")) as desk:
        return {
            "keys": sorted(set((folder / "wall").read_text().splitlines())),
            "escalated": sorted(set((folder / "lead").read_text().splitlines())),
            "incidents": [msgspec.to_builtins(one) for one in desk.incidents()],
            "tasks": [(one.alert_id, one.revision, one.phase.value, one.state) for one in desk.tasks()],
            "decisions": [[one[:3] for one in desk.alert(f"{number:020x}")[2]] for number in range(0, ACTS, 3)],
            "history": [
                [(entry.act, entry.text) for entry in desk.incident(one.incident_id)[2]] for one in desk.incidents()
            ],
        }


def differences(whole: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is not as in the uninterrupted run, in words."""
    return [f"{name}: {value} instead of {whole[name]}" for name, value in found.items() if value != whole[name]]


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(plan["folder"])
    Store(f"sqlite:///{folder / 'imports.db'}").close()  # what making a database takes is imported once
    assert attempt(folder / "whole", None)
    whole = outcome(folder / "whole")
    rounds, kills, wrong, reached = 0, 0, [], set()
    for step in plan["steps"]:
        if attempt(folder / f"round{rounds}", step):
            found = outcome(folder / f"round{rounds}")
            wrong += differences(whole, found)
            rounds += 1
        else:
            kills += 1
            reached.add(step[0])
    if (folder / f"round{rounds}").exists():
        assert attempt(folder / f"round{rounds}", None)
        found = outcome(folder / f"round{rounds}")
        wrong += differences(whole, found)
    result = {
        "kills": kills,
        "wrong": wrong,
        "reached": sorted(reached),
        "keys": len(whole["keys"]),
        "escalated": len(whole["escalated"]),
    }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
