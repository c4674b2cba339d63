import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.escape import escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 客户 é 🙂", "plain 客户 é 🙂"),
        ("a\u3000b\u00a0c", "a\u3000b\u00a0c"),
        ("\x1b[31m", "\\u001b[31m"),
        ("\x7f\x9b", "\\u007f\\u009b"),
        ("\u202e\u2066\u200f", "\\u202e\\u2066\\u200f"),
        ("a\nb\u2028", "a\\u000ab\\u2028"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_steers_a_screen_is_shown_and_the_rest_stays(text, shown):
    assert escape(text) == shown


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_escaping_a_json_document_keeps_its_meaning_and_leaves_no_control_character(text):
    document = escape(json.dumps(text, ensure_ascii=False))
    assert json.loads(document) == text
    assert not {unicodedata.category(character) for character in document} & {"Cc", "Cf", "Zl", "Zp"}
