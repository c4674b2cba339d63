"""The container's file, read and executed outside a container: its root is a folder, its RUN steps run here."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deploy" / "Containerfile"
IGNORED: Final = FILE.with_name("Containerfile.dockerignore")
HOME: Final = ROOT / ".venv" / "image"
PATIENCE_S: Final = 600.0
QUICK: Final = {"PIP_NO_COMPILE": "1"}
"""Python compiles what it uses when it uses it, where it may write; in the image it may not."""


@dataclass(frozen=True)
class Step:
    """An instruction: its name, its words, and the number of its stage from 0."""

    name: str
    words: str
    stage: int

    @property
    def command(self) -> list[str]:
        """The words of the exec form; `ValueError` for the shell form, which needs a shell."""
        return [str(word) for word in json.loads(self.words)]


def steps() -> list[Step]:
    """The instructions in order."""
    found, stage = [], -1
    for line in FILE.read_text("utf-8").replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            name, _, words = line.partition(" ")
            stage += name == "FROM"
            found.append(Step(name, words.strip(), stage))
    return found


def last(name: str) -> Step:
    """The instruction of the final image."""
    return [step for step in steps() if step.name == name and step.stage == steps()[-1].stage][-1]


def allowed() -> set[str]:
    """What the build may see of the repository."""
    return {line[1:] for line in IGNORED.read_text("utf-8").splitlines() if line.startswith("!")}


class Image:
    """The final image's files below `root`; a path of the image is one of these below it."""

    def __init__(self, root: Path) -> None:
        self.root, self._cwd = root, root
        self._variables: dict[str, str] = dict(QUICK)

    def build(self) -> None:
        """Do what the instructions say."""
        does = {"ENV": self._env, "WORKDIR": self._workdir, "COPY": self._copy, "RUN": self._run}
        for step in steps():
            does.get(step.name, lambda _: None)(step)

    def path(self, name: str) -> str:
        """Where something of the image is."""
        return f"{self.root}{name}" if name.startswith("/") else name

    def run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command of the image to its end."""
        words = [sys.executable if word == "python" else self.path(word) for word in command]
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | self._variables
        return subprocess.run(words, cwd=self._cwd, env=env, capture_output=True, text=True, timeout=PATIENCE_S)

    def _env(self, step: Step) -> None:
        words = dict(word.split("=", 1) for word in step.words.split())
        self._variables |= {key: value for key, value in words.items() if key != "PIP_NO_CACHE_DIR"}

    def _workdir(self, step: Step) -> None:
        self._cwd = Path(self.path(step.words))
        self._cwd.mkdir(parents=True, exist_ok=True)

    def _copy(self, step: Step) -> None:
        if step.words.startswith("--from="):  # between stages, which share this root
            assert Path(self.path(step.words.split()[-2])).exists()
            return
        *sources, target = step.words.split()
        for source in sources:
            assert source in allowed(), f"{source} is kept from the build by {IGNORED.name}"
            place = self._cwd / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)

    def _run(self, step: Step) -> None:
        done = self.run(step.command)
        assert done.returncode == 0, f"{step.words}\n{done.stdout}\n{done.stderr}"


def built() -> Image:
    """The image of the sources as they are, made in an empty folder on first use; safe for several test processes."""
    inputs = [FILE, IGNORED, *(path for name in sorted(allowed()) for path in files_of(ROOT / name))]
    digest = blake2b(b"".join(path.read_bytes() for path in inputs), digest_size=6).hexdigest()
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = HOME / digest
        if not (root / "whole").exists():
            for former in HOME.glob("*/"):
                shutil.rmtree(former)
            root.mkdir()
            Image(root).build()
            (root / "whole").touch()
    return Image(root)


def files_of(path: Path) -> list[Path]:
    """The file, or those in the folder that are no leftovers."""
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return [one for one in found if one.is_file() and "__pycache__" not in one.parts]


def pinned() -> Iterator[tuple[str, str]]:
    """Name and version of every package in the lock files."""
    for name in ("requirements.txt", "build-requirements.txt"):
        for line in FILE.with_name(name).read_text("utf-8").splitlines():
            if "==" in line and not line.startswith(" "):
                package, _, rest = line.partition("==")
                yield package, rest.split()[0]
