from __future__ import annotations

import json

from streams import MappedFormat, Reason, Tokens, explain_mapping, load_mapping
from tests.streams.formats.test_conformance import CLOUDTRAIL
from tests.streams.hostile import record

FORMAT = MappedFormat(load_mapping("cloudtrail"), Tokens(b"k" * 32))


def test_it_shows_the_event_and_what_was_not_read() -> None:
    raw = CLOUDTRAIL[:-1] + b', "awsRegion": "x", "resources": [{"ARN": "arn:1", "accountId": "2"}]}'
    (explained,) = explain_mapping(FORMAT, [record(raw)])
    assert json.loads(explained.event) == {
        "event_id": "e",
        "time": "2023-07-10T11:47:39Z",
        "actor": {"id": "ben", "type": "employee"},
        "action": "read",
        "resource": {"system": "s3", "id": "arn:1"},
        "outcome": "success",
        "src": {"channel": "api"},
    }
    assert explained.rejected is None
    assert explained.unmapped == ("awsRegion", "resources[*].accountId")


def test_it_shows_why_there_is_no_event() -> None:
    wrong, garbled = explain_mapping(FORMAT, [record(b'{"a": 1}'), record(b"{")])
    assert (wrong.event, wrong.unmapped) == ("", ("a",))
    assert wrong.rejected is not None
    assert wrong.rejected.reason is Reason.UNMAPPED
    assert garbled.rejected is not None
    assert (garbled.rejected.reason, garbled.unmapped) == (Reason.NOT_JSON, ())
