from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams import AccessEvent, Tokens, open_format, open_sources
from tests.streams.hostile import record

SAMPLE = Path(__file__).parents[2] / "data" / "cloudtrail" / "logs"
FORMAT = open_format("cloudtrail", Tokens(b"k" * 32))


def sample() -> list[tuple[dict[str, Any], AccessEvent]]:
    source = open_sources([SAMPLE], FORMAT.framing)
    pairs = []
    while not source.finished:
        for one in source.next_batch(50):
            event = FORMAT.decode(one)
            assert isinstance(event, AccessEvent), event
            pairs.append((json.loads(one.raw), event))
    return pairs


def decode(**changes: Any) -> AccessEvent:
    tree = {
        "eventID": "e",
        "eventTime": "2023-07-10T11:47:39Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "userIdentity": {"type": "IAMUser", "userName": "ben"},
        **changes,
    }
    event = FORMAT.decode(record(json.dumps(tree).encode()))
    assert isinstance(event, AccessEvent), event
    return event


def test_every_record_of_the_real_sample_is_an_event() -> None:
    pairs = sample()
    assert len(pairs) == 22
    assert all(event.event_id == raw["eventID"] for raw, event in pairs)
    assert len({event.event_id for _, event in pairs}) == len(pairs)


def test_the_actor_is_who_really_acted() -> None:
    seen = set()
    for raw, event in sample():
        identity = raw["userIdentity"]
        kind = identity.get("type")
        seen.add(kind)
        if kind == "IAMUser":
            assert (event.actor.id, event.actor.type) == (identity["userName"], "employee")
        elif kind == "AssumedRole":
            assert event.actor.id == identity["sessionContext"]["sessionIssuer"]["userName"]
        else:
            assert (event.actor.id, event.actor.type) == (identity["invokedBy"], "service")
    assert seen >= {"IAMUser", "AssumedRole", "AWSService"}


def test_the_outcome_follows_the_error_code() -> None:
    outcomes = {(raw.get("errorCode"), event.outcome) for raw, event in sample()}
    assert ("AccessDenied", "denied") in outcomes
    assert (None, "success") in outcomes
    assert decode(errorCode="Client.UnauthorizedOperation").outcome == "denied"
    assert decode(errorCode="NoSuchBucket").outcome == "failure"
    assert decode(responseElements={"ConsoleLogin": "Failure"}).outcome == "failure"
    assert decode(responseElements={"ConsoleLogin": "Success"}).outcome == "success"


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("ConsoleLogin", "login"),
        ("AssumeRole", "login"),
        ("GetSecretValue", "read"),
        ("ListBuckets", "read"),
        ("LookupEvents", "search"),
        ("StartQueryExecution", "query"),
        ("CreateUser", "create"),
        ("CreateAccessKey", "grant"),
        ("AttachUserPolicy", "grant"),
        ("PutBucketPolicy", "grant"),
        ("ModifyDBSnapshotAttribute", "share"),
        ("ModifyDBInstance", "update"),
        ("CopyDBSnapshot", "copy"),
        ("StartExportTask", "export"),
        ("TerminateInstances", "delete"),
        ("PutParameter", "update"),
        ("Xyzzy", "other"),
    ],
)
def test_the_action_follows_the_verb(name: str, action: str) -> None:
    assert decode(eventName=name).action == action


def test_the_rest_of_the_record_is_read() -> None:
    event = decode(
        sourceIPAddress="10.0.0.1",
        userAgent="aws-cli",
        requestParameters={"bucketName": "claims"},
        additionalEventData={"bytesTransferredOut": 375.0},
    )
    assert event.resource.system == "s3"
    assert event.resource.id == "claims"
    assert event.records is not None
    assert (event.records.count, event.records.bytes) == (None, 375)
    assert event.src is not None
    assert (event.src.ip, event.src.channel, event.src.user_agent) == ("10.0.0.1", "api", "aws-cli")
