"""A check finds what was changed, and whatever knew the future: in a file, or in the program that wrote it."""

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from detector.errors import ExportError
from detector.export.check import check_folder
from detector.export.folder import MANIFEST
from detector.export.job import Order
from detector.export.watch import Watch
from detector.span import Span, number_of, span_of
from detector.tap import Closing
from tests.detector.export.out import ALL, compare, contents, export, forge, rows
from tests.detector.small import SmallLog
from tests.detector.test_shard import event


@pytest.fixture(scope="module")
def part(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "part"
    export(small_log.config(), Order(ALL, folder, span_of("", "2026-03-12")))
    return folder


@pytest.fixture
def copy(part: Path, tmp_path: Path) -> Path:
    return Path(copytree(part, tmp_path / "copy"))


def a_file(folder: Path, table: str, place: int = 5) -> Path:
    return sorted((folder / table).rglob("*.parquet"))[place]


def with_column(rows_: pa.Table, name: str, values: Any) -> pa.Table:
    place = rows_.schema.get_field_index(name)
    return rows_.set_column(place, rows_.schema.field(place), pa.array(values, rows_.schema.field(place).type))


def shifted(name: str, by: timedelta) -> Callable[[pa.Table], pa.Table]:
    return lambda rows_: with_column(rows_, name, pc.add(rows_[name], pa.scalar(by)).to_pylist())


def test_a_whole_export_is_in_order_and_is_what_the_log_gives(small_log: SmallLog, whole: Path) -> None:
    manifest = check_folder(whole)
    assert sum(file.rows for file in manifest.files) == sum(len(rows(whole, table)) for table in ALL)
    done = compare(small_log.config(), whole)
    assert (done.rows, done.days) == (sum(file.rows for file in manifest.files), len(manifest.shards[0].closures))


def test_what_is_not_as_the_manifest_says_is_found(copy: Path) -> None:
    def found() -> str:
        with pytest.raises(ExportError) as caught:
            check_folder(copy)
        return str(caught.value)

    file = a_file(copy, "features")
    body = file.read_bytes()
    file.write_bytes(body[:99] + bytes([body[99] ^ 1]) + body[100:])
    assert "its SHA-256 is not that of the manifest" in found()
    file.unlink()
    assert "missing" in found()
    file.write_bytes(body)
    (copy / "features" / "more").write_bytes(b"")
    assert "not in the manifest" in found()
    (copy / "features" / "more").unlink()
    check_folder(copy)
    (copy / MANIFEST).write_text("{")
    assert "cannot be read" in found()
    (copy / MANIFEST).unlink()
    assert "no export is here" in found()


def test_a_file_that_is_no_table_is_found_though_the_manifest_knows_it(copy: Path) -> None:
    file = a_file(copy, "features")
    forge(copy, file, lambda rows_: rows_)
    manifest = (copy / MANIFEST).read_text()
    known = json.loads(manifest)["files"]
    (digest,) = (one["sha256"] for one in known if one["path"] == file.relative_to(copy).as_posix())
    for path, body in ((file, b"PAR1"), (file.with_name("deep") / "0.parquet", file.read_bytes())):
        before = file.read_bytes()
        path.parent.mkdir(exist_ok=True)
        file.unlink()
        path.write_bytes(body)
        entry = manifest.replace(file.relative_to(copy).as_posix(), path.relative_to(copy).as_posix())
        (copy / MANIFEST).write_text(entry.replace(digest, sha256(body).hexdigest()))
        with pytest.raises(ExportError, match=r"no file of an export \("):
            check_folder(copy)
        path.unlink()
        file.write_bytes(before)


def test_another_column_than_the_schema_has_is_found_though_the_manifest_knows_the_file(copy: Path) -> None:
    file = a_file(copy, "features")
    forge(copy, file, lambda rows_: rows_.append_column("verdict", pa.array([True] * len(rows_))))
    with pytest.raises(ExportError, match=r"other columns or rows than schema.json"):
        check_folder(copy)


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("events", shifted("known_at", timedelta(seconds=-1)), "known_at is before time"),
        ("events", shifted("time", timedelta(days=3)), "known_at is before time"),
        ("features", shifted("known_at", timedelta(days=-1)), "known_at is not after its day"),
        ("features", shifted("known_at", timedelta(days=-2)), "known_at is before its day"),
        ("alerts", shifted("opened_at", timedelta(days=1)), "opened_at is not on its day"),
        (
            "alerts",
            shifted("opened_at", timedelta(hours=9)),
            "known_at is before opened_at|opened_at is not on its day",
        ),
        ("findings", shifted("known_at", timedelta(days=2)), "known_at is not on its day"),
    ],
)
def test_times_that_cannot_be_are_found_without_the_log(
    copy: Path, table: str, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    forge(copy, a_file(copy, table, 0), change)
    with pytest.raises(ExportError, match=f"{words}; the row knew the future"):
        check_folder(copy)


def test_an_alert_that_knew_of_a_day_after_the_last_is_found(small_log: SmallLog, whole: Path, tmp_path: Path) -> None:
    last = max(row["opened_at"] for row in rows(whole, "alerts")).date().isoformat()
    out = tmp_path / "out"
    export(small_log.config(), Order(("alerts",), out, Span(0, number_of(last))))
    forge(out, a_file(out, "alerts", -1), shifted("known_at", timedelta(days=9)))
    with pytest.raises(ExportError, match="known_at is after the last day"):
        check_folder(out)


def test_a_value_of_the_next_day_planted_in_a_column_is_found_by_making_the_day_again(
    small_log: SmallLog, copy: Path
) -> None:
    found = rows(copy, "features")
    days = sorted({row["day"] for row in found})
    today, tomorrow = days[5], days[6]
    later = {row["actor"]: row["sum_events"] for row in found if row["day"] == tomorrow}

    def leak(rows_: pa.Table) -> pa.Table:
        pairs = zip(rows_["actor"].to_pylist(), rows_["sum_events"].to_pylist(), strict=True)
        return with_column(rows_, "sum_events", [later.get(actor, value) for actor, value in pairs])

    forge(copy, next((copy / "features" / f"day={today}").iterdir()), leak)
    check_folder(copy)  # nothing that the export says of itself is wrong
    with pytest.raises(ExportError, match=rf"day={today}/0.parquet: sum_events is not what the log gives"):
        compare(small_log.config(), copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows_: rows_[:-1], "number of rows"),
        (lambda rows_: pa.concat_tables([rows_, rows_[:1]]), "number of rows"),
        (lambda rows_: with_column(rows_, "level", np.nextafter(rows_["level"].to_numpy(), 1e9)), "level is not"),
        (lambda rows_: with_column(rows_, "joint", -rows_["joint"].to_numpy()), "joint is not"),  # 0.0 and -0.0 differ
        (lambda rows_: with_column(rows_, "normal_exported", [None] * len(rows_)), "normal_exported is not"),
    ],
)
def test_one_bit_and_one_row_are_noticed(
    small_log: SmallLog, copy: Path, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    forge(copy, a_file(copy, "features", 4), change)
    check_folder(copy)
    with pytest.raises(ExportError, match=words):
        compare(small_log.config(), copy)


def test_a_program_whose_rows_know_what_the_next_day_taught_is_found_though_it_checks_itself(
    small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is normal after a day is known when it was learned, a day later: rows that wait for that know the future."""
    closed, held = Watch.closed, list[Closing]()

    def wait(one: Watch, closing: Closing) -> None:
        for former in held:
            closed(one, former)
        held[:] = [closing]

    monkeypatch.setattr(Watch, "closed", wait)
    export(small_log.config(), Order(("features",), tmp_path / "leaky"))
    check_folder(tmp_path / "leaky")
    held.clear()
    with pytest.raises(ExportError, match="does not close where the export says"):
        compare(small_log.config(), tmp_path / "leaky")


def test_a_program_that_says_that_a_day_closed_before_its_rows_were_made_is_found(
    small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, held = Watch.closed, list[tuple[int, pa.Table]]()

    def wait(one: Watch, closing: Closing) -> None:
        sink, one._sink = one._sink, Held()
        for day, rows_ in held:
            sink.put("features", day, rows_)
            sink.close("features", day)
        closed(one, closing)
        held[:], one._sink = [(closing.day, one._sink.rows)], sink

    monkeypatch.setattr(Watch, "closed", wait)
    export(small_log.config(), Order(("features",), tmp_path / "late"))
    check_folder(tmp_path / "late")
    held.clear()
    with pytest.raises(ExportError, match="not all of it was there when the day closed"):
        compare(small_log.config(), tmp_path / "late")


class Held:
    """A sink that keeps a group."""

    def put(self, table: str, day: int, rows_: pa.Table) -> None:
        self.rows = rows_

    def close(self, table: str, day: int) -> None:
        pass


def test_a_log_with_other_events_is_not_what_was_exported(small_log: SmallLog, part: Path, tmp_path: Path) -> None:
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    other = tmp_path / "small.jsonl"
    other.write_bytes(b"".join(lines[:400] + lines[401:]))
    with pytest.raises(ExportError, match="is not what the log gives"):
        compare(small_log.config(source={"paths": [str(other)]}), part)


def test_another_configuration_is_refused_as_far_as_rows_depend_on_it(small_log: SmallLog, part: Path) -> None:
    with pytest.raises(ExportError, match="another configuration"):
        compare(small_log.config(risk={"warm_up_days": 4, "budget": 60.0}), part)
    compare(small_log.config(run={"start_s": 1.0}), part)


def test_a_day_that_an_event_closes_which_was_held_back_is_compared_as_well(
    small_log: SmallLog, tmp_path: Path
) -> None:
    """After a fortnight without events the first ones are held, so the day closes by a record that was read before."""
    days = [f"2026-03-0{day}" for day in (2, 3, 4)] + ["2026-03-20", "2026-03-21"]
    raws = [
        event(100 * d + n, f"E{n % 4}", time=f"{day}T1{n}:00:00+08:00") for d, day in enumerate(days) for n in range(5)
    ]
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join(raws))
    config = small_log.config(source={"paths": [str(log)]}, context={})
    export(config, Order(ALL[1:3], tmp_path / "out"))
    closures = json.loads((tmp_path / "out" / MANIFEST).read_text())["shards"][0]["closures"]
    assert [one["day"] for one in closures] == days
    assert compare(config, tmp_path / "out").days == len(days)
    assert contents(tmp_path / "out")
