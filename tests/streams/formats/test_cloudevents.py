"""Envelopes of CloudEvents are taken off, and what is rejected keeps its envelope."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from streams import AccessEvent, Position, Reason, Record, Rejected, Tokens, open_format
from streams.formats.cloudevents import CloudEvents
from tests.streams.hostile import HOSTILE, event, line

TOKENS = Tokens(b"k" * 32)
PLACE = Position("events-0", 3)
JSON = "application/cloudevents+json"


def envelope(data: object = None, **more: object) -> bytes:
    said = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "access", "data": data, **more}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def decoded(raw: bytes, kind: str = JSON, mapping: str = "native") -> AccessEvent | Rejected | None:
    return open_format(mapping, TOKENS).decode(Record(raw, PLACE, key=b"E1042", content_type=kind))


BARE: Any = open_format("native", TOKENS).decode(Record(line(), PLACE))


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (envelope(event()), JSON),
        (envelope(event(), datacontenttype="application/json", subject="x", ours={"data": 1}), JSON),
        (envelope(data_base64=base64.b64encode(line()).decode()), f"{JSON}; charset=utf-8"),
        (line(), ""),
    ],
)
def test_what_is_inside_is_the_event(raw: bytes, kind: str) -> None:
    assert decoded(raw, kind) == BARE


def test_a_mapping_reads_what_is_inside() -> None:
    inside = {"eventID": "1", "eventTime": "2026-03-02T09:14:05Z", "eventName": "GetObject", "eventSource": "s3"}
    inside |= {"userIdentity": {"type": "IAMUser", "arn": "arn:x", "userName": "ann"}}  # type: ignore[dict-item]
    bare = open_format("cloudtrail", TOKENS).decode(Record(json.dumps(inside).encode(), PLACE))
    assert decoded(envelope(inside), mapping="cloudtrail") == bare
    assert isinstance(bare, AccessEvent)


def without(name: str) -> bytes:
    return json.dumps({k: v for k, v in json.loads(envelope(event())).items() if k != name}).encode()


BAD = [
    (b"{", JSON, Reason.INVALID, "the envelope: "),
    (b"\xff", JSON, Reason.INVALID, "the envelope: "),
    (b"[]", JSON, Reason.INVALID, "the envelope: Expected `object`"),
    (b"[" * 100_000, JSON, Reason.INVALID, "the envelope: "),
    *[(without(name), JSON, Reason.INVALID, f"missing required field `{name}`") for name in ("id", "source", "type")],
    (without("specversion"), JSON, Reason.INVALID, "missing required field `specversion`"),
    (envelope(event(), specversion="0.3"), JSON, Reason.INVALID, "$.specversion"),
    (without("data"), JSON, Reason.INVALID, "either data or data_base64"),
    (envelope(event(), data_base64="e30="), JSON, Reason.INVALID, "either data or data_base64"),
    (envelope(data_base64="?"), JSON, Reason.INVALID, "$.data_base64"),
    (envelope(event())[:-1] + b', "data": {}}', JSON, Reason.DUPLICATE_KEY, "the same key twice"),
    (envelope("text"), JSON, Reason.INVALID, "Expected `object`, got `str`"),
    (envelope(data_base64="e30="), JSON, Reason.INVALID, "missing required field"),
    (b"[" + envelope(event()) + b"]", "application/cloudevents-batch+json", Reason.INVALID, "a record of its own"),
    (b"Obj", "application/cloudevents+avro", Reason.INVALID, "not JSON"),
    (envelope(event()), "application/cloudevents", Reason.INVALID, "not JSON"),
]


@pytest.mark.parametrize(("raw", "kind", "reason", "words"), BAD)
def test_a_bad_envelope_is_rejected_in_words_and_kept(raw: bytes, kind: str, reason: Reason, words: str) -> None:
    rejected = decoded(raw, kind)
    assert isinstance(rejected, Rejected)
    assert words in rejected.detail
    assert rejected == Rejected(reason, rejected.detail, PLACE, raw, b"E1042", kind)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_data_in_an_envelope_is_rejected_and_kept(hostile: str) -> None:
    raw, reason = HOSTILE[hostile]
    wrapped = envelope(data_base64=base64.b64encode(raw).decode())
    rejected = decoded(wrapped)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.raw, rejected.key, rejected.content_type) == (reason, wrapped, b"E1042", JSON)


def test_a_flaw_of_the_source_comes_before_the_envelope() -> None:
    flawed = Record(b"{", PLACE, Reason.TOO_LARGE, "long", b"E1", JSON)
    assert CloudEvents(open_format("native", TOKENS).inner).decode(flawed) == flawed.rejected(Reason.TOO_LARGE, "long")
