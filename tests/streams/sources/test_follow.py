from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

from streams import Follow, Position, Reason, SourceError
from streams.sources.source import MAX_RECORD_BYTES


class Writer:
    """A log that is written and rotated; every file gets its own second."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.second = 1000
        self.count = 0

    def write(self, lines: int, end: bytes = b"\n") -> None:
        with self.path.open("ab") as file:
            for n in range(lines):
                self.count += 1
                file.write(b'{"n":%d}' % self.count + (end if n == lines - 1 else b"\n"))
        self._stamp(self.path)

    def rename(self, name: str = "app.log.1") -> None:
        self.path.rename(self.path.with_name(name))

    def copy_and_truncate(self, name: str = "app.log.1") -> None:
        shutil.copy(self.path, self.path.with_name(name))
        self._stamp(self.path.with_name(name))
        self.path.write_bytes(b"")
        self._stamp(self.path)

    def compress(self, name: str = "app.log.1") -> None:
        old = self.path.with_name(name)
        packed = self.path.with_name(f"{name}.gz")
        packed.write_bytes(gzip.compress(old.read_bytes()))
        stat = old.stat()
        os.utime(packed, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        old.unlink()

    def _stamp(self, path: Path) -> None:
        self.second += 1
        os.utime(path, (self.second, self.second))


@pytest.fixture
def log(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def take(source: Follow, limit: int = 3) -> list[int]:
    out: list[int] = []
    while batch := source.next_batch(limit):
        out += [int(record.raw.split(b":")[1][:-1]) if not record.flaw else -1 for record in batch]
    return out


def test_lines_come_as_they_are_written(log: Writer) -> None:
    source = Follow(str(log.path))
    assert take(source) == []
    log.write(2)
    assert take(source) == [1, 2]
    assert take(source) == []
    log.write(3)
    assert take(source) == [3, 4, 5]
    assert not source.finished


def test_a_partial_last_line_waits_for_its_end(log: Writer) -> None:
    source = Follow(str(log.path))
    log.write(2, end=b"")
    assert take(source) == [1]
    with log.path.open("ab") as file:
        file.write(b"\n")
    assert take(source) == [2]


@pytest.mark.parametrize("rotate", [Writer.rename, Writer.copy_and_truncate])
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_rotation_loses_nothing_and_repeats_nothing(log: Writer, rotate: object, restart: bool, packed: bool) -> None:
    source = Follow(str(log.path))
    log.write(4)
    assert take(source) == [1, 2, 3, 4]
    log.write(3, end=b"")
    rotate(log)  # type: ignore[operator]
    if packed:
        log.compress()
    if restart:
        source = Follow(str(log.path), source.position)
    log.write(2)
    assert take(source) == [5, 6, 7, 8, 9]
    log.write(1)
    assert take(source) == [10]


def test_several_rotations_while_nobody_looked_are_read_in_order(log: Writer) -> None:
    source = Follow(str(log.path))
    log.write(2)
    first = source.next_batch(1)
    log.rename("app.log.3")
    log.write(2)
    log.rename("app.log.2")
    log.write(2)
    log.copy_and_truncate("app.log.1")
    log.write(1)
    assert len(first) == 1
    resumed = Follow(str(log.path), source.position)
    assert take(resumed, 1) == take(source, 100) == [2, 3, 4, 5, 6, 7]


def test_a_lost_generation_is_said_and_the_stream_goes_on(log: Writer) -> None:
    source = Follow(str(log.path))
    log.write(2)
    assert take(source) == [1, 2]
    log.path.unlink()
    log.write(2)
    (lost,) = source.next_batch(1)
    assert lost.flaw is Reason.TRUNCATED
    assert "may be lost" in lost.detail
    assert take(Follow(str(log.path), source.position)) == take(source) == [3, 4]


def test_a_copy_shorter_than_what_was_read_does_not_stop_the_stream(log: Writer) -> None:
    source = Follow(str(log.path))
    log.write(2)
    shutil.copy(log.path, log.path.with_name("app.log.1"))
    log.write(2)
    assert take(source) == [1, 2, 3, 4]
    log.path.write_bytes(b"")
    log.write(1)
    assert take(source) == [-1, 5]


def test_while_the_file_is_away_the_source_waits(log: Writer) -> None:
    source = Follow(str(log.path))
    log.write(1)
    assert take(source) == [1]
    log.rename()
    assert take(source) == []
    assert source.progress[1] == 0
    log.write(1)
    assert take(source) == [2]


def test_any_position_resumes(log: Writer) -> None:
    log.write(5)
    log.rename()
    source = Follow(str(log.path), Follow(str(log.path)).position)
    log.write(5)
    assert take(source) == [6, 7, 8, 9, 10]
    for given in range(1, 5):
        first = Follow(str(log.path))
        first.next_batch(given)
        assert take(Follow(str(log.path), first.position)) == list(range(6 + given, 11))


def test_a_line_too_long_is_flawed_once_it_ends(log: Writer) -> None:
    log.write(1)
    source = Follow(str(log.path))
    with log.path.open("ab") as file:
        file.write(b"x" * (5 * MAX_RECORD_BYTES))
    assert take(source) == [1]
    with log.path.open("ab") as file:
        file.write(b"\n")
    log.write(1)
    (large,) = source.next_batch(1)
    assert large.flaw is Reason.TOO_LARGE
    assert take(Follow(str(log.path), source.position)) == take(source) == [2]


def test_a_position_in_another_file_is_refused(log: Writer) -> None:
    with pytest.raises(SourceError, match="another file"):
        Follow(str(log.path), Position("other.log#12345678", 4))
