"""What `innerwatch doctor` looks at, and what it says of each thing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from detector.config import Config


class Grade(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"  # a run works, and somebody should look
    FAIL = "fail"  # a run does not work, or is not safe


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `words` say what was found and, unless it is `OK`, what to do."""

    name: str
    grade: Grade
    words: str


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined.

    Attributes:
        config: the configuration.
        key: the file of the key of pseudonyms and tokens.
        now: gives Unix seconds.
    """

    config: Config
    key: Path
    now: Callable[[], float]


def named_files(config: Config) -> Iterator[tuple[str, Path]]:
    """Every file that a key ending in ``_file`` names, also a receiver's, with that key, dotted."""

    def walk(prefix: str, tree: dict[str, Any]) -> Iterator[tuple[str, Path]]:
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from walk(f"{prefix}{key}.", value)
            elif key.endswith("_file") and isinstance(value, str | Path):
                yield f"{prefix}{key}", Path(value)

    yield from walk("", config.model_dump())
