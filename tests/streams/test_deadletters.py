from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from streams import (
    DeadLetterError,
    DeadLetters,
    DeadLetterSource,
    Position,
    Reason,
    Record,
    Rejected,
    StreamError,
    count_letters,
    read_letters,
)


def rejected(offset: int, reason: Reason = Reason.INVALID, raw: bytes = b"\xff\n{") -> Rejected:
    return Rejected(reason, "Expected `str` - at `$.x`", Position("a.jsonl", offset), raw)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dead.jsonl"


def test_what_is_written_is_read_back(path: Path) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    letters.write(rejected(2, Reason.FUTURE), time="2026-03-02T00:00:00Z")
    letters.close()
    first, second = read_letters(path)
    assert (first.source, first.offset, first.reason, first.time) == ("a.jsonl", 1, Reason.INVALID, None)
    assert first.detail == "Expected `str` - at `$.x`"
    assert second.time == "2026-03-02T00:00:00Z"
    assert count_letters(path) == {Reason.INVALID: 1, Reason.FUTURE: 1}
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_a_restart_the_same_record_is_not_written_twice(path: Path) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    checkpoint = letters.size
    letters.write(rejected(2))
    letters.close()
    again = DeadLetters(path)
    again.truncate(checkpoint)
    again.write(rejected(2))
    again.write(rejected(3))
    assert again.size > checkpoint
    again.close()
    assert [letter.offset for letter in read_letters(path)] == [1, 2, 3]


def test_a_line_torn_by_a_crash_is_cut_off(path: Path) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    whole = letters.size
    letters.close()
    with path.open("ab") as file:
        file.write(b'{"source":"a')
    again = DeadLetters(path)
    assert again.size == whole
    again.write(rejected(2))
    again.close()
    assert [letter.offset for letter in read_letters(path)] == [1, 2]


def test_letters_that_were_removed_are_noticed(path: Path) -> None:
    letters = DeadLetters(path)
    with pytest.raises(DeadLetterError, match="checkpoint knows 99"):
        letters.truncate(99)
    letters.close()
    letters.close()


def test_a_full_disk_is_said_in_words_and_leaves_no_half_letter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    before = letters.size
    real = os.write
    room = [20]

    def write(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StreamError, match="No space left on device"):
        letters.write(rejected(2))
    monkeypatch.undo()
    assert path.stat().st_size == before
    letters.write(rejected(3))
    letters.close()
    assert [letter.offset for letter in read_letters(path)] == [1, 3]


def test_a_replay_gives_raw_bytes_and_cut_ones_stay_flawed(path: Path) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    letters.write(rejected(2, Reason.TOO_LARGE))
    letters.close()
    source = DeadLetterSource(path)
    whole, cut = source.next_batch(9)
    assert whole == Record(b"\xff\n{", Position("a.jsonl", 1))
    assert cut.flaw is Reason.TOO_LARGE
    assert source.next_batch(1) == []
    assert source.finished


def test_key_and_envelope_are_kept_and_letters_from_before_there_were_any_are_read(path: Path) -> None:
    place = Position("events-0", 7)
    letters = DeadLetters(path)
    letters.write(Rejected(Reason.WRONG_KEY, "x", place, b"{}", b"\xff", "application/cloudevents+json"))
    letters.write(Rejected(Reason.WRONG_KEY, "x", place, b"{}", b""))
    letters.write(Rejected(Reason.INVALID, "x", place, b"{}"))
    letters.close()
    old = path.read_bytes().splitlines()[2].replace(b',"key":null,"content_type":""', b"")
    with path.open("ab") as file:
        file.write(old + b"\n")
    assert b"key" not in old
    assert DeadLetterSource(path).next_batch(9) == [
        Record(b"{}", place, key=b"\xff", content_type="application/cloudevents+json"),
        Record(b"{}", place, key=b""),
        Record(b"{}", place),
        Record(b"{}", place),
    ]


@pytest.mark.parametrize("line", [b"{}", b"rubbish", None])
def test_a_line_that_is_no_letter_is_said_in_words(path: Path, line: bytes | None) -> None:
    letters = DeadLetters(path)
    letters.write(rejected(1))
    letters.close()
    text = line or path.read_bytes().replace(b'"sha256":"', b'"sha256":"0')
    path.write_bytes(text.strip() + b"\n")
    with pytest.raises(DeadLetterError, match=r"dead letter|not the one"):
        list(read_letters(path))
    source = DeadLetterSource(path)
    with pytest.raises(DeadLetterError):
        source.next_batch(1)
    source.close()


def test_a_missing_file_is_said_in_words(path: Path) -> None:
    with pytest.raises(DeadLetterError, match="check the path"):
        count_letters(path)
