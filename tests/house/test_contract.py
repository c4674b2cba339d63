"""What no room may do, read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("alerts", "detector", "models", "streams")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in MODULES]
CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
CLOCK_READER = "detector/app.py"
PRINTERS = ("detector/cli",)
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
VAGUE = ("Manager", "Handler", "Helper", "Util", "Utils")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each import as the name that it binds and what that stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.asname or name.name, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name.asname or name.name, f"{node.module}.{name.name}") for name in node.names)


def offences(path: str, source: str) -> set[str]:
    """What the module does that the house forbids, in words."""
    tree = ast.parse(source)
    names = dict(imported(tree))
    found = {f"imports {real}" for real in names.values() if real.split(".")[0] in PICKLERS | {"random"}}
    for node in ast.walk(tree):
        called = dotted(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        first, _, rest = called.partition(".")
        real = f"{names.get(first, first)}.{rest}".rstrip(".")
        if real in CLOCKS and path != CLOCK_READER:
            found.add(f"reads the clock: {real}")
        if isinstance(node, ast.Call) and dotted(node.func) in {
            "print",
            "sys.stdout.write",
            "sys.stderr.write",
        }:
            found |= set() if path.startswith(PRINTERS) else {f"prints: {dotted(node.func)}"}
        if isinstance(node, ast.Call) and dotted(node.func) == "hash":
            found.add("calls hash(), which is salted per process")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found |= set() if isinstance(node.value, ast.Constant) and node.value.value is False else {"allows pickle"}
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE):
            found.add(f"names a class vaguely: {node.name}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_reads_no_clock_pickles_nothing_prints_nothing_and_draws_no_unseeded_number(
    path: Path,
) -> None:
    assert offences(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) == set()


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_is_at_most_400_lines_and_its_functions_fit_a_screen(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
            assert lines <= 40, f"{node.name} has {lines} lines; split it"


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import time\ntime.time()", "reads the clock: time.time"),
        ("from datetime import datetime\ndatetime.now()", "reads the clock: datetime.datetime.now"),
        ("from time import monotonic as m\nm()", "reads the clock: time.monotonic"),
        ("import pickle", "imports pickle"),
        ("import random", "imports random"),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", "allows pickle"),
        ("print('x')", "prints: print"),
        ("key = hash('x')", "calls hash(), which is salted per process"),
        ("class StateManager: ...", "names a class vaguely: StateManager"),
    ],
)
def test_each_offence_is_found(source: str, offence: str) -> None:
    assert offences("models/new.py", source) == {offence}


def test_the_one_place_for_the_clock_and_the_one_for_printing_are_let_be() -> None:
    assert offences("detector/app.py", "import time\ntime.time()") == set()
    assert offences("detector/cli.py", "print('x')") == set()


def test_the_import_contract_is_kept_and_would_notice_a_breach() -> None:
    """``lint-imports`` runs in ``make lint``; here it is shown that the contract names every room."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout
    for room in ("alerts", "models", "streams"):
        for path in (ROOT / room).rglob("*.py"):
            real = {name.split(".")[0] for _, name in imported(ast.parse(path.read_text("utf-8")))}
            assert not real & (set(ROOMS) - {room}), f"{path} imports another room"


def test_the_clock_is_also_banned_by_ruff(tmp_path: Path) -> None:
    file = tmp_path / "clock.py"
    file.write_text('"""Reads the clock."""\n\nimport time\n\nNOW = time.time()\n', "utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "check", "--no-cache", "--config", ROOT / "pyproject.toml", file],
        capture_output=True,
        text=True,
    )
    assert "TID251" in done.stdout
    assert done.returncode == 1
