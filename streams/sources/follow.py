"""A log file that grows and is rotated."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from pathlib import Path
from typing import IO

from streams.errors import SourceError
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.content import Content
from streams.sources.lines import Lines, too_large
from streams.sources.source import MAX_RECORD_BYTES

CHUNK_BYTES = 2 * MAX_RECORD_BYTES  # holds every line that is not too large
HEAD_BYTES = 4096  # of the first line: what a generation is known by
LOST = "the file began anew and the rest of the old one is not beside it: lines may be lost"


class Follow:
    """The lines of `path` as they are written, through rotation by rename and by copy-and-truncate.

    A generation of the file is known by its first line, so positions read `path#a1b2c3d4@offset` and mean the
    same after a restart, a rename or a compression. When `path` begins anew, the rest of the old generation
    is read from where rotation put it (a file beside it whose name begins with the same name), then the
    generations after it in order of their time. If the old one is nowhere, one empty record flawed as
    truncated says that lines may be lost. A last line without a line end waits until it has one, or until its
    generation is over. Two generations that begin with the same line cannot be told apart.
    """

    def __init__(self, path: str, resume: Position | None = None) -> None:
        self._path = Path(path)
        self._generation = ""  # "" until the first line was seen
        self._read_to = 0
        self._ready: deque[tuple[int, Record]] = deque()  # with the offset after each
        self._given_to = 0
        self._rest: Lines | None = None  # of a generation that is over
        self._rest_file = self._path
        if resume is not None:
            name, mark, generation = resume.source.rpartition("#")
            if (name if mark else generation) != path:
                raise SourceError(f"{path}: cannot resume at {resume}, another file; follow that one")
            self._generation = generation if mark else ""
            self._read_to = resume.offset

    @property
    def position(self) -> Position:
        """After the last line given, in the generation it belongs to."""
        return Position(self._source, self._given_to if self._ready else self._read_to)

    @property
    def finished(self) -> bool:
        """Never: the file may always grow."""
        return False

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read of this generation, and the size of the file now."""
        return self._read_to, self._path.stat().st_size if self._path.is_file() else 0

    def next_batch(self, limit: int) -> list[Record]:
        """The next complete lines, at most `limit`; an empty list when nothing was written."""
        while True:
            if self._ready:
                return self._give(limit)
            if self._rest is not None:
                if batch := self._next_of_rest(self._rest, limit):
                    return batch
            elif not self._read_on():
                return []

    def close(self) -> None:
        """Let go of the file."""
        if self._rest is not None:
            self._rest.close()

    @property
    def _source(self) -> str:
        return f"{self._path}#{self._generation}" if self._generation else str(self._path)

    def _give(self, limit: int) -> list[Record]:
        batch: list[Record] = []
        while self._ready and len(batch) < limit:
            self._given_to, record = self._ready.popleft()
            batch.append(record)
        return batch

    def _read_on(self) -> bool:
        """Read lines, or find the next generation; whether there is anything to do."""
        now = _generation_of(self._path)
        if not now:  # missing, or its first line is not complete
            return False
        self._generation = self._generation or now
        if now == self._generation:
            return self._read_growing()
        self._read_old()
        return True

    def _read_growing(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            chunk = file.read(CHUNK_BYTES)
            end = chunk.rfind(b"\n")
            length = _line_length(file, len(chunk)) if end < 0 and len(chunk) == CHUNK_BYTES else 0
            if _first_line(file) != self._generation:  # it began anew while it was read
                return True
        if length:
            self._take(chunk, length)
        elif end >= 0:
            for line in chunk[:end].split(b"\n"):
                self._take(line, len(line) + 1)
        return end >= 0 or length > 0

    def _take(self, line: bytes, length: int) -> None:
        start = Position(self._source, self._read_to)
        if not self._ready:
            self._given_to = self._read_to
        self._read_to += length
        if len(line) > MAX_RECORD_BYTES:
            self._ready.append((self._read_to, too_large(line, start, MAX_RECORD_BYTES)))
        elif line and not line.isspace():
            self._ready.append((self._read_to, Record(line, start)))

    def _read_old(self) -> None:
        """The generation is over: find where rotation put the rest of it."""
        for file in self._beside():
            if _generation_of(file) == self._generation:
                self._rest = Lines(Content.open(file), self._source, offset=self._read_to)
                self._rest_file = file
                return
        self._lose()

    def _next_of_rest(self, rest: Lines, limit: int) -> list[Record]:
        try:
            batch = rest.next_batch(limit)
        except SourceError:  # the copy is shorter than what was read before the original was truncated
            rest.close()
            self._rest = None
            self._lose()
            return []
        self._read_to = rest.position.offset
        if not batch:
            rest.close()
            self._rest = None
            self._step_on()
        return batch

    def _step_on(self) -> None:
        """Go to the generation after the one in `_rest_file`."""
        files = self._beside()
        later = files[files.index(self._rest_file) + 1 :] if self._rest_file in files else []
        for file in (*later, self._path):
            generation = _generation_of(file)
            if generation and generation != self._generation:
                break
        self._generation, self._read_to = generation, 0

    def _lose(self) -> None:
        """Say that lines may be lost, and go to the file as it is now."""
        lost = Record(b"", Position(self._source, self._read_to), Reason.TRUNCATED, LOST)
        self._generation, self._read_to = _generation_of(self._path), 0
        self._given_to = 0
        self._ready.append((0, lost))

    def _beside(self) -> list[Path]:
        """The files rotation made of this one, oldest first."""
        name = self._path.name
        files = [
            file
            for file in self._path.parent.iterdir()
            if file.name.startswith((f"{name}.", f"{name}-")) and file.is_file()
        ]
        return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _line_length(file: IO[bytes], length: int) -> int:
    """The length of a line of which `length` bytes were read, with its end; 0 when it has none yet."""
    while more := file.read(CHUNK_BYTES):
        end = more.find(b"\n")
        if end >= 0:
            return length + end + 1
        length += len(more)
    return 0


def _first_line(file: IO[bytes]) -> str:
    file.seek(0)
    return _name_of(file.read(HEAD_BYTES))


def _generation_of(path: Path) -> str:
    """What the generation in this file is known by; "" when there is no complete first line."""
    if not path.is_file():
        return ""
    content = Content.open(path)
    try:
        head = b""
        while len(head) < HEAD_BYTES and b"\n" not in head and (chunk := content.read()):
            head += chunk
        return _name_of(head[:HEAD_BYTES])
    finally:
        content.close()


def _name_of(head: bytes) -> str:
    line, end, _ = head.partition(b"\n")
    return blake2b(line, digest_size=4).hexdigest() if end or len(head) == HEAD_BYTES else ""
