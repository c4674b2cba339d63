"""Killed anywhere between memory and act, both happened or neither did, and said again it is done once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.alerts.inbound.hear_driver import POINTS

pytestmark = pytest.mark.slow

BEFORE = ["open", ["opened"], 0, ["firing"]]
AFTER = ["closed", ["opened", "closed"], 1, ["resolved"]]


def test_a_crash_between_memory_and_act_leaves_both_or_neither_and_the_same_again_is_done_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.alerts.inbound.hear_driver", tmp_path],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["point"] for one in results] == list(POINTS)
    for one in results:
        assert one["killed"], one["point"]
        assert one["between"] == (AFTER if one["point"] == "after the commit" else BEFORE), one["point"]
        assert one["again"] == [0, 0], one["point"]
        assert one["end"] == AFTER, one["point"]
