"""Which form of an answer is wanted, by the examples of RFC 9110 and what clients really send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.api.accept import wanted

JSON, CSV = OFFERED = ("application/json", "text/csv")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV ; charset=utf-8", CSV),
        ("text/*", CSV),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        ("text/csv, application/json", JSON),
        ("*/*;q=0.1, application/json;q=0", CSV),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("application/json;q=0, text/csv;q=0", ""),
        ("image/png", ""),
        ("", JSON),
        ("text/csv;q=much", ""),
    ],
)
def test_the_one_that_is_wanted_most_is_given(accept: str | None, expected: str) -> None:
    assert wanted(accept, OFFERED) == expected


@given(st.text())
def test_whatever_is_sent_gives_one_of_those_offered_or_none(accept: str) -> None:
    assert wanted(accept, OFFERED) in (*OFFERED, "")
