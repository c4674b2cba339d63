"""An export beside a run that reads the same log: neither disturbs the other, and both say the same."""

import signal
import subprocess
import sys
import time
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from alerts.alert import Alert
from alerts.errors import StoreError
from detector.app import run
from detector.calendar import Calendar
from detector.cli_options import recorded_in
from detector.config import Config, load_config
from detector.export.check import check_folder
from detector.export.folder import read_manifest
from detector.export.job import Order
from detector.home import Home
from detector.span import number_of
from tests.detector.export.out import ALL, TOKENS, compare, contents, export, rows
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import innerwatch
from tests.real.broker import Broker
from tests.real.postgres import Postgres

PATIENCE_S = 120.0


def alerts_when_read(config: Config, end: str) -> list[Alert]:
    """What the run's store holds once the run has committed what it has read up to ``end``."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with closing(Home(config.state, read_only=True)) as home:
                saved = home.store.checkpoint("0")
                if saved is not None and saved.position.endswith(end):
                    return home.store.alerts()
        except StoreError:
            pass  # the run has not made its tables yet
        time.sleep(0.1)
    raise AssertionError(f"the run did not get to {end}")


@pytest.mark.slow
def test_an_export_beside_a_live_run_over_postgresql_gives_what_the_run_tells(
    small_log: SmallLog, tmp_path: Path, postgres: Postgres, postgres_url: str
) -> None:
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    log, file = tmp_path / "log.jsonl", tmp_path / "innerwatch.toml"
    log.write_bytes(b"".join(lines[:half]))
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "key").chmod(0o600)
    file.write_text(
        f'[source]\npaths = ["log.jsonl"]\nfollow = true\n[context]\nroster = "{small_log.roster}"\n'
        f'honey = "{small_log.honey}"\n[risk]\nwarm_up_days = 3\nbudget = 60.0\n[profiles]\nrecent_events = 4096\n'
        f'[state]\nfolder = "state"\ndatabase = "{postgres_url}"\npassword_file = "{postgres.password_file}"\n'
        'checkpoint_s = 1\n[privacy]\nkey_file = "key"\n[metrics]\nenabled = false\n'
    )
    config = load_config(file)
    command = [sys.executable, "-m", "detector.cli", "run", "--config", file]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            alerts_when_read(config, f"@{log.stat().st_size}")
            first = ["export", "features", "--also", "alerts", "--config", file, "--contexts", file, "--out"]
            assert innerwatch(*first, tmp_path / "half") == 0
            with log.open("ab") as growing:
                growing.write(b"".join(lines[half:]))
            told = alerts_when_read(config, f"@{log.stat().st_size}")
            assert innerwatch(*first, tmp_path / "all") == 0
            assert (
                innerwatch("export", "check", tmp_path / "half", "--replay", "--config", file, "--contexts", file) == 0
            )
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
        finally:
            process.kill()
    half_, all_ = contents(tmp_path / "half"), contents(tmp_path / "all")
    days = [name for name in half_ if name.startswith("features/")]
    assert days
    assert {name: half_[name] for name in days} == {name: all_[name] for name in days}
    closed = max(one.day for one in read_manifest(tmp_path / "all").shards[0].closures)
    known = {row["alert_id"]: row for row in rows(tmp_path / "all", "alerts")}
    days_ = Calendar(config.time.zone).days(np.array([one.updated_at.timestamp() for one in told]))
    settled = [one for one, day in zip(told, days_.tolist(), strict=True) if day <= number_of(closed)]
    assert settled
    for alert in settled:
        assert (known[alert.alert_id]["risk"], known[alert.alert_id]["known_at"]) == (alert.risk, alert.updated_at)


def test_an_export_meets_the_changes_of_context_of_the_run(small_log: SmallLog, tmp_path: Path) -> None:
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    log, roster = tmp_path / "small.jsonl", tmp_path / "roster.csv"
    roster.write_bytes(small_log.roster.read_bytes())
    config = small_log.config(
        source={"paths": [str(log)]},
        context={"roster": str(roster), "honey": str(small_log.honey)},
        state={"folder": str(tmp_path / "state")},
        metrics={"enabled": False},
    )
    for upto in (4_000, 8_000):
        log.write_bytes(b"".join(lines[:upto]))
        assert run(config, TOKENS, BytesIO(), Heard()) == 0
        roster.write_text(roster.read_text().replace("claims_adjuster", "underwriter"))
    stateless = config.model_copy(update={"state": type(config.state)()})
    recorded = recorded_in(tmp_path / "state")
    export(stateless, Order(ALL, tmp_path / "out"), recorded=recorded)
    (part,) = check_folder(tmp_path / "out").shards
    assert len(part.contexts) == 2
    groups = {row["day"]: set() for row in rows(tmp_path / "out", "features")}
    for row in rows(tmp_path / "out", "features"):
        groups[row["day"]].add(row["peer_group"])
    assert "claims_adjuster" in groups[min(groups)]
    assert "claims_adjuster" not in groups[max(groups)]


@pytest.mark.slow
def test_a_topic_gives_the_features_of_the_file_it_was_filled_from_and_leaves_open_days_out(
    small_log: SmallLog, whole: Path, tmp_path: Path, kafka_broker: Broker
) -> None:
    lines = small_log.events.read_bytes().splitlines()
    kafka_broker.publish("export", lines)
    source = {"kafka": {"servers": [kafka_broker.address], "topic": "export"}}
    done = export(small_log.config(source=source), Order(("features",), tmp_path / "out", goes_on=True))
    shard = "export-0-of-1"
    assert any(f"{shard}: " in remark and "still open" in remark for remark in done.remarks)

    def comparable(folder: Path) -> list[dict]:
        return [
            {k: v for k, v in row.items() if k not in ("shard", "log", "offset")} for row in rows(folder, "features")
        ]

    found, expected = comparable(tmp_path / "out"), comparable(whole)
    last = max(row["day"] for row in found)
    assert last < max(row["day"] for row in expected)
    assert found == [row for row in expected if row["day"] <= last]
    assert {(row["shard"], row["log"]) for row in rows(tmp_path / "out", "features")} == {(shard, "export-0")}
    assert compare(small_log.config(source=source), tmp_path / "out", goes_on=True).rows == done.rows
