"""What is known beside the events."""

from pathlib import Path

import numpy as np
import pytest

from detector.config import Config
from detector.context import read_context
from detector.errors import ContextError
from streams import Tokens

TOKENS = Tokens(b"0123456789abcdef")


def test_without_files_there_is_a_calendar_alone() -> None:
    context = read_context(Config(), TOKENS)
    assert context.roster == {}
    assert context.honey.size == 0
    assert context.calendar.is_working(1)


def test_planted_subjects_are_kept_as_the_tokens_that_events_carry(tmp_path: Path) -> None:
    (tmp_path / "honey.txt").write_text("C-2\nC-1\nC-2\n", encoding="utf-8")
    context = read_context(Config.model_validate({"context": {"honey": tmp_path / "honey.txt"}}), TOKENS)
    wanted = sorted(int(TOKENS.token("subject", subject), 16) for subject in ("C-1", "C-2"))
    assert context.honey.tolist() == wanted
    assert context.honey.dtype == np.uint64


def test_every_file_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("id\nE1\n", encoding="utf-8")
    (tmp_path / "days.csv").write_text("date,day\n1970-01-02,off\n", encoding="utf-8")
    config = Config.model_validate(
        {"context": {"roster": tmp_path / "roster.csv"}, "time": {"calendar": tmp_path / "days.csv"}}
    )
    context = read_context(config, TOKENS)
    assert set(context.roster) == {"E1"}
    assert not context.calendar.is_working(1)


@pytest.mark.parametrize("name", ["roster", "honey"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    config = Config.model_validate({"context": {name: tmp_path / "gone"}})
    with pytest.raises(ContextError, match="gone"):
        read_context(config, TOKENS)
