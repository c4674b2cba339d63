from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from streams import Reason, SourceError
from streams.sources.document import Document
from tests.streams.hostile import cut_gzip


def only(folder: Path, data: bytes, envelope: str = "Records", max_bytes: int = 1 << 20) -> Document:
    (folder / "doc").write_bytes(data)
    return Document(str(folder / "doc"), envelope, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"Other": []}', Reason.INVALID),
        (b'{"Records": {}}', Reason.NOT_JSON),
        (b'{"Records": [1, 2', Reason.NOT_JSON),
        (b"\xff\xfe\x00", Reason.NOT_JSON),
        (b'{"Records":' + b"[" * 100_000 + b"]" * 100_000 + b"}", Reason.NOT_JSON),
        (cut_gzip(b'{"Records": [1, 2]}', 5), Reason.TRUNCATED),
        (b'{"Records": [' + b"1," * 600_000 + b"1]}", Reason.TOO_LARGE),
    ],
)
def test_a_document_that_cannot_be_read_is_one_flawed_record(tmp_path: Path, data: bytes, reason: Reason) -> None:
    source = only(tmp_path, data)
    assert [record.flaw for record in source.next_batch(10)] == [reason]
    assert source.finished


def test_elements_keep_their_bytes(tmp_path: Path) -> None:
    source = only(tmp_path, b'\xef\xbb\xbf{"x": 1, "Records": [ {"a" : 1.0} , null]}')
    assert [record.raw.strip() for record in source.next_batch(10)] == [b'{"a" : 1.0}', b"null"]


def test_the_document_itself_may_be_the_list_and_compressed(tmp_path: Path) -> None:
    assert [record.raw for record in only(tmp_path, gzip.compress(b"[1,2]"), "").next_batch(9)] == [
        b"1",
        b"2",
    ]


def test_an_empty_file_and_an_empty_list_have_no_records(tmp_path: Path) -> None:
    for data in (b"", b" \n", b'{"Records": []}'):
        assert only(tmp_path, data).finished


def test_an_element_too_large_is_flawed_and_the_next_is_not(tmp_path: Path) -> None:
    source = only(tmp_path, b'["' + b"x" * (1 << 20) + b'", 2]', "", max_bytes=1 << 22)
    assert [record.flaw for record in source.next_batch(9)] == [Reason.TOO_LARGE, None]


def test_a_shorter_document_cannot_be_resumed(tmp_path: Path) -> None:
    only(tmp_path, b'{"Records": [1]}')
    with pytest.raises(SourceError, match="not the one it was"):
        Document(str(tmp_path / "doc"), "Records", offset=2)
