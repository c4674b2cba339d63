"""Replays a log in forked children that die by SIGKILL at planned places, until it is done; tells how it ended.

Run as ``python kill_driver.py PLAN RESULT``. The imports are paid once, by the parent.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alerts.lines import alert_line
from alerts.store import Store
from detector import snapshot as snapshot_module
from detector import snapshots as snapshots_module
from detector.app import replay
from detector.checkpoint import Checkpoints
from detector.config import Config, StateConfig
from detector.engine import Engine
from detector.home import Home
from detector.shard import Shard
from detector.snapshot import write_snapshot
from detector.snapshots import FolderSnapshots
from streams import DeadLetters, Tokens

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the snapshot": (snapshots_module, "write_snapshot", False),
    "after the snapshot": (snapshots_module, "write_snapshot", True),
    "before a sync": (snapshot_module.os, "fsync", False),
    "after a sync": (snapshot_module.os, "fsync", True),
    "before a rename": (Path, "replace", False),
    "after a rename": (Path, "replace", True),
    "before the commit": (Store, "commit", False),
    "after the commit": (Store, "commit", True),
    "before old generations go": (FolderSnapshots, "drop", False),
    "after old generations went": (FolderSnapshots, "drop", True),
    "before an old generation goes": (Path, "unlink", False),
    "before a dead letter": (DeadLetters, "write", False),
    "after a dead letter": (DeadLetters, "write", True),
    "in the middle of a batch": (Engine, "process", False),
    "at the end of a batch": (Engine, "process", True),
    "before the end": (Shard, "conclude", False),
    "after the end": (Shard, "conclude", True),
    "after the last alerts": (Checkpoints, "add", True),
}


def arm_at(point: tuple[Any, str, bool], nth: int, number: int = signal.SIGKILL) -> None:
    """Send oneself a signal at the nth call of a function, before or after it."""
    owner, attribute, after = point
    real: Callable[..., Any] = getattr(owner, attribute)
    calls = 0

    def armed(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            os.kill(os.getpid(), number)
        result = real(*arguments, **named)
        if calls == nth and after:
            os.kill(os.getpid(), number)
        return result

    setattr(owner, attribute, armed)


def child(config: Config, key: bytes, plan: list[Any] | None) -> None:
    """Never returns."""
    code = 3
    try:
        if plan is not None and plan[0] != "time":
            arm_at(POINTS[plan[0]], plan[1])
        folder = config.state.folder
        assert folder is not None
        done = replay(config, Tokens(key), folder / "unused")
        folder.with_suffix(".jsonl").write_bytes(b"".join(map(alert_line, done.alerts)))
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def attempt(config: Config, key: bytes, plan: list[Any] | None) -> bool:
    """Whether the replay got to its end; false when it was killed."""
    pid = os.fork()
    if pid == 0:
        child(config, key, plan)
    if plan is not None and plan[0] == "time":
        time.sleep(plan[1])
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"the replay ended with {status} instead of going on, plan {plan}")
    return status == 0


def differences(left: Path, right: Path) -> list[str]:
    """What differs between two finished state folders: alerts, dead letters, or the state itself."""
    found = []
    for suffix in (".jsonl",):
        if left.with_suffix(suffix).read_bytes() != right.with_suffix(suffix).read_bytes():
            found.append("alerts")
    states: list[dict[str, Any]] = []
    letters: list[list[bytes]] = []
    for folder in (left, right):
        home = Home(StateConfig(folder=folder), read_only=True)
        shards = home.store.shards()
        states.append({f"{shard}/{k}": v for shard in shards for k, v in home.saved(shard).state.items()})
        letters.append([home.dead_letters(shard).read_bytes() for shard in shards])
        home.close()
    if letters[0] != letters[1]:
        found.append("dead letters")
    names = set(states[0]) ^ set(states[1])
    same = [name for name in states[0] if name not in names]
    found += sorted(names | {name for name in same if not np.array_equal(states[0][name], states[1][name])})
    return found


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    base = Config.model_validate(plan["config"])
    key, folder = bytes.fromhex(plan["key"]), Path(plan["folder"])
    write_snapshot(folder / "warm", {"a": np.zeros(1)})
    Home(StateConfig(folder=folder / "imports")).close()  # what making a database takes

    def config(name: str) -> Config:
        return base.model_copy(update={"state": base.state.model_copy(update={"folder": folder / name})})

    assert attempt(config("whole"), key, None)
    rounds, kills, wrong, reached = 0, 0, [], set()
    for step in plan["steps"]:
        if attempt(config(f"round{rounds}"), key, step):
            wrong += differences(folder / "whole", folder / f"round{rounds}")
            rounds += 1
        else:
            kills += 1
            reached.add(step[0])
    if (folder / f"round{rounds}").exists():
        assert attempt(config(f"round{rounds}"), key, None)
        wrong += differences(folder / "whole", folder / f"round{rounds}")
        rounds += 1
    result = {"rounds": rounds, "kills": kills, "wrong": wrong, "reached": sorted(reached), "points": sorted(POINTS)}
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
