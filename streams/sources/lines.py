"""One record a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.errors import SourceError
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.content import Content
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES


class Lines:
    """The lines of a file, plain, gzip or zstd; blank lines are passed over.

    Offsets are bytes of the uncompressed stream. A line longer than `max_record_bytes` becomes one flawed
    record whose raw bytes are cut to 4 KiB. A compressed stream that stops early gives what was readable and
    then one empty record flawed as truncated, which takes up one byte after the end. `SourceError` when the
    file cannot be read, or when `offset` does not stand at the beginning of a line: then it is not the file
    it was.
    """

    def __init__(
        self,
        content: Content,
        name: str,
        *,
        offset: int = 0,
        total: int = 0,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self._content = content
        self._name = name
        self._offset = offset
        self._total = total
        self._max_bytes = max_record_bytes
        self._finished = False
        self._stream = self._records()

    @classmethod
    def open(cls, path: str, offset: int = 0, *, max_record_bytes: int = MAX_RECORD_BYTES) -> Lines:
        """The lines of the file `path` from the byte `offset` on."""
        content = Content.open(path)
        total = Path(path).stat().st_size
        return cls(content, path, offset=offset, total=total, max_record_bytes=max_record_bytes)

    @property
    def position(self) -> Position:
        """After the last line given."""
        return Position(self._name, self._offset)

    @property
    def finished(self) -> bool:
        """Whether the end was reached."""
        return self._finished

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read of the file, and its size."""
        return self._content.consumed, self._total

    def next_batch(self, limit: int) -> list[Record]:
        """The next `limit` lines at most; of a pipe the lines it has now, or it waits for the first."""
        batch: list[Record] = []
        for record in self._stream:
            if record is not None:
                batch.append(record)
            if len(batch) >= limit or (record is None and batch):
                break
        return batch

    def close(self) -> None:
        """Close the file."""
        self._content.close()

    def _records(self) -> Iterator[Record | None]:
        """The records, and None where the next would have to be waited for."""
        try:
            if self._offset == 0 or self._resumes():
                yield from self._read()
            self._finished = True
        finally:
            self._content.close()

    def _read(self) -> Iterator[Record | None]:
        rest = b""
        while chunk := self._content.read():
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield from self._line(line, len(line) + 1)
            if len(rest) > self._max_bytes:
                yield from self._overlong(rest)
                rest = b""
            if self._content.waits():
                yield None
        if rest:
            yield from self._line(rest, len(rest))
        if self._content.flaw:
            self._offset += 1
            yield Record(b"", Position(self._name, self._offset - 1), Reason.TRUNCATED, self._content.flaw)

    def _line(self, line: bytes, length: int) -> Iterator[Record]:
        start = self._offset
        self._offset += length
        if len(line) > self._max_bytes:
            yield too_large(line, Position(self._name, start), self._max_bytes)
        elif line and not line.isspace():
            yield Record(line, Position(self._name, start))

    def _overlong(self, head: bytes) -> Iterator[Record]:
        """Pass over the rest of a line that is already too long, keeping its beginning."""
        length = len(head)
        after = b""
        while chunk := self._content.read():
            end = chunk.find(b"\n")
            if end >= 0:
                after, length = chunk[end + 1 :], length + end + 1
                break
            length += len(chunk)
        if after:
            self._content.put_back(after)
        start = self._offset
        self._offset += length
        yield too_large(head, Position(self._name, start), self._max_bytes)

    def _resumes(self) -> bool:
        """Whether there is more after the offset to resume at."""
        last = self._content.skip(self._offset)
        if last == b"\n" or (last and not self._content.read()):  # the last line may lack a line end
            return True
        if not last and self._content.flaw:  # the mark of the truncation, one byte after the end, was given
            return False
        raise SourceError(
            f"{self._name}: cannot resume at byte {self._offset}, no line begins there: "
            "the file is not the one it was; give the old file or begin with new state"
        )


def too_large(line: bytes, position: Position, max_bytes: int) -> Record:
    """The flawed record that stands for a line longer than `max_bytes`."""
    return Record(line[:KEPT_BYTES], position, Reason.TOO_LARGE, f"longer than {max_bytes} bytes")
