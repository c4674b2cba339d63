"""What every source promises; sources are found: each class with `next_batch` needs an opener here."""

from __future__ import annotations

import base64
import gzip
import importlib
import inspect
import io
import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import streams
from streams import DeadLetters, Position, Reason, Record, Rejected, Source, open_sources
from streams.deadletters import DeadLetterSource
from streams.kafka import KafkaConfig, KafkaPartition
from streams.sources.chain import Chain
from streams.sources.document import Document
from streams.sources.follow import Follow
from streams.sources.lines import Lines
from tests.real.broker import Broker
from tests.streams.hostile import cut_gzip

LINES = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * (n * 7 % 50)) for n in range(60)]
TEXT = b"\n".join(LINES[:20]) + b"\n\n  \n" + b"\r\n".join(LINES[20:]) + b"\n"
Open = Callable[[Path, Position | None], Source]


def _file(folder: Path, data: bytes = TEXT, name: str = "a.jsonl") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def _offset(resume: Position | None) -> int:
    return resume.offset if resume is not None else 0


def _open_dead_letters(folder: Path, resume: Position | None) -> Source:
    path = folder / "dead.jsonl"
    if not path.exists():
        letters = DeadLetters(path)
        for n, text in enumerate(LINES):
            letters.write(Rejected(Reason.INVALID, "", Position("a", n), text))
        letters.close()
    return DeadLetterSource(path, resume)


def _open_stdin(folder: Path, resume: Position | None) -> Source:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", SimpleNamespace(buffer=_Pipe(TEXT)))
        return open_sources(["-"], resume=resume)


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def _open_folder(folder: Path, resume: Position | None) -> Source:
    (folder / "in").mkdir(exist_ok=True)
    for n in range(4):
        _file(folder / "in", b"\n".join(LINES[n * 15 : n * 15 + 15]), f"{n}.jsonl")
    _file(folder / "in", b"", "empty")
    return open_sources([folder / "in"], resume=resume)


BROKERS: list[Broker] = []
"""The broker, while a test of the Kafka source runs."""
CONSUMERS: list[KafkaPartition] = []


def _open_kafka(folder: Path, resume: Position | None) -> Source:
    topic = f"conformance-{folder.name}"
    if not (folder / topic).exists():
        BROKERS[0].publish(topic, LINES)
        (folder / topic).touch()
    CONSUMERS.append(KafkaPartition(KafkaConfig((BROKERS[0].address,), topic), 0, resume))
    return CONSUMERS[-1]


@pytest.fixture(autouse=True)
def _broker(request: pytest.FixtureRequest) -> Iterator[None]:
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("name") == "kafka":
        BROKERS[:] = [request.getfixturevalue("kafka_broker")]
    yield
    while CONSUMERS:
        CONSUMERS.pop().close()


OPENERS: dict[str, tuple[type, Open]] = {
    "lines": (Lines, lambda folder, resume: Lines.open(_file(folder), _offset(resume))),
    "gzip": (Lines, lambda folder, resume: Lines.open(_file(folder, gzip.compress(TEXT)), _offset(resume))),
    "zstd": (
        Lines,
        lambda folder, resume: Lines.open(_file(folder, zstandard.compress(TEXT)), _offset(resume)),
    ),
    "two gzip members": (
        Lines,
        lambda folder, resume: Lines.open(
            _file(folder, gzip.compress(TEXT[:700]) + gzip.compress(TEXT[700:])), _offset(resume)
        ),
    ),
    "no line end": (Lines, lambda folder, resume: Lines.open(_file(folder, TEXT[:-1]), _offset(resume))),
    "stdin": (Lines, _open_stdin),
    "document": (
        Document,
        lambda folder, resume: Document(
            _file(folder, b'{"a":{"rows":[' + b",".join(LINES) + b"]}}"), "a.rows", offset=_offset(resume)
        ),
    ),
    "folder": (Chain, _open_folder),
    "follow": (Follow, lambda folder, resume: Follow(_file(folder), resume)),
    "dead letters": (DeadLetterSource, _open_dead_letters),
    "kafka": (KafkaPartition, _open_kafka),
}
SLOW = {"kafka"}
each = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in OPENERS]
)


def drain(source: Source, limits: list[int] | None = None) -> list[Record]:
    records: list[Record] = []
    turn = 0
    while not source.finished:
        limit = limits[turn % len(limits)] if limits else 7
        turn += 1
        batch = source.next_batch(limit)
        assert len(batch) <= limit
        records += batch
        if not batch and not source.finished:
            break  # it waits for more
    return records


def test_every_source_is_tested_here() -> None:
    found = set()
    for module in pkgutil.walk_packages(streams.__path__, "streams."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if hasattr(kind, "next_batch") and kind.__module__.startswith("streams") and kind is not Source:
                found.add(kind)
    assert found == {kind for kind, _ in OPENERS.values()}


@each
def test_all_records_come_in_order_and_only_once(name: str, tmp_path: Path) -> None:
    source = OPENERS[name][1](tmp_path, None)
    assert [json.loads(record.raw)["n"] for record in drain(source)] == list(range(60))
    assert source.next_batch(5) == []
    source.close()
    source.close()


@each
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limits=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_how_it_is_cut_into_batches_does_not_matter(name: str, tmp_path: Path, limits: list[int]) -> None:
    whole = OPENERS[name][1](tmp_path, None)
    cut = OPENERS[name][1](tmp_path, None)
    assert drain(cut, limits) == drain(whole, [1000])
    assert cut.position == whole.position
    whole.close()
    cut.close()


@each
def test_resumed_at_any_position_it_gives_the_rest(name: str, tmp_path: Path) -> None:
    open_ = OPENERS[name][1]
    whole = drain(open_(tmp_path, None))
    for given_first in range(0, 61, 4):
        first = open_(tmp_path, None)
        head = first.next_batch(given_first) if given_first else []
        while len(head) < given_first:
            head += first.next_batch(given_first - len(head))
        resumed = open_(tmp_path, first.position)
        assert head + drain(resumed) == whole, given_first
        first.close()
        resumed.close()


@each
def test_records_say_where_they_stood(name: str, tmp_path: Path) -> None:
    records = drain(OPENERS[name][1](tmp_path, None))
    assert len({record.position for record in records}) == 60
    if len({record.position.source for record in records}) == 1:
        assert [record.position for record in records] == sorted(record.position for record in records)


@each
def test_progress_goes_up_to_the_total(name: str, tmp_path: Path) -> None:
    source = OPENERS[name][1](tmp_path, None)
    before = source.progress
    drain(source)
    after = source.progress
    assert before[0] <= after[0]
    assert after[0] == after[1] or after[1] == 0


def test_a_replayed_dead_letter_is_the_record_it_was(tmp_path: Path) -> None:
    records = drain(_open_dead_letters(tmp_path, None))
    assert [record.raw for record in records] == LINES
    assert records[3].position == Position("a", 3)
    assert base64.b64encode(LINES[0]) in (tmp_path / "dead.jsonl").read_bytes()


@pytest.mark.parametrize("missing", [8, 20, 60])
def test_a_truncated_gzip_resumes_like_any_other(tmp_path: Path, missing: int) -> None:
    path = _file(tmp_path, cut_gzip(TEXT, missing))
    whole = drain(Lines.open(path))
    assert whole[-1].flaw is Reason.TRUNCATED
    for n in range(1, len(whole) + 1):
        first = Lines.open(path)
        head = first.next_batch(n)
        first.close()
        assert head + drain(Lines.open(path, first.position.offset)) == whole
