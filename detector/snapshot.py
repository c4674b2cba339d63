"""A snapshot: named arrays in one piece that is whole or is refused."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from detector.errors import CheckpointError

SCHEMA: Final = b"innerwatch-state/1\n"
DIGEST_BYTES: Final = 32
LEVEL: Final = 1
"""Of zstd: the filters and counters of a quiet shard are mostly zeros, and more effort gains a tenth."""
MAP: Final = b"\xdf"
"""How MessagePack begins a map; four bytes say how many entries follow."""
PLAIN: Final = "biufU"
"""Kinds of numpy types that are numbers and text. Objects are never written and never read."""

State = dict[str, NDArray[Any]]


class _Array(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    shape: tuple[int, ...]
    data: memoryview  # no copy of the array, nor of what was read


def packed(state: Mapping[str, NDArray[Any]]) -> tuple[bytes, str]:
    """A state as bytes, and the SHA-256 of its arrays in hexadecimal.

    The layout is a line naming the schema, the SHA-256 of the rest, and MessagePack of every array's type, shape and
    bytes, compressed by zstd. The same state gives the same bytes.
    """
    # Array by array, so that the whole is never in memory uncompressed: that would cost as much as the state itself.
    stream = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    pieces = [stream.compress(MAP + len(state).to_bytes(4, "big"))]
    for name, array in state.items():
        pieces.append(stream.compress(msgspec.msgpack.encode(name)))
        pieces.append(stream.compress(msgspec.msgpack.encode(_packed(array))))
    body = b"".join((*pieces, stream.flush()))
    digest = sha256(body)
    return b"".join((SCHEMA, digest.digest(), body)), digest.hexdigest()


def unpacked(content: bytes, where: str, expected: str | None = None) -> State:
    """The state in bytes, checked against their own checksum and, if given, the ``expected`` one.

    Raises:
        CheckpointError: they are damaged, of another schema, or not what was expected; ``where`` begins the message.
    """
    if not content.startswith(SCHEMA):
        kind = "of another schema" if content.startswith(SCHEMA.partition(b"/")[0]) else "damaged or no state"
        raise CheckpointError(f"{where}: the state is {kind}; use the release that wrote it, or restore a backup")
    start = len(SCHEMA) + DIGEST_BYTES
    digest, body = content[len(SCHEMA) : start], content[start:]
    found = sha256(body)
    if found.digest() != digest or expected not in (None, found.hexdigest()):
        raise CheckpointError(f"{where}: the state is damaged: its checksum is wrong")
    try:
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        arrays = msgspec.msgpack.decode(plain, type=dict[str, _Array])
        return {name: _unpacked(array) for name, array in arrays.items()}
    except (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError) as error:
        raise CheckpointError(f"{where}: the state cannot be read ({error})") from error


def write_snapshot(path: Path, state: Mapping[str, NDArray[Any]]) -> str:
    """Replace the file at ``path`` by the state, all or nothing, also through a power cut; mode 0600.

    Returns:
        the SHA-256 of the arrays, in hexadecimal.

    Raises:
        CheckpointError: the folder is missing, full or not writable; a file that was there is as before.
    """
    content, digest = packed(state)
    draft = path.with_name(f".{path.name}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CheckpointError(
            f"{path}: cannot write the state ({error.strerror}); make room or check the folder, then start again: "
            "nothing is lost"
        ) from error
    return digest


def read_snapshot(path: Path, expected: str | None = None) -> State:
    """The state in a file; see ``unpacked``.

    Raises:
        CheckpointError: the file is missing, damaged, of another schema, or not the one that was expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the state ({error.strerror})") from error
    return unpacked(content, str(path), expected)


def _packed(array: NDArray[Any]) -> _Array:
    plain = np.ascontiguousarray(array)
    if plain.dtype.kind not in PLAIN:
        raise TypeError(f"state of type {plain.dtype}: only numbers and text are kept")
    return _Array(plain.dtype.str, array.shape, plain.view(np.uint8).reshape(-1).data)


def _unpacked(array: _Array) -> NDArray[Any]:
    dtype = np.dtype(array.kind)
    if dtype.kind not in PLAIN:
        raise ValueError(f"an array of type {array.kind!r}")
    return np.frombuffer(array.data, dtype).reshape(array.shape).copy()


def _sync_folder(folder: Path) -> None:
    # The rename itself lasts only once the folder's entry is on disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
