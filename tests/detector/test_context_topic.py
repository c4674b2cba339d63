"""A context in a compacted topic: what is understood, and what is left out in words without anybody's data."""

import json
from pathlib import Path

import pytest

from detector.config import Config
from detector.context import read_context
from detector.context_topic import MOST_COMPLAINTS, Entries
from streams import Position, Tokens
from streams.kafka import Entry, KafkaConfig
from tests.detector.test_context import DAN, EVA, ROSTER, context_of_files

TOKENS = Tokens(b"0123456789abcdef")


def entry(value: object, offset: int = 0) -> Entry:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Entry(raw, Position("context-1", offset))


def columns(line: str) -> dict[str, str]:
    return dict(zip(ROSTER.strip().split(","), line.split(","), strict=True))


def test_a_topic_gives_the_context_that_files_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        b"roster/E1": entry(columns(EVA)),
        b"roster/E2": entry({"role": "adjuster", "department": "B02", "zone": None}),
        b"honey/C-1": entry({}),
        b"vip/C-2": entry({"why": "minister"}),
        b"assignment/A-1": entry({"actor": "E1", "subject": "C-9"}),
        b"calendar/2026-05-09": entry({"day": "working"}),
        b"calendar/2026-12-24": entry({"date": "2026-12-24", "day": "off"}),
    }
    asked = []

    def read(config: KafkaConfig, topic: str) -> dict[bytes, Entry]:
        asked.append((config.servers, topic))
        return table

    monkeypatch.setattr("streams.kafka.read_table", read)
    config = Config.model_validate({"source": {"kafka": {"servers": ["kafka-1:9092"]}}, "context": {"topic": "people"}})
    found = read_context(config, TOKENS)
    wanted = context_of_files(tmp_path, [EVA, DAN], days="2026-05-09,working\n2026-12-24,off\n")
    assert found.digest == wanted.digest
    assert found.complaints == ()
    assert asked == [(("kafka-1:9092",), "people")]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (b"roster/E1", b"{", "roster/... was left out: the value is no JSON object"),
        (b"roster/E1", b"[]", "roster/... was left out: the value is no JSON object"),
        (b"roster/E1", b"", "roster/... was left out: the value is no JSON object"),
        (b"roster/E1", b"{\"role\": \"\xff\"}", "roster/... was left out: the value is no JSON object"),
        (b"roster/E1", {"role": 7}, "roster/... was left out: role is no text"),
        (b"roster/E1", {"id": "E2"}, "the id in the value is another than that in the key"),
        (b"roster/E1", {"zone": "Secret"}, "zone is malformed; expected an IANA name such as Asia/Shanghai"),
        (b"roster/E1", {"shift": "Secret"}, "shift is malformed; expected two times"),
        (b"roster/E1", {"leave": "Secret"}, "leave is malformed; expected a date"),
        (b"roster/E1", {"hired": "Secret"}, "hired is malformed; expected a date"),
        (b"calendar/Secret", {"day": "off"}, "calendar/... was left out: expected a date"),
        (b"calendar/2026-05-09", {"day": "Secret"}, "as day 'working' or 'off'"),
        (b"honey/", {}, "the key is none; expected one of roster/ID, honey/ID"),
        (b"Secret", {}, "an entry was left out: the key is none"),
        (b"Secret/E1", {}, "an entry was left out: the key is none"),
        (b"", {}, "an entry was left out: the key is none"),
        (b"roster/\xff", {}, "the key is none"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_left_out_and_its_place_said(key: bytes, value: object, words: str) -> None:
    found = Entries({key: entry(value, 17), b"roster/E9": entry({})})
    (complaint,) = found.complaints
    assert complaint.startswith("context-1@17: ")
    assert words in complaint
    assert "Secret" not in complaint
    assert "E1" not in complaint
    assert list(found.roster) == ["E9"]
    assert not found.honey + list(found.overrides)


def test_complaints_are_bounded_and_the_rest_counted() -> None:
    table = {f"roster/E{n}".encode(): entry(b"?", n) for n in range(MOST_COMPLAINTS + 1_500)}
    complaints = Entries(table).complaints
    assert len(complaints) == MOST_COMPLAINTS + 1
    assert complaints[0].startswith("context-1@0: ")
    assert complaints[-1] == "1,500 more entries were left out"
