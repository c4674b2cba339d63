from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from streams import SourceError
from streams.sources.content import CHUNK_BYTES, Content

DATA = b"".join(b"%07d\n" % n for n in range(CHUNK_BYTES // 2))  # four chunks


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("count", [0, 1, 8, CHUNK_BYTES, CHUNK_BYTES + 8, len(DATA) - 8, len(DATA), len(DATA) + 1])
def test_what_is_skipped_is_not_read_and_nothing_else_is_lost(tmp_path: Path, pack: object, count: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(pack(DATA))  # type: ignore[operator]
    content = Content.open(path)
    last = content.skip(count)
    assert last == (DATA[count - 1 : count] if count else b"")
    rest = b""
    while chunk := content.read():
        rest += chunk
    assert rest == DATA[count:]
    assert content.flaw == ""
    assert not content.waits()
    if count <= len(DATA):
        assert content.consumed == path.stat().st_size
    content.close()


def test_what_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(SourceError, match="check the path"):
            Content.open(path)
