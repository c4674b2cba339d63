"""Keys of bundles: Ed25519 in PEM, the private one for whoever trains, the public one for whoever judges."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from models.errors import BundleError


def generate_key() -> Ed25519PrivateKey:
    """A new key, from the operating system's randomness."""
    return Ed25519PrivateKey.generate()


def fingerprint(key: Ed25519PublicKey) -> str:
    """What tells one key from another: the SHA-256 of its 32 bytes, in hexadecimal."""
    return sha256(key.public_bytes_raw()).hexdigest()


def write_key(path: Path) -> Ed25519PublicKey:
    """Make a new key: the private part in `path`, which its owner alone may read, the public one beside it, `path`.pub.

    Raises:
        BundleError: one of the files is there already, or cannot be written.
    """
    key = generate_key()
    public = key.public_key()
    beside = path.with_name(f"{path.name}.pub")
    if beside.exists():
        raise BundleError(f"{beside}: there is a key already; name another file, or move this one away")
    try:
        _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        _write(beside, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    except FileExistsError as error:
        raise BundleError(f"{path}: there is a key already; name another file, or move this one away") from error
    except OSError as error:
        raise BundleError(f"{path}: the key cannot be written ({error.strerror}); check the folder") from error
    return public


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`; BundleError when there is none."""
    body = _read(path)
    try:
        key = load_pem_private_key(body, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleError(
            f"{path}: no private key in PEM without a password; make one by innerwatch bundles key"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{path}: a key of another kind; bundles are signed with Ed25519")
    return key


def read_public_keys(paths: Sequence[Path]) -> tuple[Ed25519PublicKey, ...]:
    """The keys in `paths`, one a file, in order; BundleError when one is none."""
    return tuple(_read_public(path) for path in paths)


def _read_public(path: Path) -> Ed25519PublicKey:
    body = _read(path)
    try:
        key = load_pem_public_key(body)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(f"{path}: no public key in PEM; give the file that ends in .pub") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{path}: a key of another kind; bundles are signed with Ed25519")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(65_536)
    except OSError as error:
        raise BundleError(
            f"{path}: the key cannot be read ({error.strerror}); check the path and its rights"
        ) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
