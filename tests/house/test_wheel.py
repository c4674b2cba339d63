"""The wheel holds the four packages and their data, and runs alone."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("alerts", "detector", "models", "streams")
ROOT_FILES = ("LICENSE", "README.md", "pyproject.toml", "setup.cfg")
COMMANDS = (
    "replay", "run", "simulate", "evaluate", "explain", "baseline", "check", "deadletters",
    "deadletters list", "deadletters replay", "map", "map test", "demo", "db", "db check", "db upgrade",
    "topics", "topics create", "topics check", "rekey", "deliver", "incidents", "incidents list", "incidents show",
    "incidents assign", "incidents note", "incidents move", "incidents close", "incidents reopen",
    "incidents merge", "incidents split", "feedback", "feedback list", "feedback withdraw", "exceptions",
    "exceptions add", "exceptions list", "exceptions end", "silences",
    "silences add", "silences list", "silences expire", "deliveries", "deliveries list", "deliveries retry",
    "receivers", "receivers test", "serve", "tokens", "tokens add", "tokens list", "tokens revoke",
    "doctor", "probe", "drift", "backup", "restore",
    "bundles", "bundles key", "bundles add", "bundles list", "bundles show", "bundles shadow", "bundles promote",
    "bundles rollback", "bundles archive", "bundles export", "train", "backtest",
    "export", "export events", "export features", "export alerts", "export labels",
    "export check",
)  # fmt: skip

ASK = """
import contextlib, sys
from pathlib import Path
import typer
import detector.cli
app = typer.main.get_command(detector.cli.app)
for command in sys.argv[1:]:
    with Path(f"{command} --help").open("w") as file, contextlib.redirect_stdout(file):
        app([*command.split(), "--help"], prog_name="innerwatch", standalone_mode=False)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ROOT_FILES:
        shutil.copy(ROOT / name, source / name)
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        source / "dist",
        source,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = (source / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        target,
        wheel,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return target


def alone(installed: Path, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python on the installed wheel and its dependencies; ``-S`` keeps the checkout out of the path."""
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib")])
    env = os.environ | {
        "PYTHONPATH": path,
        "XDG_STATE_HOME": str(folder / "state"),
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-S", "-P", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)


def test_the_wheel_holds_the_four_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in names if re.match(r"innerwatch-[\d.]+\.dist-info/", name)}
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    ours = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert names - about == ours
    assert any(name.endswith("licenses/LICENSE") for name in about)


def test_every_room_says_that_it_is_typed(wheel: Path) -> None:
    assert {f"{room}/py.typed" for room in ROOMS} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_installed_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    done = alone(installed, ["-c", "import detector; print(detector.__file__)"], tmp_path)
    assert done.stdout.strip() == str(installed / "detector" / "__init__.py"), done.stderr


@pytest.fixture(scope="module")
def helps(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each command says of itself, in a file of its name; one process asks all, as imports take longest."""
    folder = tmp_path_factory.mktemp("helps")
    done = alone(installed, ["-c", ASK, *COMMANDS, ""], folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_of_the_installed_wheel_has_help(command: str, helps: Path) -> None:
    assert f"{' '.join(['innerwatch', *command.split()])} " in (helps / f"{command} --help").read_text()


def test_the_installed_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    done = alone(installed, ["-m", "detector.cli", "demo", "--out", "out"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("*.png"))
