"""What the documents say is so: commands, options, keys, files, tests and figures that they name exist."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from detector.cli import app
from detector.config import Config

ROOT = Path(__file__).parents[2]
README, DESIGN, CHANGELOG = ((ROOT / name).read_text("utf-8") for name in ("README.md", "DESIGN.md", "CHANGELOG.md"))
SECTIONS = "|".join(Config.model_fields)


def commands(command: Any, path: str = "innerwatch") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from commands(inner, f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def bench_block() -> list[str]:
    found = re.search(r"<!-- bench -->\n```\n(.*?)```\n<!-- /bench -->", README, re.DOTALL)
    assert found, "README.md has no block of figures between <!-- bench --> and <!-- /bench -->"
    return found[1].splitlines()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_readme_names_every_command(name: str) -> None:
    assert f"`{name}" in README


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_and_every_option_of_it_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"


def test_commands_and_options_in_the_readme_exist() -> None:
    blocks = "\n".join(re.findall(r"```\n(.*?)```", README, re.DOTALL)) + "\n".join(re.findall(r"`[^`\n]+`", README))
    called = re.findall(r"innerwatch ((?:[a-z]+ ?)+)", blocks)
    assert called
    for words in called:
        assert any(f"innerwatch {words}".startswith(name) for name in COMMANDS), words
    known = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z]+", blocks)) <= known | {"--help"}


@pytest.mark.parametrize("text", [README, DESIGN], ids=["README", "DESIGN"])
def test_configuration_keys_that_are_named_exist(text: str) -> None:
    for section, key in re.findall(rf"`({SECTIONS})\.([a-z_]+)`", text):
        if key not in {"class", "count", "id", "py", "md"}:
            assert key in type(getattr(Config(), section)).model_fields, f"{section}.{key}"


@pytest.mark.parametrize("text", [README, DESIGN, CHANGELOG], ids=["README", "DESIGN", "CHANGELOG"])
def test_files_that_are_named_exist(text: str) -> None:
    named = re.findall(r"`((?:tests|detector|streams|models|alerts)/[\w./-]*)`", text)
    named += re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_tests_that_the_design_names_exist() -> None:
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", DESIGN))
    assert named
    assert named - written == set()


def test_every_figure_in_the_readme_is_one_that_the_bench_prints() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "bench").glob("*.py"))
    figures = [match[1] for line in bench_block() if (match := re.match(r"  ([a-z][a-z, /]+?)  +\S", line))]
    assert len(figures) >= 8
    for figure in figures:
        assert figure in sources, f"the bench prints no {figure!r}"


def test_every_dependency_has_its_line_in_the_design() -> None:
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    required = re.search(r"install_requires =\n((?:    .+\n)+)", setup)
    assert required
    for name in re.findall(r"^ +([\w-]+)", required[1], re.MULTILINE):
        assert re.search(rf"^\| .*\b{name}\b", DESIGN, re.MULTILINE), f"{name} has no line in DESIGN.md"


def test_make_says_what_can_be_made() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for target in ("demo", "test", "lint", "bench"):
        assert re.search(rf"^make {target} +\w", done.stdout, re.MULTILINE)
