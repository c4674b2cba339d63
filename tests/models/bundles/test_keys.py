"""Keys of bundles in files."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from models.bundles import BundleError, fingerprint, generate_key, read_private_key, read_public_keys, write_key


def test_a_key_is_written_in_two_files_and_read_again(tmp_path: Path) -> None:
    public = write_key(tmp_path / "bundle.pem")
    private = read_private_key(tmp_path / "bundle.pem")
    assert fingerprint(private.public_key()) == fingerprint(public)
    (read,) = read_public_keys([tmp_path / "bundle.pem.pub"])
    read.verify(private.sign(b"x"), b"x")
    assert stat.S_IMODE((tmp_path / "bundle.pem").stat().st_mode) == 0o600
    assert b"PRIVATE" not in (tmp_path / "bundle.pem.pub").read_bytes()


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    write_key(tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(BundleError, match="there is a key already"):
        write_key(tmp_path / "a")
    (tmp_path / "a.pub").unlink()
    with pytest.raises(BundleError, match="there is a key already"):
        write_key(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before
    assert not (tmp_path / "a.pub").exists()


def test_keys_differ() -> None:
    assert fingerprint(generate_key().public_key()) != fingerprint(generate_key().public_key())


def test_what_is_no_key_is_refused_in_words_that_do_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    curve = generate_curve_key(SECP256R1())
    for body in (
        b"",
        b"hunter2",
        curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        generate_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")),
    ):
        path.write_bytes(body)
        with pytest.raises(BundleError, match="key") as refused:
            read_private_key(path)
        assert "hunter2" not in str(refused.value)
    for body in (b"", b"hunter2", curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        path.write_bytes(body)
        with pytest.raises(BundleError, match="key"):
            read_public_keys([path])


def test_a_private_key_where_a_public_one_belongs_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "a")
    with pytest.raises(BundleError, match=r"ends in \.pub"):
        read_public_keys([tmp_path / "a"])


def test_a_file_that_is_not_there_or_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read_private_key(tmp_path / "none")
    with pytest.raises(BundleError, match="cannot be read"):
        read_public_keys([tmp_path / "none"])
    with pytest.raises(BundleError, match="cannot be written"):
        write_key(tmp_path / "none" / "key")
