from __future__ import annotations

import stat
from pathlib import Path

import pytest

from streams import TokenError, Tokens, load_or_create_key


def test_a_token_depends_on_key_kind_and_value() -> None:
    tokens = {
        Tokens(key).token(kind, value)
        for key in (b"k" * 32, b"l" * 32)
        for kind in ("subject", "actor")
        for value in ("C-1", "C-2", "")
    }
    assert len(tokens) == 12
    assert all(len(token) == 16 and set(token) <= set("0123456789abcdef") for token in tokens)


def test_a_serial_keeps_steps_and_hides_numbers() -> None:
    one, other = Tokens(b"k" * 32), Tokens(b"l" * 32)
    assert one.serial("C-1007") - one.serial("P1000") == 7
    assert one.serial("C-1007") != other.serial("C-1007")
    assert one.serial("C-1007") - one.serial("C-1000") == other.serial("C-1007") - other.serial("C-1000")
    assert one.serial("1007") > 10_000


@pytest.mark.parametrize("value", ["", "C-88312X", "١٢٣", "²"])
def test_without_a_number_at_the_end_there_is_no_serial(value: str) -> None:
    assert Tokens(b"k" * 32).serial(value) == -1


def test_the_longest_serial_fits_64_bits() -> None:
    for key in (bytes([n]) * 32 for n in range(50)):
        assert 0 <= Tokens(key).serial("9" * 200) < 2**63
        assert Tokens(key).serial("9" * 30) == Tokens(key).serial("9" * 18)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_key_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(TokenError, match="16 to 64 bytes"):
        Tokens(b"k" * size)


def test_a_missing_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    assert load_or_create_key(tmp_path / "other") != key


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("ab" * 32, 0o604, "chmod 600"),
        ("ab" * 32, 0o660, "chmod 600"),
        ("ab" * 31, 0o600, "31 bytes"),
        ("xy" * 32, 0o600, "hexadecimal"),
        ("", 0o600, "0 bytes"),
        ("é" * 64, 0o600, "token key"),
    ],
)
def test_a_bad_key_file_is_refused_in_words(tmp_path: Path, text: str, mode: int, words: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    with pytest.raises(TokenError, match=words):
        load_or_create_key(path)


def test_a_key_its_group_may_read_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("ab" * 32 + "\n")
    path.chmod(0o640)
    assert load_or_create_key(path) == b"\xab" * 32


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="token key"):
        load_or_create_key(tmp_path)
