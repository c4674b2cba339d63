"""The comparison from the command line: what is said, what is refused, and how it ends."""

import json
import signal
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from alerts.bundles import Deed
from alerts.incident import Verdict
from alerts.registry import Registry
from alerts.work import By, Close
from detector.app import run
from detector.config import load_config
from detector.deliver import open_desk
from detector.home import database_of
from detector.promotion import read_report
from streams import Tokens
from tests.detector.bundling import Signer, act, add
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import config_of, home, innerwatch

__all__ = ["home"]  # a fixture: the key is this user's
DAYS = ("--from", "2026-03-06", "--to", "2026-03-12")


def backtest(config: Path, out: Path, *arguments: object) -> int:
    return innerwatch("backtest", "--config", config, "--out", out, *arguments)


@pytest.fixture
def config(small_log: SmallLog, tmp_path: Path, signer: Signer) -> Path:
    return config_of(small_log, tmp_path, bundles={"trusted_keys": [str(path) for path in signer.trusted.trusted_keys]})


def test_a_bundle_is_compared_with_the_online_models_and_the_report_speaks_for_it(
    small_log: SmallLog, config: Path, forest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert backtest(config, out, "--bundle", forest, "--labels", small_log.labels, *DAYS) == 0
    said = capsys.readouterr()
    report, digest = read_report(out / "report.json")
    assert (report.champion, report.challenger) == ("", sha256(forest.read_bytes()).hexdigest())
    assert digest == sha256((out / "report.json").read_bytes()).hexdigest()
    whole = json.loads((out / "report.json").read_text())
    assert whole["bundles"] == [{"digest": "", "name": "online"}, {"digest": report.challenger, "name": "forest-1"}]
    assert (whole["first"], whole["last"]) == ("2026-03-06", "2026-03-12")
    assert f"forest-1 {'passes' if report.passes else 'does not pass'} against online" in said.out
    assert all(reason in said.out for reason in report.reasons)
    assert "misuse found" in said.out
    assert (out / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    people = {line.partition(",")[0] for line in small_log.roster.read_text().splitlines()[1:]}
    assert not any(f'"{person}"' in (out / "report.json").read_text() for person in people)
    assert backtest(config, tmp_path / "again", "--bundle", "online", "--bundle", forest, "--labels", small_log.labels,
                    *DAYS) == 0  # fmt: skip
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()
    }


def test_who_has_nothing_to_judge_by_does_not_pass_and_may_fail_a_schedule(
    config: Path, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = ("--to", "2026-03-08")
    assert backtest(config, tmp_path / "one", "--bundle", plain, *days) == 0
    assert "there is nothing to judge by; give --labels, verdicts or --inject" in capsys.readouterr().out
    assert backtest(config, tmp_path / "two", "--bundle", plain, *days, "--fail") == 10
    assert (tmp_path / "two" / "report.json").is_file()


def test_a_registry_in_which_nothing_was_judged_yet_knows_its_bundles(
    small_log: SmallLog, tmp_path: Path, signer: Signer, forest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [str(path) for path in signer.trusted.trusted_keys]
    config = config_of(small_log, tmp_path, bundles={"trusted_keys": keys}, state={"folder": str(tmp_path / "state")})
    assert backtest(config, tmp_path / "none", "--bundle", "forest-1", *DAYS) == 1
    assert "forest-1: no such file, and no state" in capsys.readouterr().err
    assert innerwatch("bundles", "add", forest, "--config", config) == 0
    assert backtest(config, tmp_path / "out", "--bundle", "champion", "--bundle", "forest-1", *DAYS) == 0
    assert [one["name"] for one in json.loads((tmp_path / "out" / "report.json").read_text())["bundles"]] == [
        "online", "forest-1",
    ]  # fmt: skip


@pytest.mark.slow
def test_verdicts_and_bundles_come_from_the_state_of_a_run(
    small_log: SmallLog, tmp_path: Path, signer: Signer, forest: Path, plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [str(path) for path in signer.trusted.trusted_keys]
    kept = {"state": {"folder": str(tmp_path / "state")}, "metrics": {"enabled": False}}
    config = config_of(small_log, tmp_path, bundles={"trusted_keys": keys}, **kept)
    settings = load_config(config)
    assert run(settings, Tokens(KEY), BytesIO(), Heard()) == 0
    with closing(open_desk(settings)) as desk:
        desk.take_in([], [], 1_800_000_000.0)
        for number, incident in enumerate(desk.incidents()):
            verdict = Verdict.FALSE_POSITIVE if number % 3 else Verdict.TRUE_POSITIVE
            desk.act(incident.incident_id, Close(verdict, "read"), By("analyst-of-the-day", 1_800_000_100.0))
    with closing(Registry(database_of(settings.state, must_exist=True))) as registry:
        champion = add(registry, "plain-1", plain.read_bytes())
        add(registry, "forest-1", forest.read_bytes())
        act(registry, Deed.PROMOTE, champion)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*") if path.is_file()}
    assert backtest(config, tmp_path / "out", "--bundle", "champion", "--bundle", "forest-1") == 0
    whole = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [one["name"] for one in whole["bundles"]] == ["plain-1", "forest-1"]
    assert whole["champion"] == champion
    assert whole["truth"]["verdicts"] > 3
    first = whole["figures"][0]
    assert first["precision_by"] == "verdicts"
    assert first["judged"] == first["alerts"]  # it tells what the run has told, and all of that was read
    assert 0 < first["true"] < first["judged"]
    assert first["found"] == first["cases"]
    assert "analyst-of-the-day" not in (tmp_path / "out" / "report.html").read_text()
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after.get(path)} == set()
    assert backtest(config, tmp_path / "other", "--bundle", "nobody-1") == 1
    assert "no bundle has the name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bundle", "no-such.bundle"], "no-such.bundle: no such file, and no state whose registry could have it"),
        (["--bundle", "online"], "online would be compared with itself"),
        (["--bundle", "{forest}", "--bundle", "{forest}"], "forest-1 would be compared with itself"),
        (["--bundle", "a", "--bundle", "b", "--bundle", "c"], "3 bundles are named"),
        (["--bundle", "{config}"], "innerwatch.toml: bundle"),
        (["--bundle", "{forest}", "--labels", "none.jsonl"], "none.jsonl: No such file"),
        (["--bundle", "{forest}", "--labels", "{forest}"], "forest.bundle: line 1"),
        (["--bundle", "{forest}", "--state", "nowhere"], "nowhere"),
        (["--bundle", "{forest}", "--from", "2026-03-09", "--to", "2026-03-08"], "no day is from 2026-03-09 to"),
        (["--bundle", "{forest}", "--trust", "{forest}"], "no public key in PEM"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words_and_nothing_is_written(
    arguments: list[str], words: str, config: Path, forest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [one.format(forest=forest, config=config) for one in arguments]
    assert backtest(config, tmp_path / "out", *asked) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_and_a_key_that_is_not_trusted_are_refused(
    small_log: SmallLog, config: Path, forest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(config, tmp_path, "--bundle", forest) == 1
    assert "exists already" in capsys.readouterr().err
    assert backtest(config_of(small_log, tmp_path), tmp_path / "out", "--bundle", forest) == 1
    assert "which is not trusted" in capsys.readouterr().err
    labels = tmp_path / "labels.jsonl"
    story = {"story": "a", "kind": "insider", "actor": "nobody", "start": "2026-03-09T09:00:00+08:00"}
    labels.write_text(json.dumps(story | {"end": "2026-03-10T09:00:00+08:00"}) + "\n")
    trust = ("--trust", next(path for path in forest.parent.parent.rglob("training.key.pub")))
    assert backtest(config, tmp_path / "out", "--bundle", forest, "--labels", labels, *DAYS, *trust) == 1
    assert "nobody in the labels is in this log" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle_it_leaves_no_report(number: int, config: Path, forest: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("backtest", "-", "--config", config, "--bundle", forest, "--out", out)
    command = [sys.executable, "-m", "detector.cli", *map(str, words)]
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=err, cwd=Path(__file__).parents[3])
    assert process.stdin is not None
    line = json.dumps(
        {"event_id": "e", "time": "2026-03-02T09:14:05Z", "actor": {"id": "E1"}, "action": "read",
         "resource": {"system": "claims"}, "outcome": "success"}
    ).encode()  # fmt: skip
    for _ in range(2_000):  # more than a pipe holds: whoever has taken it all is reading
        process.stdin.write(line + b"\n")
    process.stdin.flush()
    process.send_signal(number)
    process.stdin.close()
    code = process.wait(timeout=120.0)
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), (tmp_path / "err").read_text()
    assert not out.exists()
    if number == signal.SIGINT:
        assert "nothing was written" in (tmp_path / "err").read_text()
