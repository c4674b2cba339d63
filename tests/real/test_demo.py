"""The demonstration of workers does what it says, and leaves nothing behind however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.real.broker import jars
from tests.real.postgres import _binary
from tests.real.site import ROOT, toml

pytestmark = pytest.mark.slow

SMALL = ["--staff", "40", "--days", "14", "--rate", "4000"]


@pytest.fixture
def place() -> Generator[Path, None, None]:
    """A temporary folder that PostgreSQL's user can reach."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(autouse=True)
def _servers() -> None:
    jars()
    _binary("initdb")


def started(place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "tests.real.demo", *SMALL]
    surroundings = os.environ | {"TMPDIR": str(place), "COLUMNS": "100"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=surroundings
    )


def of_the_demo(place: Path) -> list[str]:
    """Command lines of processes that still use the folder."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return [line for line in lines if str(place) in line]


def test_one_worker_is_killed_and_nothing_is_missing_or_extra(place: Path) -> None:
    with started(place) as demo:
        said, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, said[-4_000:]
    assert "Nothing is missing, nothing is extra." in said
    assert "partition 0: nobody -> worker-" in said
    assert "worker-1 -> nobody" in said
    assert list(place.iterdir()) == []
    assert of_the_demo(place) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [("start here", signal.SIGINT), ("nobody -> worker-", signal.SIGINT), ("is killed", signal.SIGTERM)],
)
def test_however_it_is_interrupted_nothing_is_left(place: Path, moment: str, number: signal.Signals) -> None:
    with started(place) as demo:
        assert demo.stdout is not None
        while moment not in demo.stdout.readline():
            assert demo.poll() is None
        time.sleep(1.0)
        demo.send_signal(number)
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said[-4_000:]
    assert list(place.iterdir()) == []
    assert of_the_demo(place) == []


def test_a_configuration_is_written_as_toml() -> None:
    text = toml({"source": {"kafka": {"servers": ["a:1"], "session_timeout_s": 3.0}}, "metrics": {"enabled": False}})
    assert text == '[source.kafka]\nservers = ["a:1"]\nsession_timeout_s = 3.0\n[metrics]\nenabled = false\n'
