"""What a spreadsheet reads is what was written, as text."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from alerts.api.spreadsheet import FORMULAS, cell, csv_of

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_every_text_comes_back_and_none_begins_a_formula(texts: list[str]) -> None:
    columns = [f"c{number}" for number in range(len(texts))]
    written = csv_of(columns, [dict(zip(columns, texts, strict=True))])
    header, row = csv.reader(StringIO(written, newline=""))
    assert header == columns
    assert not [one for one in row if one.startswith(FORMULAS)]
    assert [
        one.removeprefix("'") if text.startswith(FORMULAS) else one for one, text in zip(row, texts, strict=True)
    ] == texts


@given(TEXT)
def test_what_begins_no_formula_is_left_alone(text: str) -> None:
    assert (cell(text) == text) != text.startswith(FORMULAS)
