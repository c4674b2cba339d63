"""What every format promises, for each entry of the table and each shipped mapping file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import FORMATS, AccessEvent, Framing, Position, Reason, Record, Rejected, Tokens, open_format
from streams.formats.mapping import SHIPPED
from tests.streams.hostile import HOSTILE, line, record

TOKENS = Tokens(b"k" * 32)
CLOUDTRAIL = (
    b'{"eventID": "e", "eventTime": "2023-07-10T11:47:39Z", "eventSource": "s3.amazonaws.com",'
    b' "eventName": "GetObject", "userIdentity": {"type": "IAMUser", "userName": "ben"}}'
)
GOOD: dict[str, bytes] = {"native": line(), "cloudtrail": CLOUDTRAIL}
each = pytest.mark.parametrize("name", FORMATS)
GARBLED = {name for name, (_, reason) in HOSTILE.items() if reason is Reason.NOT_JSON}


def test_every_shipped_mapping_is_in_the_table_and_every_format_is_tested_here() -> None:
    assert {path.stem for path in SHIPPED.glob("*.toml")} | {"native"} == set(FORMATS) == set(GOOD)


@each
def test_a_good_record_is_an_event(name: str) -> None:
    format_ = open_format(name, TOKENS)
    assert isinstance(format_.decode(record(GOOD[name])), AccessEvent)
    assert isinstance(format_.framing, Framing)


@each
def test_the_same_record_is_the_same_event(name: str) -> None:
    first, second = (open_format(name, TOKENS).decode(record(GOOD[name])) for _ in range(2))
    assert first == second


@each
@pytest.mark.parametrize("hostile", sorted(GARBLED))
def test_what_is_no_json_is_rejected_as_such(name: str, hostile: str) -> None:
    rejected = open_format(name, TOKENS).decode(record(HOSTILE[hostile][0]))
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.NOT_JSON


@each
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 200))
def test_damage_never_raises_and_never_loses_the_bytes(name: str, junk: bytes, start: int, end: int) -> None:
    good = GOOD[name]
    raw = good[:start] + junk + good[end:]
    decoded = open_format(name, TOKENS).decode(Record(raw, Position("a", 7)))
    assert isinstance(decoded, AccessEvent | Rejected)
    if isinstance(decoded, Rejected):
        assert (decoded.raw, decoded.position) == (raw, Position("a", 7))


@each
def test_a_flaw_the_source_saw_is_the_reason(name: str) -> None:
    rejected = open_format(name, TOKENS).decode(Record(b"", Position("a", 0), Reason.TRUNCATED, "cut"))
    assert rejected == Rejected(Reason.TRUNCATED, "cut", Position("a", 0), b"")


def test_unprintable_identifiers_are_rejected_by_a_mapping_too() -> None:
    raw = CLOUDTRAIL.replace(b"ben", "b\u202een".encode())
    rejected = open_format("cloudtrail", TOKENS).decode(record(raw))
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.UNPRINTABLE
