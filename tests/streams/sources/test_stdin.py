from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from streams import SourceError, open_sources
from streams.sources.lines import Lines
from streams.sources.stdin import open_stdin


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=file))
        yield writer


def test_lines_of_a_pipe_come_as_they_are_written(pipe: int) -> None:
    os.write(pipe, b"one\ntwo\nthr")
    source = open_stdin()
    assert [record.raw for record in source.next_batch(100)] == [b"one", b"two"]
    os.write(pipe, b"ee\n")
    assert [record.raw for record in source.next_batch(100)] == [b"three"]
    os.write(pipe, b"four")
    os.close(pipe)
    assert [record.raw for record in source.next_batch(100)] == [b"four"]
    assert source.next_batch(100) == []
    assert source.finished


def test_a_compressed_pipe_is_read_too(pipe: int) -> None:
    os.write(pipe, gzip.compress(b"one\ntwo\n"))
    os.close(pipe)
    source = open_sources(["-"])
    got: list[bytes] = []
    while not source.finished:
        got += [record.raw for record in source.next_batch(1)]
    assert got == [b"one", b"two"]
    assert source.progress[1] == 0


def _resumed(monkeypatch: pytest.MonkeyPatch, data: bytes, offset: int) -> Lines:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    return open_stdin(offset)


def test_a_pipe_that_gives_the_same_bytes_again_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [record.raw for record in _resumed(monkeypatch, b"one\ntwo\n", 4).next_batch(9)] == [b"two"]


def test_a_pipe_with_other_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"first\nsecond\n", b"1\n"):
        with pytest.raises(SourceError, match="not the one it was"):
            _resumed(monkeypatch, data, 4).next_batch(9)
