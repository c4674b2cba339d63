"""What a message becomes."""

from types import SimpleNamespace

import pytest

from streams import Position, Reason, Record
from streams.kafka.message import KEPT_KEY_BYTES, record_of

PLACE = Position("events-3", 7)
JSON = "application/cloudevents+json"


def message(
    value: bytes | None = b"{}", key: bytes | None = b"E1", headers: tuple[tuple[str, bytes | None], ...] = ()
) -> SimpleNamespace:
    return SimpleNamespace(topic="events", partition=3, offset=7, value=value, key=key, headers=headers)


def test_key_and_value_are_kept_and_what_is_missing_is_empty() -> None:
    assert record_of(message()) == Record(b"{}", PLACE, key=b"E1")
    assert record_of(message(None, None)) == Record(b"", PLACE, key=b"")


def test_a_key_that_is_longer_than_any_id_is_cut_and_stays_longer() -> None:
    key = record_of(message(key=b"k" * 5_000)).key
    assert key is not None
    assert len(key) == KEPT_KEY_BYTES > 256 * 4


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ((("content-type", b"Application/CloudEvents+JSON"),), JSON),
        ((("content-type", b"application/cloudevents+json; charset=UTF-8"),), f"{JSON}; charset=utf-8"),
        ((("content-type", b"text/plain"), ("content-type", JSON.encode())), JSON),
        ((("content-type", JSON.encode()), ("content-type", b"application/json")), ""),
        ((("content-type", b"application/json"), ("ce_id", b"1")), ""),
        ((("content-type", None), ("other", JSON.encode())), ""),
        ((("content-type", b"\xff\xfe"),), ""),
    ],
)
def test_only_an_envelope_of_cloudevents_is_a_content_type(
    headers: tuple[tuple[str, bytes | None], ...], kept: str
) -> None:
    assert record_of(message(headers=headers)).content_type == kept


def test_a_giant_is_cut_and_keeps_its_key() -> None:
    giant = record_of(message(b"x" * 2_000_000, headers=(("content-type", JSON.encode()),)))
    assert (giant.flaw, len(giant.raw), giant.key, giant.content_type) == (Reason.TOO_LARGE, 4096, b"E1", JSON)
