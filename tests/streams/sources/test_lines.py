from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from streams import Reason, Record, SourceError
from streams.sources.lines import Lines
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES


def read(path: Path, limit: int = 100, offset: int = 0) -> list[Record]:
    source = Lines.open(str(path), offset)
    records: list[Record] = []
    while not source.finished:
        records += source.next_batch(limit)
    source.close()
    return records


def write(folder: Path, data: bytes, name: str = "a") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("size", [MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 3 * MAX_RECORD_BYTES])
def test_a_line_that_is_too_long_becomes_one_flawed_record_and_the_stream_goes_on(tmp_path: Path, size: int) -> None:
    records = read(write(tmp_path, b"1\n" + b"x" * size + b"\n2\n"))
    assert [record.position.offset for record in records] == [0, 2, size + 3]
    assert records[2].raw == b"2"
    if size > MAX_RECORD_BYTES:
        assert records[1].flaw is Reason.TOO_LARGE
        assert len(records[1].raw) == KEPT_BYTES
    else:
        assert records[1].flaw is None
        assert len(records[1].raw) == size


def test_a_line_that_never_ends_is_one_flawed_record(tmp_path: Path) -> None:
    records = read(write(tmp_path, b"x" * (4 * MAX_RECORD_BYTES)))
    assert [record.flaw for record in records] == [Reason.TOO_LARGE]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (gzip.compress(b"1\n2\n" * 5000, mtime=0)[:-9], "gzip stream ends early"),
        (zstandard.compress(b"1\n2\n" * 5000)[:-3], "zstd stream ends early"),
        (gzip.compress(b"1\n2\n" * 5, mtime=0)[:-5] + b"\0\0\0\0\0", "gzip stream is damaged"),
        (gzip.compress(b"1\n2\n" * 5, mtime=0) + b"rubbish", "gzip stream is damaged"),
        (zstandard.compress(b"1\n2\n" * 5) + b"rubbish", "zstd stream is damaged"),
    ],
)
def test_a_compressed_stream_that_stops_early_gives_what_was_readable_and_says_so(
    tmp_path: Path, data: bytes, word: str
) -> None:
    *readable, last = read(write(tmp_path, data))
    assert all(record.raw in (b"1", b"2") for record in readable)
    assert last.flaw is Reason.TRUNCATED
    assert word in last.detail
    assert read(tmp_path / "a", offset=last.position.offset + 1) == []


def test_a_whole_compressed_stream_says_nothing_of_the_kind(tmp_path: Path) -> None:
    for data in (gzip.compress(b"1\n2"), zstandard.compress(b"1\n2"), gzip.compress(b"1\n2") + b"\0" * 512):
        assert [(record.raw, record.flaw) for record in read(write(tmp_path, data))] == [
            (b"1", None),
            (b"2", None),
        ]


def test_compression_is_known_by_content_not_by_name(tmp_path: Path) -> None:
    assert [record.raw for record in read(write(tmp_path, b"1\n", "plain.gz"))] == [b"1"]
    assert [record.raw for record in read(write(tmp_path, gzip.compress(b"1\n"), "packed.jsonl"))] == [b"1"]


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    for data in (b"", gzip.compress(b""), b"\n\n \n"):
        assert read(write(tmp_path, data)) == []


def test_a_file_that_is_not_the_one_it_was_cannot_be_resumed(tmp_path: Path) -> None:
    path = write(tmp_path, b"one\ntwo\n")
    assert [record.raw for record in read(path, offset=4)] == [b"two"]
    assert read(path, offset=8) == []
    for offset in (3, 9, 500):
        with pytest.raises(SourceError, match="not the one it was"):
            read(path, offset=offset)
    with pytest.raises(SourceError, match="not the one it was"):
        read(write(tmp_path, gzip.compress(b"one\n"), "b"), offset=9)


def test_a_bomb_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"\0" * (64 << 20)))
    assert [record.flaw for record in read(path)] == [Reason.TOO_LARGE]
