"""A shard's alerts, counts and dead letters do not depend on how its log is cut, stopped or resumed."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.errors import AlertsError
from alerts.lines import alert_line
from detector.config import Config
from detector.errors import CheckpointError, DetectorError
from detector.feed import Feed
from detector.home import STORE
from streams import DeadLetterSource, Position, SourceError, StreamError, Tokens, count_letters
from tests.detector.small import KEY, SmallLog, close_feed, feed_of

TOKENS = Tokens(KEY)


def finish(feed: Feed, limits: Iterator[int]) -> tuple[bytes, dict[str, int], bytes]:
    while not feed.source.finished:
        feed.advance(next(limits))
    feed.keeper.conclude(None)
    close_feed(feed)
    lines = b"".join(map(alert_line, sorted(feed.keeper._alerts.values(), key=lambda a: (a.opened_at, a.alert_id))))
    letters = feed.keeper.dead_letters.read_bytes() if feed.keeper.dead_letters.exists() else b""
    return lines, {name: count for name, count in feed.keeper.shard.counts.items() if count}, letters


def always(limit: int) -> Iterator[int]:
    while True:
        yield limit


@contextmanager
def feeding(config: Config, letters: Path) -> Iterator[Feed]:
    feed = feed_of(config, TOKENS, letters)
    try:
        yield feed
    finally:
        close_feed(feed)


@pytest.fixture(scope="module")
def whole(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, int], bytes]:
    return finish(feed_of(small_log.config(), TOKENS, tmp_path_factory.mktemp("whole") / "letters"), always(2048))


def test_the_small_log_has_something_of_everything(whole: tuple[bytes, dict[str, int], bytes]) -> None:
    lines, counts, letters = whole
    assert lines.count(b"\n") == counts["alerts"] >= 3
    assert counts["rejected.not_json"] == letters.count(b"\n") > 5
    assert counts["records"] == counts["events"] + counts["rejected.not_json"]


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31))
def test_however_a_log_is_cut_the_outcome_is_the_same_to_the_byte(
    small_log: SmallLog, whole: tuple[bytes, dict[str, int], bytes], tmp_path: Path, seed: int
) -> None:
    limits = iter(np.random.default_rng(seed).integers(1, 3000, 100_000).tolist())
    assert finish(feed_of(small_log.config(), TOKENS, tmp_path / "letters"), limits) == whole


def test_a_state_folder_changes_nothing_and_a_finished_log_ends_the_same_again(
    small_log: SmallLog, whole: tuple[bytes, dict[str, int], bytes], tmp_path: Path
) -> None:
    config = small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 3000})
    for _ in range(2):
        feed = feed_of(config, TOKENS, tmp_path / "unused")
        while not feed.source.finished:
            feed.advance()
        feed.keeper.conclude(None)
        assert b"".join(map(alert_line, feed.keeper.alerts())) == whole[0]
        assert feed.keeper.dead_letters.read_bytes() == whole[2]
        close_feed(feed)
    assert not (tmp_path / "unused").exists()


def test_a_log_to_which_more_is_added_goes_on_as_if_it_had_never_ended(
    small_log: SmallLog, whole: tuple[bytes, dict[str, int], bytes], tmp_path: Path
) -> None:
    lines = small_log.events.read_text().splitlines(keepends=True)
    grown = tmp_path / "grown.jsonl"
    config = small_log.config(source={"paths": [str(grown)]}, state={"folder": str(tmp_path / "state")})
    for upto in (5_000, len(lines)):
        grown.write_text("".join(lines[:upto]))
        feed = feed_of(config, TOKENS, tmp_path / "unused")
        while not feed.source.finished:
            feed.advance()
        feed.keeper.conclude(None)
        counts = feed.keeper.shard.counts
        risks = [(alert.actor, alert.opened_at, alert.risk) for alert in feed.keeper.alerts()]
        close_feed(feed)
    assert counts["events"] == whole[1]["events"]
    assert len(risks) == whole[1]["alerts"]


def test_alerts_are_given_out_only_after_their_commit(
    small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with feeding(small_log.config(state={"folder": str(tmp_path / "state")}), tmp_path / "unused") as feed:
        changed: list[object] = []
        while not changed:
            _, changed = feed.advance(500)
        assert {alert.alert_id for alert in changed} <= {alert.alert_id for alert in feed.keeper.alerts()}


@pytest.mark.parametrize(
    ("sections", "tokens", "words"),
    [
        ({"detections": {"disabled": ["odd_hours"]}}, TOKENS, "other detections"),
        ({}, Tokens(b"another key, that is as long..."), "another key"),
        ({"source": {"paths": ["x"], "mapping": "cloudtrail"}}, TOKENS, "mapping 'native', not 'cloudtrail'"),
    ],
)
def test_state_of_another_shape_key_or_mapping_is_refused(
    small_log: SmallLog, tmp_path: Path, sections: dict[str, object], tokens: Tokens, words: str
) -> None:
    state = {"folder": str(tmp_path / "state")}
    with feeding(small_log.config(state=state), tmp_path / "unused") as feed:
        feed.advance(100)
        feed.keeper.commit()
    with pytest.raises(CheckpointError, match=words):
        feed_of(small_log.config(state=state, **sections), tokens, tmp_path / "unused")


def test_other_inputs_than_those_of_the_state_are_refused(small_log: SmallLog, tmp_path: Path) -> None:
    state = {"folder": str(tmp_path / "state")}
    with feeding(small_log.config(state=state), tmp_path / "unused") as feed:
        feed.advance(100)
        feed.keeper.commit()
    other = small_log.config(state=state, source={"paths": [str(small_log.roster)]})
    with feeding(other, tmp_path / "unused") as feed, pytest.raises(SourceError, match="not among the inputs"):
        assert feed.source


def read_with_room_for(size: int, config: Config, letters: Path) -> None:
    """Read the log while no file can grow beyond ``size`` bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with feeding(config, letters) as feed:
            while not feed.source.finished:
                feed.advance()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_full_disk_is_an_error_in_words_and_loses_nothing(
    small_log: SmallLog, whole: tuple[bytes, dict[str, int], bytes], tmp_path: Path
) -> None:
    config = small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 2000})
    for limit in (300, 40_000, 160_000):
        with pytest.raises((AlertsError, DetectorError, StreamError)) as caught:
            read_with_room_for(limit, config, tmp_path / "unused")
        assert "\n" not in str(caught.value)
    feed = feed_of(config, TOKENS, tmp_path / "unused")
    while not feed.source.finished:
        feed.advance()
    feed.keeper.conclude(None)
    assert b"".join(map(alert_line, feed.keeper.alerts())) == whole[0]
    assert feed.keeper.dead_letters.read_bytes() == whole[2]
    close_feed(feed)


def test_dead_letters_are_replayed_once_by_what_the_state_has_learned(small_log: SmallLog, tmp_path: Path) -> None:
    config = small_log.config(state={"folder": str(tmp_path / "state")})
    with feeding(config, tmp_path / "unused") as feed:
        while not feed.source.finished:
            feed.advance()
        feed.keeper.commit()
        rejected, position = feed.keeper.shard.counts["rejected.not_json"], str(feed.source.position)
    for expected in (rejected, 0):
        with feeding(config, tmp_path / "unused") as feed:
            file = feed.keeper.dead_letters
            source = DeadLetterSource(file, Position(str(file), feed.keeper.letters_read))
            until = file.stat().st_size if expected else feed.keeper.letters_read
            taken, _ = feed.keeper.replay_letters(source, until)
            source.close()
            assert taken == expected
    assert sum(count_letters(file).values()) == 2 * rejected  # still broken: rejected again, at the end of the file
    with feeding(config, tmp_path / "unused") as feed:
        assert feed.keeper.resumed is not None
        assert feed.keeper.resumed.position == position


def test_follow_takes_one_file_of_lines(small_log: SmallLog, tmp_path: Path) -> None:
    config = small_log.config(source={"paths": ["a", "b"], "follow": True})
    with feeding(config, tmp_path / "unused") as feed, pytest.raises(SourceError, match="names 2"):
        assert feed.source


def test_the_store_is_let_go_of_when_the_state_is_refused(small_log: SmallLog, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "000000000005.state").write_bytes(b"?")
    with pytest.raises(CheckpointError):
        feed_of(small_log.config(state={"folder": str(folder)}), TOKENS, tmp_path / "unused")
    assert (folder / STORE).exists()
