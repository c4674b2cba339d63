"""Keyed tokens: the same identifier gives the same token, and nobody without the key can go back."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from streams.errors import TokenError

KEY_BYTES = 32
TOKEN_BYTES = 8  # 16 hexadecimal characters: two of a million customers collide with probability 3e-8
SERIAL_DIGITS = 18  # what fits in 63 bits together with the offset
DIGITS = "0123456789"
OTHERS = 0o027  # rights that nobody may have to a secret: the group to write it, others anything
MAX_REMEMBERED = 100_000  # subjects whose tokens are kept at hand


class Tokens:
    """Turns identifiers into tokens by keyed BLAKE2b (RFC 7693, section 2.9), one domain a `kind`.

    `key` has 16 to 64 bytes; `TokenError` otherwise.

    >>> tokens = Tokens(b"sixteen byte key")
    >>> tokens.token("subject", "C-88312")
    '3b5df36373c60123'
    >>> tokens.token("subject", "C-88312") == tokens.token("actor", "C-88312")
    False
    >>> tokens.serial("C-88315") - tokens.serial("C-88312")
    3
    >>> tokens.serial("no number")
    -1
    """

    def __init__(self, key: bytes) -> None:
        if not 16 <= len(key) <= 64:
            raise TokenError(f"a token key has 16 to 64 bytes, this one {len(key)}: make one with load_or_create_key")
        self._key = key
        self._hashes: dict[str, blake2b] = {}
        self._subjects: dict[str, tuple[str, int]] = {}
        self._offset = int.from_bytes(self._hash("serial").digest(), "big") >> 2  # below 2**62

    def token(self, kind: str, value: str) -> str:
        """The token of `value` in the domain `kind` (at most 16 bytes long): 16 hexadecimal characters."""
        hash_ = (self._hashes.get(kind) or self._hash(kind)).copy()
        hash_.update(value.encode())
        return hash_.hexdigest()

    def serial(self, value: str) -> int:
        """The number that ends `value` (its last 18 digits) plus a secret offset; -1 without a number."""
        number = value[len(value.rstrip(DIGITS)) :]
        return int(number[-SERIAL_DIGITS:]) + self._offset if number else -1

    def subject(self, value: str) -> tuple[str, int]:
        """The token and the serial of a subject; those seen lately are remembered, as people come back to customers."""
        known = self._subjects.get(value)
        if known is None:
            if len(self._subjects) >= MAX_REMEMBERED:
                self._subjects.clear()
            known = self._subjects[value] = (self.token("subject", value), self.serial(value))
        return known

    def _hash(self, kind: str) -> blake2b:
        return self._hashes.setdefault(kind, blake2b(key=self._key, digest_size=TOKEN_BYTES, person=kind.encode()))


def load_or_create_key(path: str | Path) -> bytes:
    """The key in the file `path`, one line of 64 hexadecimal digits; made, for its owner alone, if missing.

    Two processes that start together get the same key. `TokenError` when the file is short, not hexadecimal,
    too open (anyone else may read it, or the group may write it) or cannot be used.
    """
    path = Path(path)
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise _unusable(path, error) from error
    return load_key(path)


def load_key(path: Path) -> bytes:
    """The key in a file that is there; `TokenError` as for `load_or_create_key`."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    if mode & OTHERS:
        raise TokenError(f"token key {path}: others can reach it (mode {mode & 0o777:04o}); run chmod 600 on it")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise TokenError(f"token key {path}: not one line of hexadecimal digits; restore it from a backup") from None
    if not KEY_BYTES <= len(key) <= 64:
        raise TokenError(
            f"token key {path}: {len(key)} bytes, but {KEY_BYTES} to 64 are needed; restore it from a backup"
        )
    return key


def _unusable(path: Path, error: Exception) -> TokenError:
    return TokenError(f"token key {path}: {error}; give a file this user can read and write")


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if another process was first: then its key is the key
        except FileExistsError:
            return
    finally:
        draft.unlink()
