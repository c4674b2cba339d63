"""Dead letters that come in again keep the key and the envelope that they came with."""

import json
from pathlib import Path

import pytest

from streams import DeadLetters, DeadLetterSource, Position, Reason, Rejected, Tokens, read_letters
from tests.detector.small import KEY, SmallLog, feed_of


@pytest.mark.parametrize(("key", "admitted"), [("actor", ["b", "c"]), ("any", ["a", "b", "c"])])
def test_letters_come_in_with_their_keys_and_envelopes(
    small_log: SmallLog, tmp_path: Path, key: str, admitted: list[str]
) -> None:
    file, place = tmp_path / "letters", Position("events-0", 1)
    inside = json.loads(small_log.events.read_text().splitlines()[0])
    actor = inside["actor"]["id"].encode()
    bare = json.dumps(inside | {"event_id": "a"}).encode()
    said = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "data": inside | {"event_id": "b"}}
    letters = DeadLetters(file)
    letters.write(Rejected(Reason.WRONG_KEY, "x", place, bare, b"E9"))
    letters.write(
        Rejected(Reason.INVALID, "x", place, json.dumps(said).encode(), actor, "application/cloudevents+json")
    )
    letters.write(Rejected(Reason.NOT_JSON, "x", place, bare.replace(b'"a"', b'"c"', 1)))
    letters.close()
    config = small_log.config(source={"kafka": {"key": key}})
    feed, source = feed_of(config, Tokens(KEY), tmp_path / "again"), DeadLetterSource(file)
    feed.keeper.replay_letters(source, file.stat().st_size)
    feed.keeper.conclude(None)
    source.close()
    feed.close()
    assert feed.keeper.shard.counts["events"] == len(admitted)
    assert feed.keeper.shard.counts["rejected.wrong_key"] == 3 - len(admitted)
    if key == "actor":
        (again,) = read_letters(tmp_path / "again")
        assert (again.reason, again.key) == (Reason.WRONG_KEY, "RTk=")
