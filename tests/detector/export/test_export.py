"""An export is whole or not there, is the same bytes again, holds nothing personal, and leaves a run alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import ConfigError, ExportError
from detector.export import watch
from detector.export.check import check_folder
from detector.export.folder import MANIFEST, Draft
from detector.export.job import Order
from detector.shard import pseudonym_of
from detector.span import EVER, span_of
from streams import Tokens
from tests.detector.export.out import ALL, TOKENS, compare, contents, export, rows
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import config_of
from tests.detector.test_shard import event


def always(limit: int) -> Iterator[int]:
    while True:
        yield limit


def some_days(log: SmallLog, folder: Path, limits: Iterator[int]) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "GROUP_ROWS", 100)  # or no day of the small log would fill a group
        export(log.config(), Order(ALL, folder, span_of("2026-03-05", "2026-03-12")), limits)
    return contents(folder)


@pytest.fixture(scope="module")
def even(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return some_days(small_log, tmp_path_factory.mktemp("even") / "out", always(2048))


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31))
def test_however_the_log_is_cut_the_files_are_the_same_to_the_byte(
    small_log: SmallLog, even: dict[str, str], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    limits = iter(np.random.default_rng(seed).integers(1, 3000, 100_000).tolist())
    assert some_days(small_log, tmp_path_factory.mktemp("cut") / "out", limits) == even
    days = {name.split("/")[1] for name in even if name.endswith(".parquet")}
    assert (min(days), max(days)) == ("day=2026-03-05", "day=2026-03-12")


def test_an_export_of_some_days_has_the_rows_of_an_export_of_all_as_they_were_known_then(
    small_log: SmallLog, whole: Path, tmp_path: Path
) -> None:
    export(small_log.config(), Order(ALL, tmp_path / "part", span_of("2026-03-09", "2026-03-13")))
    for table in ("events", "features"):
        wanted = [row for row in rows(whole, table) if "2026-03-09" <= row["day"] <= "2026-03-13"]
        assert rows(tmp_path / "part", table) == wanted != []
    later = {row["alert_id"]: row for row in rows(whole, "alerts")}
    end = date(2026, 3, 13).isoformat()
    for alert in rows(tmp_path / "part", "alerts"):
        assert alert["opened_at"] == later[alert["alert_id"]]["opened_at"]
        assert alert["known_at"] <= later[alert["alert_id"]]["known_at"]
        assert alert["known_at"].date().isoformat() <= end
    assert check_folder(tmp_path / "part").last == end


def test_a_day_is_the_same_whatever_comes_after_it_in_the_log(small_log: SmallLog, whole: Path, tmp_path: Path) -> None:
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    short = tmp_path / "small.jsonl"
    short.write_bytes(b"".join(lines[: len(lines) // 2]))
    config = small_log.config(source={"paths": [str(short)]})
    done = export(config, Order(ALL, tmp_path / "half", goes_on=True))
    assert any("still open and were left out" in remark for remark in done.remarks)
    half, all_ = contents(tmp_path / "half"), contents(whole)
    days = [name for name in half if name.startswith(("events/", "features/"))]
    assert len(days) > 15
    assert {name: half[name] for name in days} == {name: all_[name] for name in days}
    closed = json.loads((tmp_path / "half" / MANIFEST).read_text())["shards"][0]["closures"]
    assert {name.split("=")[1][:10] for name in days} == {one["day"] for one in closed}


def test_nothing_personal_is_in_it(small_log: SmallLog, whole: Path) -> None:
    raw = set[str]()
    actors = set[str]()
    for line in small_log.events.read_bytes().splitlines():
        try:
            tree = json.loads(line)
        except ValueError:
            continue
        actors.add(tree["actor"]["id"])
        raw |= {
            tree["src"].get("host", ""),
            tree["src"].get("ip", ""),
            tree.get("purpose", ""),
            *tree.get("subjects", ()),
        }
    raw -= {""}
    assert len(raw) > 1_000
    texts = set[str]()
    for table in ALL:
        for row in rows(whole, table):
            for value in row.values():
                texts |= {value} if isinstance(value, str) else set(value) if isinstance(value, list) else set()
    assert texts & (raw | actors) == set()
    assert {row["actor"] for row in rows(whole, "events")} <= {pseudonym_of(TOKENS, actor) for actor in actors}
    body = (whole / MANIFEST).read_text() + (whole / "schema.json").read_text()
    assert KEY.hex() not in body
    assert str(small_log.folder) not in body


HOSTILE = ["../../etc/passwd", "'); DROP TABLE alerts;--", "=cmd()", "<script>", "x" * 256, "\U0001f600"]


def test_whatever_ids_hold_stays_text(tmp_path: Path) -> None:
    log = tmp_path / os.fsdecode(b"hostile-\xff.jsonl")
    raws = [
        event(n, f"E{n % 5}", hostile, event_id=hostile, resource={"system": hostile, "type": hostile})
        for n, hostile in enumerate(HOSTILE)
    ]
    log.write_bytes(b"\n".join(raws))
    config = SmallLog(tmp_path, log, tmp_path, tmp_path, tmp_path).config(source={"paths": [str(log)]}, context={})
    export(config, Order(ALL[1:3], tmp_path / "out"))
    found = rows(tmp_path / "out", "events")
    assert [row["event_id"] for row in found] == [row["system"] for row in found] == HOSTILE
    assert {row["log"] for row in found} == {"hostile-\\udcff.jsonl"}
    assert len(list(tmp_path.iterdir())) == 2
    compare(config, tmp_path / "out")


def test_those_for_whom_there_is_no_room_have_events_and_no_features(small_log: SmallLog, tmp_path: Path) -> None:
    config = small_log.config(profiles={"max_actors": 16}, context={})
    lines = [event(n, f"E{n % 40}", time=f"2026-03-0{2 + n // 200}T10:00:00+08:00") for n in range(600)]
    (tmp_path / "log").write_bytes(b"\n".join(lines))
    config = config.model_copy(update={"source": config.source.model_copy(update={"paths": (str(tmp_path / "log"),)})})
    export(config, Order(("events", "features"), tmp_path / "out"))
    crowd = {row["actor"] for row in rows(tmp_path / "out", "events") if row["crowd"]}
    assert crowd
    assert {row["actor"] for row in rows(tmp_path / "out", "events")} - crowd
    assert len({row["actor"] for row in rows(tmp_path / "out", "features")}) == 15


def test_what_is_there_is_left_alone_and_two_do_not_write_one_folder(small_log: SmallLog, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match=r"out: exists already"):
        export(small_log.config(), Order(ALL, tmp_path / "out"))
    with Draft(tmp_path / "new"), pytest.raises(ExportError, match="another export is writing it"):
        Draft(tmp_path / "new")
    with pytest.raises(ExportError, match="cannot be written"):
        Draft(tmp_path / "not" / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_days_of_which_there_is_nothing_are_an_error_that_says_what_there_is(
    small_log: SmallLog, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"no rows of features on these days; what is there is from 2026-03-0\d to"):
        export(small_log.config(), Order(("features",), tmp_path / "out", span_of("2031-01-01", "")))
    with pytest.raises(ConfigError, match="no day is from 2026-03-09 to 2026-03-08"):
        span_of("2026-03-09", "2026-03-08")
    assert span_of("", "") == EVER
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_in_words_and_leaves_nothing(
    small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ExportError, match="cannot be written") as caught:
            export(small_log.config(), Order(ALL, tmp_path / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


DIES = """
import os, sys
from pathlib import Path
from detector import cli
from detector.export.folder import Draft, Partitions
name, nth = sys.argv[1], int(sys.argv[2])
owner = {"put": Partitions, "close": Partitions, "publish": Draft, "rename": Path}[name]
real, calls = getattr(owner, name), 0
def deadly(*arguments, **named):
    global calls
    calls += 1
    result = real(*arguments, **named) if sys.argv[3] == "after" else None
    if calls == nth:
        os.kill(os.getpid(), 9)
    return real(*arguments, **named) if sys.argv[3] == "before" else result
setattr(owner, name, deadly)
cli.main(sys.argv[4:])
"""


@pytest.mark.slow
def test_killed_anywhere_it_leaves_nothing_that_looks_whole_and_works_again(
    small_log: SmallLog, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "key").chmod(0o600)
    config = config_of(small_log, tmp_path, privacy={"key_file": str(tmp_path / "key")})
    out = tmp_path / "out"
    export_ = [
        "export",
        "features",
        "--also",
        "events",
        "--also",
        "alerts",
        "--to",
        "2026-03-06",
        "--config",
        config,
        "--out",
        out,
    ]
    for point, nth, when in (
        ("put", 7, "before"),
        ("close", 5, "after"),
        ("rename", 1, "before"),
    ):
        died = subprocess.run([sys.executable, "-c", DIES, point, str(nth), when, *export_], capture_output=True)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert not out.exists()
        assert (tmp_path / ".out.draft").is_dir()
        with pytest.raises(ExportError, match="no export is here"):
            check_folder(out)
    died = subprocess.run([sys.executable, "-c", DIES, "rename", "1", "after", *export_], capture_output=True)
    assert died.returncode == -signal.SIGKILL
    check_folder(out)  # whole, though nobody said so
    out.rename(tmp_path / "first")
    done = subprocess.run([sys.executable, "-m", "detector.cli", *export_], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".out.draft").exists()
    assert contents(out) == contents(tmp_path / "first")


def test_another_key_gives_other_names_and_is_not_compared(small_log: SmallLog, whole: Path, tmp_path: Path) -> None:
    export(
        small_log.config(), Order(("features",), tmp_path / "out"), tokens=Tokens(b"another key, that is as long...")
    )
    ours, theirs = rows(whole, "features"), rows(tmp_path / "out", "features")
    assert [row["sum_events"] for row in ours] == [row["sum_events"] for row in theirs]
    assert {row["actor"] for row in ours}.isdisjoint({row["actor"] for row in theirs})
    with pytest.raises(ExportError, match=r"another key \(privacy.key_file\)"):
        compare(small_log.config(), tmp_path / "out")
