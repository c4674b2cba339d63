"""Several inputs, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from streams.errors import SourceError
from streams.position import Position
from streams.record import Record
from streams.sources.document import Document
from streams.sources.framing import LINES, Framing
from streams.sources.lines import Lines
from streams.sources.source import Source
from streams.sources.stdin import STDIN, open_stdin

Opener = Callable[[str, int], Source]


class Chain:
    """The inputs `names` in order, each opened by `open_one(name, offset)` when its turn comes.

    With `resume`, everything before that position is passed over, so new inputs belong after the old ones.
    """

    def __init__(self, names: Sequence[str], open_one: Opener, resume: Position | None = None) -> None:
        if resume is not None and resume.source not in names:
            raise SourceError(
                f"cannot resume at {resume}: {resume.source} is not among the inputs; "
                "give the inputs of the last run as well, or begin with new state"
            )
        self._names = list(names)
        self._open_one = open_one
        self._index = self._names.index(resume.source) if resume is not None else 0
        self._sizes = [_size(name) for name in self._names]
        self._source = open_one(self._names[self._index], resume.offset if resume is not None else 0)

    @property
    def position(self) -> Position:
        """After the last record given."""
        return self._source.position

    @property
    def finished(self) -> bool:
        """Whether the last input is finished."""
        return self._index == len(self._names) - 1 and self._source.finished

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes done and in all, over all inputs."""
        return sum(self._sizes[: self._index]) + self._source.progress[0], sum(self._sizes)

    def next_batch(self, limit: int) -> list[Record]:
        """At most `limit` records, of one input; empty only when there is nothing at the moment."""
        while True:
            batch = self._source.next_batch(limit)
            if batch or not self._source.finished or self._index == len(self._names) - 1:
                return batch
            self._source.close()
            self._source = self._open_one(self._names[self._index + 1], 0)
            self._index += 1

    def close(self) -> None:
        """Close the input that is open."""
        self._source.close()


def open_sources(paths: Sequence[str | Path], framing: Framing = LINES, resume: Position | None = None) -> Source:
    """The one door: files, folders (all files in them, in order of name) and "-" for standard input.

    `SourceError` when nothing was named, a path is missing, a folder has no files, a file comes twice, or
    `resume` is no place in these inputs.
    """
    names = [name for path in paths for name in _files(str(path))]
    if not names:
        raise SourceError("no input: name files or folders, or - for standard input")
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f"{name}: named twice; name every input once")

    def open_one(name: str, offset: int) -> Source:
        if name == STDIN:
            return open_stdin(offset)
        if framing.kind == "document":
            return Document(name, framing.envelope, offset=offset)
        return Lines.open(name, offset)

    return Chain(names, open_one, resume)


def _files(name: str) -> list[str]:
    path = Path(name)
    if name == STDIN or path.is_file() or path.is_fifo():
        return [name]
    if not path.exists():
        raise SourceError(f"{name}: no such file or folder; check the path")
    files = sorted(
        str(file)
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise SourceError(f"{name}: a folder without files; name the folder the log files are in")
    return files


def _size(name: str) -> int:
    path = Path(name)
    return path.stat().st_size if name != STDIN and path.is_file() else 0
