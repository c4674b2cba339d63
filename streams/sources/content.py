"""The bytes of a file, compressed or not."""

from __future__ import annotations

import io
import os
import select
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import zstandard

from streams.errors import SourceError

CHUNK_BYTES = 1 << 18
SLICE_BYTES = 2048  # fed to a decompressor at once: a bomb's 2 KiB grow to 64 MiB at most
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Content:
    """Reads a file or an open stream; gzip and zstd are known by their first bytes, whatever the name says.

    `read` gives the next uncompressed bytes, b"" at the end. After the end, `flaw` says in words why a
    compressed stream stopped early ("" when it did not). `consumed` counts bytes as they lie on disk.
    """

    def __init__(self, file: io.BufferedIOBase, name: str) -> None:
        self._file = file
        self._name = name
        self.consumed = 0
        self.flaw = ""
        self._pipe = _pipe_of(file)
        self._head = b""
        while len(self._head) < len(ZSTD_MAGIC) and (data := self._read_file(CHUNK_BYTES)):
            self._head += data
        if self._head.startswith(GZIP_MAGIC):
            self._plain = False
            self._chunks = self._inflate_gzip()
        elif self._head.startswith(ZSTD_MAGIC):
            self._plain = False
            self._chunks = self._inflate_zstd()
        else:
            self._plain = True
            self._chunks = self._raw_chunks()

    @classmethod
    def open(cls, path: str | Path) -> Content:
        """The content of the file `path`; `SourceError` when it cannot be opened."""
        try:
            return cls(Path(path).open("rb"), str(path))
        except OSError as error:
            raise SourceError(
                f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
            ) from error

    def read(self) -> bytes:
        """The next bytes, uncompressed; b"" at the end. Raises `SourceError` when the disk fails."""
        return next(self._chunks, b"")

    def waits(self) -> bool:
        """Whether `read` would wait for whoever writes to this pipe; never for a file."""
        return self._pipe >= 0 and not self._head and not select.select([self._pipe], [], [], 0)[0]

    def skip(self, count: int) -> bytes:
        """Read past `count` uncompressed bytes; the last byte passed, b"" when there were fewer."""
        if self._plain and self._file.seekable() and count > len(self._head):
            self._file.seek(count - 1)
            self.consumed = count - 1
            self._head = self._read_file(CHUNK_BYTES)
            count = 1
        last = b""
        while count > 0 and (chunk := self.read()):
            if len(chunk) > count:
                self.put_back(chunk[count:])
            last = chunk[:count][-1:]
            count -= len(chunk)
        return last if count <= 0 else b""

    def put_back(self, chunk: bytes) -> None:
        """Let `read` give `chunk` first."""
        self._chunks = _before(chunk, self._chunks)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_file(self, size: int) -> bytes:
        try:
            data = self._file.read1(size)  # what a pipe has now, not what it may have later
        except OSError as error:
            raise SourceError(f"{self._name}: cannot be read ({error.strerror}); check the disk") from error
        self.consumed += len(data)
        return data

    def _raw_chunks(self) -> Iterator[bytes]:
        data, self._head = self._head, b""
        while data:
            yield data
            data, self._head = self._head or self._read_file(CHUNK_BYTES), b""

    def _slices(self) -> Iterator[bytes]:
        for chunk in self._raw_chunks():
            for start in range(0, len(chunk), SLICE_BYTES):
                yield chunk[start : start + SLICE_BYTES]

    def _inflate_gzip(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=31)
        try:
            for data in self._slices():
                rest = data
                while rest:
                    if inflater.eof:  # another member follows, or zeros that pad a tape
                        rest = rest.lstrip(b"\0")
                        if not rest:
                            break
                        inflater = zlib.decompressobj(wbits=31)
                    if out := inflater.decompress(rest):
                        yield out
                    rest = inflater.unused_data
        except zlib.error:
            self.flaw = "the gzip stream is damaged"
        else:
            self.flaw = "" if inflater.eof else "the gzip stream ends early"

    def _inflate_zstd(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor()
        inflater = decompressor.decompressobj()
        try:
            for data in self._slices():
                rest = data
                while rest:
                    if inflater.eof:
                        inflater = decompressor.decompressobj()
                    if out := inflater.decompress(rest):
                        yield out
                    rest = inflater.unused_data if inflater.eof else b""
        except zstandard.ZstdError:
            self.flaw = "the zstd stream is damaged"
        else:
            self.flaw = "" if inflater.eof else "the zstd stream ends early"


def _before(chunk: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield chunk
    yield from chunks


def _pipe_of(file: io.BufferedIOBase) -> int:
    """The descriptor of a pipe, socket or terminal; -1 for anything that never waits."""
    try:
        descriptor = file.fileno()
    except io.UnsupportedOperation:
        return -1
    return -1 if stat.S_ISREG(os.fstat(descriptor).st_mode) else descriptor
