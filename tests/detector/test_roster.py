"""The roster and the lists of subjects."""

from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from detector.errors import ContextError
from detector.roster import Person, read_roster, read_subjects


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "\ufeffid,name,role,department,hired,leaves,host,zone,shift,leave,unknown\n"
        "E1, Li ,adjuster,B03,2020-01-02,2026-12-31,WS-1; WS-2,Europe/London,22:00-06:00,"
        "2026-03-02/2026-03-06;2026-05-01,x\n",
    )
    assert read_roster(path) == {
        "E1": Person(
            id="E1",
            name="Li",
            role="adjuster",
            department="B03",
            hired=date(2020, 1, 2),
            leaves=date(2026, 12, 31),
            host=("WS-1", "WS-2"),
            zone=ZoneInfo("Europe/London"),
            shift=(time(22), time(6)),
            leave=((date(2026, 3, 2), date(2026, 3, 6)), (date(2026, 5, 1), date(2026, 5, 1))),
        )
    }


def test_an_id_is_enough(tmp_path: Path) -> None:
    assert read_roster(written(tmp_path, "id\nE1\n")) == {"E1": Person("E1")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name\nLi\n", "no column 'id'"),
        ("", "no column 'id'"),
        ("id\nE1\nE1\n", r"roster\.csv:3: 'E1' is listed twice"),
        ("id,role\n,clerk\n", r"roster\.csv:2: the column 'id' is empty"),
        ("id,hired\nE1,yesterday\n", r"roster\.csv:2: hired is 'yesterday'"),
        ("id,zone\nE1,Mars/Base\n", r"roster\.csv:2: zone is 'Mars/Base'"),
        ("id,shift\nE1,nights\n", r"roster\.csv:2: shift is 'nights'"),
        ("id,shift\nE1,08:00-16:00-17:00\n", "expected two times"),
        ("id,leave\nE1,2026-03-06/2026-03-02\n", "expected a first and last day"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ContextError, match=complaint):
        read_roster(written(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(b"id\n\xff\xfe\n")
    for read in (read_roster, read_subjects):
        with pytest.raises(ContextError, match=r"roster\.csv: cannot read"):
            read(path)


@pytest.mark.parametrize(
    ("shift", "inside", "outside"),
    [
        ((time(8), time(16)), (8, 12, 15), (7, 16, 23)),
        ((time(22), time(6)), (22, 23, 0, 5), (6, 12, 21)),
        ((time(8, 30), time(16, 30)), (8, 16), (7, 17)),
    ],
)
def test_a_shift_holds_the_hours_that_it_touches(
    shift: tuple[time, time], inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    person = Person("E1", shift=shift)
    assert all(person.on_shift(hour) for hour in inside)
    assert not any(person.on_shift(hour) for hour in outside)


def test_without_a_shift_no_hour_is_said_to_lie_on_it() -> None:
    assert Person("E1").on_shift(9) is None


def test_leave_includes_its_first_and_last_day() -> None:
    person = Person("E1", leave=((date(2026, 3, 2), date(2026, 3, 6)),))
    assert [person.on_leave(date(2026, 3, day)) for day in (1, 2, 6, 7)] == [False, True, True, False]


def test_a_list_of_subjects_skips_blank_lines_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "honey.txt"
    path.write_text("\ufeff# planted\nC-1\n\n  C-2  \n  # more\n", encoding="utf-8")
    assert read_subjects(path) == ("C-1", "C-2")
