"""Killed anywhere in the workflow and started again, receivers and the queue end as if nothing had happened."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.desk_driver import POINTS

pytestmark = pytest.mark.slow


def test_deliveries_and_incidents_are_those_of_an_uninterrupted_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    steps = [(point, int(rng.integers(1, 12))) for _ in range(8) for point in rng.permutation(list(POINTS)).tolist()]
    (tmp_path / "plan.json").write_text(json.dumps({"folder": str(tmp_path), "steps": steps}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.alerts.desk_driver", tmp_path / "plan.json", tmp_path / "result.json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["wrong"] == []
    assert set(result["reached"]) == set(POINTS)
    assert result["kills"] >= 100
    assert result["keys"] > 40
    assert result["escalated"] > 20
