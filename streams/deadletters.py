"""The file of rejected records: kept, counted, and given again after a mend."""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from streams.errors import DeadLetterError
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.lines import Lines
from streams.sources.source import MAX_RECORD_BYTES

LETTER_BYTES = 2 * MAX_RECORD_BYTES  # a record in base64, and its position and reason
CUT = frozenset({Reason.TOO_LARGE, Reason.TRUNCATED})  # not whole: they stay rejected


class Letter(msgspec.Struct, frozen=True):
    """One line of the file; `raw` and `key` are base64, `sha256` that of the raw bytes, `time` as given."""

    source: str
    offset: int
    reason: Reason
    detail: str
    raw: str
    sha256: str
    time: str | None = None
    key: str | None = None
    content_type: str = ""


class DeadLetters:
    """Appends rejected records to `path`, one JSON object a line, readable to its owner.

    A checkpoint records `size`; a restart calls `truncate` with it, so that records met again after the
    checkpoint are not written twice. A line torn by a crash is cut off when the file is opened.
    `DeadLetterError` when the disk is full or the file cannot be used.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._size = _whole_lines(self._descriptor)
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            raise self._failed(error) from error

    @property
    def size(self) -> int:
        """Bytes written, safe on disk: what a checkpoint records."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._failed(error) from error
        return self._size

    def write(self, rejected: Rejected, time: str | None = None) -> None:
        """Append one; a write that fails leaves nothing of it behind."""
        letter = Letter(
            rejected.position.source,
            rejected.position.offset,
            rejected.reason,
            rejected.detail,
            base64.b64encode(rejected.raw).decode(),
            sha256(rejected.raw).hexdigest(),
            time,
            base64.b64encode(rejected.key).decode() if rejected.key is not None else None,
            rejected.content_type,
        )
        line = msgspec.json.encode(letter) + b"\n"
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):  # the disk filled up in the middle
                written += os.write(self._descriptor, line[written:])
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            raise self._failed(error) from error
        self._size += written

    def truncate(self, size: int) -> None:
        """Forget what was written after the file had `size` bytes; `DeadLetterError` when it has fewer."""
        if size > self._size:
            raise DeadLetterError(
                f"{self.path}: {self._size} bytes, but the checkpoint knows {size}: "
                "rejected records were removed; restore the file, or begin with new state"
            )
        os.ftruncate(self._descriptor, size)
        self._size = size

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _failed(self, error: OSError) -> DeadLetterError:
        return DeadLetterError(
            f"{self.path}: rejected records cannot be kept ({error.strerror}); make room or give another path"
        )


def read_letters(path: str | Path) -> Iterator[Letter]:
    """The letters in a file, oldest first; `DeadLetterError` when the file or a line of it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            for line in file:
                yield _letter(line, str(path))
    except OSError as error:
        raise DeadLetterError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def count_letters(path: str | Path) -> dict[Reason, int]:
    """How many letters of each reason there are, reasons in the order `Reason` lists them."""
    counts = Counter(letter.reason for letter in read_letters(path))
    return {reason: counts[reason] for reason in Reason if reason in counts}


class DeadLetterSource:
    """Gives the raw bytes of dead letters again, with the positions they came from.

    The source's own `position` counts bytes of the dead-letter file, so that a replay can be resumed.
    """

    def __init__(self, path: str | Path, resume: Position | None = None) -> None:
        self._lines = Lines.open(str(path), resume.offset if resume is not None else 0, max_record_bytes=LETTER_BYTES)

    @property
    def position(self) -> Position:
        """After the last letter given, in the dead-letter file."""
        return self._lines.position

    @property
    def finished(self) -> bool:
        """Whether every letter was given."""
        return self._lines.finished

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read of the dead-letter file, and its size."""
        return self._lines.progress

    def next_batch(self, limit: int) -> list[Record]:
        """The next letters' records at most; `DeadLetterError` for a line that is no letter."""
        return [_record(_letter(line.raw, str(line.position))) for line in self._lines.next_batch(limit)]

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def rejected_of(letter: Letter) -> Rejected:
    """What a line of the file says was rejected."""
    key = base64.b64decode(letter.key) if letter.key is not None else None
    raw, position = base64.b64decode(letter.raw), Position(letter.source, letter.offset)
    return Rejected(letter.reason, letter.detail, position, raw, key, letter.content_type)


def tried_again(rejected: Rejected) -> Record:
    """The record that was rejected, where it stood; one that is not whole keeps its flaw."""
    flaw, detail = (rejected.reason, rejected.detail) if rejected.reason in CUT else (None, "")
    return Record(rejected.raw, rejected.position, flaw, detail, rejected.key, rejected.content_type)


def _letter(line: bytes, where: str) -> Letter:
    try:
        letter = msgspec.json.decode(line, type=Letter)
        raw = base64.b64decode(letter.raw, validate=True)
        base64.b64decode(letter.key or "", validate=True)
    except (msgspec.DecodeError, ValueError) as error:
        raise DeadLetterError(f"{where}: not a dead letter; remove the line") from error
    if sha256(raw).hexdigest() != letter.sha256:
        raise DeadLetterError(f"{where}: the record is not the one that was rejected; remove the line")
    return letter


def _record(letter: Letter) -> Record:
    return tried_again(rejected_of(letter))


def _whole_lines(descriptor: int) -> int:
    """The size of the file up to its last line end."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - MAX_RECORD_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
