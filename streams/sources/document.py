"""Many records in one JSON document, such as CloudTrail's {"Records": [...]}."""

from __future__ import annotations

from pathlib import Path

import msgspec

from streams.errors import SourceError
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.content import Content
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES

MAX_DOCUMENT_BYTES = 256 << 20  # uncompressed; CloudTrail's own files stay below 50 MB

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Document:
    """The elements of the list at `envelope` (a dotted path, "" for the document itself).

    A position's offset is the element's index. A document that is no JSON, has no such list, is too large or
    was cut short gives one flawed record at index 0, so that it is counted and kept. `SourceError` when it
    cannot be read.
    """

    def __init__(self, path: str, envelope: str, *, offset: int = 0, max_bytes: int = MAX_DOCUMENT_BYTES) -> None:
        self._name = path
        self._records = self._load(path, envelope, max_bytes)
        self._size = Path(path).stat().st_size
        self._offset = offset
        if offset > len(self._records):
            raise SourceError(
                f"{path}: cannot resume at element {offset} of {len(self._records)}: "
                "the file is not the one it was; give the old file or begin with new state"
            )

    @property
    def position(self) -> Position:
        """After the last element given."""
        return Position(self._name, self._offset)

    @property
    def finished(self) -> bool:
        """Whether every element was given."""
        return self._offset >= len(self._records)

    @property
    def progress(self) -> tuple[int, int]:
        """The share of elements given, in bytes of the file, and the file's size."""
        return self._size * self._offset // max(1, len(self._records)), self._size

    def next_batch(self, limit: int) -> list[Record]:
        """The next `limit` elements at most."""
        batch = self._records[self._offset : self._offset + limit]
        self._offset += len(batch)
        return batch

    def close(self) -> None:
        """Let go of the document."""
        self._records = self._records[: self._offset]

    def _load(self, path: str, envelope: str, max_bytes: int) -> list[Record]:
        content = Content.open(path)
        try:
            text = _read(content, max_bytes)
        finally:
            content.close()
        if len(text) > max_bytes:
            return [self._flawed(text, Reason.TOO_LARGE, f"the document is longer than {max_bytes} bytes")]
        if content.flaw:
            return [self._flawed(text, Reason.TRUNCATED, content.flaw)]
        if not text.strip():
            return []
        try:
            elements = _elements(text.removeprefix(b"\xef\xbb\xbf"), envelope)
        except KeyError:
            return [self._flawed(text, Reason.INVALID, f"Expected a list - at `$.{envelope}`")]
        except (msgspec.DecodeError, RecursionError, ValueError):
            return [self._flawed(text, Reason.NOT_JSON, f"Expected a JSON document with a list - at `$.{envelope}`")]
        return [self._element(index, bytes(raw)) for index, raw in enumerate(elements)]

    def _element(self, index: int, raw: bytes) -> Record:
        position = Position(self._name, index)
        if len(raw) > MAX_RECORD_BYTES:
            return Record(raw[:KEPT_BYTES], position, Reason.TOO_LARGE, f"longer than {MAX_RECORD_BYTES} bytes")
        return Record(raw, position)

    def _flawed(self, text: bytes, reason: Reason, detail: str) -> Record:
        return Record(text[:KEPT_BYTES], Position(self._name, 0), reason, detail)


def _read(content: Content, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size <= max_bytes and (chunk := content.read()):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _elements(text: bytes, envelope: str) -> list[msgspec.Raw]:
    raw = msgspec.Raw(text)
    for key in envelope.split(".") if envelope else ():
        raw = _decode_object(raw)[key]
    return _decode_list(raw)
