from __future__ import annotations

from pathlib import Path

import pytest

from streams import Framing, Position, SourceError, open_sources


def _raws(source: object) -> list[bytes]:
    out: list[bytes] = []
    while not source.finished:  # type: ignore[attr-defined]
        out += [record.raw for record in source.next_batch(2)]  # type: ignore[attr-defined]
    return out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs" / "2026").mkdir(parents=True)
    for name in ("b", "a", "2026/c", ".hidden"):
        (tmp_path / "logs" / name).write_text(f"{name}1\n{name}2\n")
    return tmp_path


def test_a_folder_is_read_in_order_of_name_without_hidden_files(folder: Path) -> None:
    assert _raws(open_sources([folder / "logs"])) == [b"2026/c1", b"2026/c2", b"a1", b"a2", b"b1", b"b2"]


def test_inputs_are_read_in_the_order_given(folder: Path) -> None:
    assert _raws(open_sources([folder / "logs/b", folder / "logs/a"])) == [b"b1", b"b2", b"a1", b"a2"]


def test_documents_are_chained_like_lines(folder: Path) -> None:
    for name in ("x", "y"):
        (folder / name).write_text(f'{{"Records":[{{"n":"{name}"}},{{}}]}}')
    source = open_sources([folder / "x", folder / "y"], Framing("document", "Records"))
    assert _raws(source) == [b'{"n":"x"}', b"{}", b'{"n":"y"}', b"{}"]


def test_what_cannot_be_opened_is_said_in_words(folder: Path) -> None:
    (folder / "none").mkdir()
    for paths, words in (
        ([folder / "missing"], "no such file or folder"),
        ([folder / "none"], "a folder without files"),
        ([], "no input"),
        ([folder / "logs/a", folder / "logs"], "named twice"),
    ):
        with pytest.raises(SourceError, match=words):
            open_sources(paths)


def test_a_position_in_another_input_is_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match="is not among the inputs"):
        open_sources([folder / "logs"], resume=Position("elsewhere", 3))


def test_a_file_that_vanished_between_listing_and_reading_is_said_in_words(folder: Path) -> None:
    source = open_sources([folder / "logs"])
    (folder / "logs/b").unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        _raws(source)
