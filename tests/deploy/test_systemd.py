"""The unit is one that systemd takes and finds safe, and what it starts loses nothing at SIGTERM."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from configparser import RawConfigParser
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from alerts.errors import StoreError
from alerts.lines import alert_line
from detector.config import StateConfig, load_config
from detector.errors import CheckpointError
from detector.home import Home
from detector.shard import SHARD
from tests.deploy.image import ROOT, Image, last
from tests.deploy.processes import answers, counted, ended, moved, running, until
from tests.deploy.test_retrain import RETRAIN
from tests.detector.kill_driver import differences
from tests.detector.small import KEY, SmallLog
from tests.real.broker import free_ports

FOLDER: Final = ROOT / "deploy" / "systemd"
UNIT: Final = FOLDER / "innerwatch@.service"
EXPOSURE: Final = 15
"""Tenths that `systemd-analyze security` may find, of 100; what uses the network has at least 10."""


def settings(unit: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return parser


SERVICE: Final = settings(UNIT)["Service"]


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("needs systemd-analyze; install systemd")
    return found


TIMER: Final = FOLDER / "innerwatch-retrain.timer"


@pytest.fixture(params=["run", "deliver", "serve", "retrain"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit of one command, whose program is there."""
    program = tmp_path / "innerwatch"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "innerwatch-retrain").symlink_to(program)
    name = "innerwatch-retrain.service" if request.param == "retrain" else f"innerwatch@{request.param}.service"
    source = FOLDER / name if request.param == "retrain" else UNIT
    text = source.read_text("utf-8").replace("/opt/innerwatch/bin/innerwatch", str(program))
    unit = tmp_path / name
    unit.write_text(text)
    return unit


def test_systemd_takes_it(analyze: str, instance: Path) -> None:
    done = subprocess.run([analyze, "verify", "--man=no", instance], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "innerwatch" in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_finds_it_safe(analyze: str, instance: Path) -> None:
    command = [analyze, "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", instance]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_timer_starts_retraining_once_a_week(analyze: str, tmp_path: Path) -> None:
    retraining = settings(FOLDER / "innerwatch-retrain.service")["Service"]
    assert retraining["ExecStart"] == RETRAIN
    assert retraining["Type"] == "oneshot"
    when = settings(TIMER)["Timer"]["OnCalendar"]
    done = subprocess.run([analyze, "calendar", "--iterations=3", when], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    days = re.findall(r"\w{3} (\d{4}-\d\d-\d\d) 02:00:00", done.stdout)
    first, second = (date.fromisoformat(day) for day in days[:2])
    assert (second - first).days == 7


def test_it_ends_as_the_container_does_and_a_hanging_process_is_started_again() -> None:
    from detector.app import HUNG

    assert SERVICE["KillSignal"] == last("STOPSIGNAL").words
    assert int(SERVICE["RestartForceExitStatus"]) == HUNG
    assert SERVICE["ExecStart"].split()[0] == last("ENTRYPOINT").command[0]


def test_the_folders_that_it_is_given_are_those_of_the_example() -> None:
    config = load_config(FOLDER / "innerwatch.toml")
    assert config.state.folder == Path("/var/lib") / SERVICE["StateDirectory"]
    assert config.privacy.key_file == Path("/etc") / SERVICE["ConfigurationDirectory"] / "key"


class Site:
    """The paths of the unit and of its example, moved below a folder."""

    def __init__(self, image: Image, log: SmallLog, folder: Path) -> None:
        self._image, self._folder = image, folder
        self.state, self.growing = folder / "state", folder.with_name("access.jsonl")
        folder.mkdir()
        self.state.mkdir(0o700)
        self.growing.touch()
        self.port, self.api = free_ports(2)
        (folder / "key").write_text(KEY.hex())
        (folder / "key").chmod(0o440)
        places = {
            "/var/log/innerwatch/access.jsonl": str(self.growing),
            '"/var/lib/innerwatch"': f'"{self.state}"\ncheckpoint_s = 1.0',
        }
        places |= {"/etc/innerwatch/roster.csv": str(log.roster), "/etc/innerwatch/key": str(folder / "key")}
        text = moved((FOLDER / "innerwatch.toml").read_text("utf-8"), places)
        quick = f"[metrics]\nport = {self.port}\n[api]\nport = {self.api}\n[risk]\nwarm_up_days = 3\nbudget = 60.0\n"
        (folder / "innerwatch.toml").write_text(text + quick)

    def command(self, name: str) -> list[str]:
        """What the unit starts for a command."""
        words = SERVICE["ExecStart"].replace("%i", name).split()
        config = str(self._folder / "innerwatch.toml")
        return [config if word.startswith("/etc/") else self._image.path(word) for word in words]

    def read(self, pieces: Sequence[bytes]) -> None:
        """Let the log grow by each piece, ending the process as soon as it has read some; then read to the end."""
        for piece in pieces:
            with running(self.command("run"), self._folder / "log") as process:
                until(lambda: answers(self.port), "the start")
                with self.growing.open("ab") as file:
                    file.write(piece)
                until(lambda: counted(self.port, "innerwatch_events_total") > 0, "reading")
                assert ended(process) == 0, (self._folder / "log").read_text()[-2_000:]
        with running(self.command("run"), self._folder / "log") as process:
            until(lambda: answers(self.port) and self.position == self.growing.stat().st_size, "the end")
            assert ended(process) == 0
        with closing(Home(StateConfig(folder=self.state), read_only=True)) as home:
            alerts = b"".join(map(alert_line, home.store.alerts()))
        self.state.with_suffix(".jsonl").write_bytes(alerts)

    @property
    def position(self) -> int:
        """Bytes of the log that are behind the last checkpoint."""
        try:
            with closing(Home(StateConfig(folder=self.state), read_only=True)) as home:
                found = home.store.checkpoint(SHARD)
        except (StoreError, CheckpointError):
            return 0
        return int(found.position.rpartition("@")[2]) if found is not None else 0


def pieces_of(content: bytes, count: int) -> Iterator[bytes]:
    size = len(content) // count + 1  # in the middle of a line, mostly
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.slow
def test_what_it_starts_ends_at_sigterm_and_loses_nothing(image: Image, small_log: SmallLog, tmp_path: Path) -> None:
    content = small_log.events.read_bytes()
    content = content[: content.rindex(b"\n", 0, len(content) // 2) + 1]
    often, once = (Site(image, small_log, tmp_path / name) for name in ("often", "once"))
    often.read(list(pieces_of(content, 3)))
    once.read([])
    assert differences(often.state, once.state) == []
    assert often.state.with_suffix(".jsonl").read_bytes() != b""
    assert signal.Signals[SERVICE["KillSignal"]] is signal.SIGTERM
    with running(often.command("deliver"), tmp_path / "deliver.log") as process:
        until(lambda: "delivering" in (tmp_path / "deliver.log").read_text(), "delivery")
        assert ended(process) == 0
    with running(often.command("serve"), tmp_path / "serve.log") as process:
        until(lambda: answers(often.api), "the API")
        assert ended(process) == 0
