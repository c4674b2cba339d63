from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.event import MAX_SUBJECTS, AccessEvent
from streams.formats.format import MAX_NAMES, OTHERS
from streams.formats.native import NativeFormat
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.tokens import Tokens
from tests.streams.hostile import HOSTILE, ODD, event, line, record, with_key

TOKENS = Tokens(b"k" * 32)


def decode(raw: bytes) -> AccessEvent:
    decoded = NativeFormat(TOKENS).decode(record(raw))
    assert isinstance(decoded, AccessEvent), decoded
    return decoded


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_rejected_for_the_right_reason_and_kept(name: str) -> None:
    raw, reason = HOSTILE[name]
    rejected = NativeFormat(TOKENS).decode(record(raw))
    assert isinstance(rejected, Rejected)
    assert rejected.reason is reason, rejected.detail
    assert rejected.raw == raw
    assert rejected.detail


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_right_record_is_an_event(name: str) -> None:
    assert decode(ODD[name]).event_id == "ev-1"


def test_every_field_of_the_contract_is_read() -> None:
    got = decode(line())
    assert got.time == datetime(2026, 3, 2, 1, 14, 5, 120_000, UTC)
    assert got.time.tzinfo is UTC
    assert (got.actor.id, got.actor.role, got.actor.department, got.actor.type) == (
        "E1042",
        "claims_adjuster",
        "B03",
        "employee",
    )
    assert (got.action, got.outcome, got.masked, got.purpose) == (
        "export",
        "success",
        False,
        "claim:CL-20391",
    )
    assert got.resource.id == "report-7"
    assert got.records is not None
    assert (got.records.count, got.records.bytes) == (120, 48210)
    assert got.data is not None
    assert (got.data.class_, got.data.fields) == ("C2", ("phone", "id_no"))
    assert got.src is not None
    assert (got.src.ip, got.src.host, got.src.channel, got.src.user_agent) == (
        "10.3.2.1",
        "WS-113",
        "ui",
        "Firefox",
    )
    assert got.session is not None
    assert got.session.id == "s-99"


def test_subjects_leave_as_tokens_and_their_numbers_as_steps() -> None:
    got = decode(line(subjects=["C-88312", "C-88315", "anonymous"]))
    assert got.subjects == tuple(TOKENS.token("subject", name) for name in ("C-88312", "C-88315", "anonymous"))
    assert got.serials[1] - got.serials[0] == 3
    assert got.serials[2] == -1
    assert "88312" not in repr(got)


def test_serials_are_never_read_from_input() -> None:
    with_subjects = decode(with_key(b'"_serials": [7, 8]'))
    assert with_subjects.serials == tuple(TOKENS.serial(name) for name in ("C-88312", "C-90177"))
    assert decode(line(subjects=None)[:-1] + b',"_serials":[7]}').serials == ()
    assert decode(with_key(b'"serials": ["A1"]')).serials == with_subjects.serials


def test_more_subjects_than_the_limit_are_cut_and_not_refused() -> None:
    got = decode(line(subjects=[f"C-{n}" for n in range(MAX_SUBJECTS + 5)]))
    assert len(got.subjects) == len(got.serials) == MAX_SUBJECTS


def test_unknown_keys_are_counted_by_name_and_known_ones_are_not() -> None:
    format_ = NativeFormat(TOKENS)
    format_.decode(record(line()))
    assert format_.counts.unknown == {}
    format_.decode(record(with_key(b'"tenant": 1')))
    format_.decode(record(line(actor={"id": "E1", "shoe": 44})))
    assert format_.counts.unknown == {"tenant": 1, "actor.shoe": 1}


def test_a_producer_that_invents_key_names_cannot_fill_the_memory() -> None:
    format_ = NativeFormat(TOKENS)
    for n in range(MAX_NAMES + 50):
        format_.decode(record(with_key(f'"x{n}": 1'.encode())))
    assert len(format_.counts.unknown) == MAX_NAMES + 1
    assert format_.counts.unknown[OTHERS] == 50


def test_a_flaw_the_source_saw_is_the_reason() -> None:
    flawed = Record(b"{", Position("a", 0), Reason.TOO_LARGE, "longer than 5 bytes")
    rejected = NativeFormat(TOKENS).decode(flawed)
    assert rejected == Rejected(Reason.TOO_LARGE, "longer than 5 bytes", Position("a", 0), b"{")


def test_a_rejection_never_quotes_the_record() -> None:
    secrets = line(action="SECRET", actor={"id": "SECRET", "type": "SECRET"}, time="SECRET")
    for raw in (secrets, line(action="SECRET - at `$.x`"), line(src={"channel": "SECRET"}), b"SECRET"):
        rejected = NativeFormat(TOKENS).decode(record(raw))
        assert isinstance(rejected, Rejected)
        assert "SECRET" not in rejected.detail


def test_a_long_user_agent_is_cut_and_hides_nothing() -> None:
    got = decode(line(src={"user_agent": "x" * 5000}))
    assert got.src is not None
    assert got.src.user_agent == "x" * 1024


_OPTIONAL = ("subjects", "records", "data", "masked", "purpose", "src", "session")


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(_OPTIONAL)),
    st.sampled_from(["actor.type", "resource.type", "action", "src.ip", "subjects", "event_id"]),
    st.text(max_size=5),
    st.booleans(),
)
def test_a_key_said_twice_is_always_found_and_only_then(
    absent: set[str], twice: str, purpose: str, compact: bool
) -> None:
    tree = event(purpose="p" + "".join(c for c in purpose if c.isprintable()))
    for key in absent:
        del tree[key]
    text = json.dumps(tree, separators=(",", ":") if compact else (" , ", " : ")).encode()
    assert isinstance(NativeFormat(TOKENS).decode(record(text)), AccessEvent)
    part, _, key = twice.rpartition(".")
    holder = tree if not part else tree.get(part)
    if holder is None or key not in holder:
        return
    mark = json.dumps({key: holder[key]}, separators=(",", ":"))[1:-1].encode()
    inside = json.dumps(holder, separators=(",", ":") if compact else (" , ", " : ")).encode()
    doubled = text.replace(inside, inside[:-1] + b"," + mark + b"}", 1)
    rejected = NativeFormat(TOKENS).decode(record(doubled))
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.DUPLICATE_KEY
