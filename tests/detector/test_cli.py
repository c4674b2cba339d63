"""The command line: its contract, its exit codes, and standard output that is data."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from alerts.alert import Alert
from alerts.bundles import Deed
from alerts.registry import Registry
from detector import cli
from detector.bundles import trained_at
from detector.home import STORE
from tests.detector.bundling import act, add
from tests.detector.small import KEY, SmallLog

BAD = sorted((Path(__file__).parent / "bad_config").glob("*.toml"))
COMMANDS = (
    "", "replay", "run", "simulate", "evaluate", "explain", "baseline", "check", "deadletters", "deadletters list",
    "deadletters replay", "map", "map test", "demo", "db", "db check", "db upgrade",
    "topics", "topics create", "topics check", "rekey", "deliver", "incidents", "incidents list", "incidents show",
    "incidents assign", "incidents note", "incidents move", "incidents close", "incidents reopen",
    "incidents merge", "incidents split", "feedback", "feedback list", "feedback withdraw", "exceptions",
    "exceptions add", "exceptions list", "exceptions end", "silences",
    "silences add", "silences list", "silences expire", "deliveries", "deliveries list", "deliveries retry",
    "receivers", "receivers test", "serve", "tokens", "tokens add", "tokens list", "tokens revoke",
    "doctor", "probe", "drift", "backup", "restore",
    "bundles", "bundles key", "bundles add", "bundles list", "bundles show", "bundles shadow", "bundles promote",
    "bundles rollback", "bundles archive", "bundles export", "train", "backtest",
    "export", "export events", "export features", "export alerts", "export labels", "export check",
)  # fmt: skip
SAMPLE = Path(__file__).parents[1] / "data" / "cloudtrail" / "logs"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "home" / "innerwatch").mkdir(parents=True)
    key = tmp_path / "home" / "innerwatch" / "key"
    key.write_text(KEY.hex())
    key.chmod(0o600)
    return tmp_path / "home" / "innerwatch"


def innerwatch(*arguments: object) -> int:
    """Run in this process; the exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def config_of(log: SmallLog, folder: Path, **sections: dict[str, object]) -> Path:
    tree = log.config().model_dump(mode="json", exclude_defaults=True) | sections
    lines = [
        f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()) for name, keys in tree.items()
    ]
    path = folder / "innerwatch.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_says_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert innerwatch(*command.split(), "--help") == 0
    out = capsys.readouterr().out
    assert f"Usage: {' '.join(['innerwatch', *command.split()])} " in out
    assert re.search(r"\n  [A-Z][^\n]+[.,;a-z]\n", out)


@pytest.mark.parametrize("option", ["--config", "--roster", "--assignments", "--honey", "--vips", "--mapping",
                                    "--budget", "--out", "--reveal", "--state"])  # fmt: skip
def test_replay_has_the_options_that_others_rely_on(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    innerwatch("replay", "--help")
    assert option in capsys.readouterr().out


def test_help_answers_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "detector.cli", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    heavy = {name for name in ("numpy", "scipy", "pydantic", "sqlalchemy", "matplotlib") if f" {name}\n" in done.stderr}
    assert heavy == set()


def test_replay_gives_lines_of_final_alerts_under_pseudonyms_and_talks_on_standard_error(
    small_log: SmallLog, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    config = config_of(small_log, tmp_path)
    assert innerwatch("replay", small_log.events, "--config", config) == 0
    out, err = capfdbinary.readouterr()
    alerts = [msgspec.json.decode(line, type=Alert) for line in out.splitlines()]
    assert len(alerts) >= 3
    assert alerts == sorted(alerts, key=lambda alert: (alert.opened_at, alert.alert_id))
    assert all(alert.actor.startswith("E-") for alert in alerts)
    text = err.decode()
    for word in ("events", "rejected", "dead letters are in", "alerts", "budget", "ready"):
        assert word in text
    assert Path(re.search(r"dead letters are in (\S+)", text).group(1)).is_file()  # type: ignore[union-attr]
    for key in (
        "detection",
        "time",
        "p_value",
        "observed",
        "expected",
        "peer_expected",
        "unit",
        "event_ids",
        "technique",
    ):
        assert key in json.loads(out.splitlines()[0])["findings"][0]

    assert innerwatch("replay", small_log.events, "--config", config, "--reveal", "--out", tmp_path / "a.jsonl") == 0
    again, _ = capfdbinary.readouterr()
    revealed = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert again == b""
    assert [alert["alert_id"] for alert in revealed] == [alert.alert_id for alert in alerts]
    roster = small_log.roster.read_text()
    assert all(f"\n{alert['actor']}," in roster for alert in revealed)
    assert (tmp_path / "a.jsonl.deadletters.jsonl").is_file()


def test_the_budget_of_the_command_line_is_kept_and_a_senseless_one_refused(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_of(small_log, tmp_path)
    assert innerwatch("replay", small_log.events, "--config", config, "--budget", "0.5") == 0
    assert "budget of 0.5 in 1,000" in capfd.readouterr().err
    assert innerwatch("replay", small_log.events, "--budget", "0") == 1
    assert "'budget'" in capfd.readouterr().err


def test_drift_reads_what_a_replay_left_and_a_schedule_may_go_by_its_exit_code(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, state = config_of(small_log, tmp_path), tmp_path / "state"
    assert innerwatch("replay", small_log.events, "--config", config, "--state", state) == 0
    capfd.readouterr()
    asked = ("drift", "--config", config, "--state", state)
    assert innerwatch(*asked, "--fail-on", "retrain", "--fail-on", "look first") == 0
    out = capfd.readouterr().out
    assert "bulk_export" in out
    assert "recommended: nothing to do\n    there are fewer than 500 actor-days to compare" in out
    monkeypatch.setattr("detector.drift.LEAST_ACTOR_DAYS", 20)  # of a dozen people chance alone moves it a lot
    assert innerwatch(*asked, "--json", "--shard", "0") == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["recommendation"], found["shards"][0]["shard"]) == ("retrain", "0")
    moved = [one for one in found["shards"][0]["detections"] if one["shift"]["index"] > 0.25]
    assert any(part["shift"]["index"] > 0.1 for one in moved for part in one["measures"])
    assert innerwatch(*asked, "--fail-on", "look first") == 0
    assert innerwatch(*asked, "--fail-on", "retrain") == 10
    capfd.readouterr()
    with closing(Registry(f"sqlite:///{state}/{STORE}")) as registry:
        act(registry, Deed.PROMOTE, add(registry, "spring", b"its bytes are not looked at"))
    monkeypatch.setattr("detector.app.now", lambda: trained_at("2027-06-29T00:00:00+00:00"))
    assert innerwatch(*asked, "--json") == 0
    assert "the bundle that judges was trained 212 days ago" in json.loads(capfd.readouterr().out)["reasons"]
    assert innerwatch(*asked, "--shard", "7") == 1
    assert "7: no such shard; there are 0" in capfd.readouterr().err
    assert innerwatch("drift", "--state", tmp_path / "nothing") == 1
    assert "no state here" in capfd.readouterr().err


def test_evaluate_explain_and_baseline_read_what_replay_left(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config, state, out = config_of(small_log, tmp_path), tmp_path / "state", tmp_path / "alerts.jsonl"
    assert innerwatch("replay", small_log.events, "--config", config, "--state", state, "--reveal", "--out", out) == 0
    first = json.loads(out.read_bytes().splitlines()[0])
    capfd.readouterr()

    assert innerwatch("evaluate", out, small_log.labels) == 0
    assert "insiders found" in capfd.readouterr().out
    assert innerwatch("evaluate", out, small_log.labels, "--json") == 0
    assert json.loads(capfd.readouterr().out)["insiders"] == 17

    assert innerwatch("explain", first["alert_id"][:9], "--alerts", out) == 0
    assert first["actor"] in capfd.readouterr().out
    assert innerwatch("explain", first["alert_id"], "--state", state) == 0
    shown = capfd.readouterr().out
    assert first["actor"] not in shown
    assert "First steps" in shown
    assert innerwatch("explain", first["alert_id"], "--state", state, "--reveal") == 0
    assert first["actor"] in capfd.readouterr().out

    picture = tmp_path / "normal.png"
    assert innerwatch("baseline", first["actor"], "--state", state, "--config", config, "--picture", picture) == 0
    by_id = capfd.readouterr().out
    assert "peer group" in by_id
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert innerwatch("baseline", by_id.split(":")[0], "--state", state, "--config", config) == 0
    assert capfd.readouterr().out == by_id
    assert first["actor"] not in by_id

    live = config_of(small_log, tmp_path, state={"folder": str(state)})
    assert innerwatch("check", "--config", live) == 0
    assert "bulk_export" in capfd.readouterr().out

    assert innerwatch("deadletters", "list", state) == 0
    listed = capfd.readouterr()
    assert "not_json" in listed.out
    assert innerwatch("deadletters", "replay", state, "--config", config) == 0
    again = capfd.readouterr().err
    assert f"{len(listed.out.splitlines())} records replayed" in again


def test_check_says_what_is_not_ready_and_why(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = config_of(small_log, tmp_path, state={"folder": "new"}, detections={"disabled": ["odd_hours"]})
    assert innerwatch("check", "--config", path) == 0
    out = capfd.readouterr().out
    assert "warm-up: 0 of 3 days" in out
    assert "named in detections.disabled" in out
    assert not (tmp_path / "new").exists()
    assert innerwatch("check") == 0
    assert "context.honey" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "missing.jsonl"], "missing.jsonl: no such file"),
        (["replay"], "no input"),
        (["replay", "x", "--mapping", "elsewhere"], "no such format"),
        (["evaluate", "no.jsonl", "no.jsonl"], "no.jsonl"),
        (["explain", "abc", "--alerts", "no.jsonl"], "cannot read alerts"),
        (["explain", "abc", "--state", "nowhere"], "no state here"),
        (["baseline", "E1", "--state", "nowhere"], "no state here"),
        (["deadletters", "list", "nowhere"], "cannot be read"),
        (["simulate", "--out", "x", "--staff", "3"], "at least 40"),
        (["check", "--config", "none.toml"], "cannot read the configuration"),
        (["map", "test", "cloudtrail", "nowhere"], "no such file"),
    ],
)
def test_a_named_error_is_one_line_and_exits_with_1(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert innerwatch(*arguments) == 1
    err = capfd.readouterr().err
    assert words in err
    assert err.startswith("innerwatch: ")
    assert err.count("\n") == 1


def test_a_file_of_another_kind_is_an_error_that_keeps_its_bytes_and_an_empty_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_bytes(b"no log\n\xff\x00\n")
    assert innerwatch("replay", "notes.txt", "--out", "alerts.jsonl") == 1
    err = capfd.readouterr().err
    assert "innerwatch: not one record could be read as 'native'" in err
    assert "innerwatch map test" in err
    assert Path("alerts.jsonl.deadletters.jsonl").read_bytes().count(b"\n") == 2
    Path("empty.jsonl").touch()
    assert innerwatch("replay", "empty.jsonl") == 0


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["replay", "--fly"], ["run"], ["simulate"], ["explain", "a"],
     ["explain", "a", "--alerts", "x", "--reveal"], ["replay", "x", "--budget", "many"],
     ["map", "test", "native", "x"]],
)  # fmt: skip
def test_wrong_usage_exits_with_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert innerwatch(*arguments) == 2
    assert "Usage: innerwatch" in capfd.readouterr().err


def test_the_unexpected_exits_with_3_and_says_where_the_details_are(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("detector.evaluation.evaluate", lambda *_: 1 / 0)
    assert innerwatch("evaluate", "a", "b") == 3
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    details = Path(re.search(r"details are in (\S+),", err).group(1))  # type: ignore[union-attr]
    assert "ZeroDivisionError" in details.read_text()


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_a_bad_configuration_is_refused_in_words_that_name_file_and_key(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expects: ").split("; ")
    assert innerwatch("check", "--config", path) == 1
    err = capfd.readouterr().err
    assert path.name in err
    assert [words for words in expected if words not in err] == []


def test_a_run_is_repeated_by_its_contexts_and_files_on_the_command_line_replace_a_topic(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_of(small_log, tmp_path)
    assert innerwatch("replay", small_log.events, "--config", config, "--state", tmp_path / "state") == 0
    told, _ = capfd.readouterr()
    bare = tmp_path / "bare.toml"
    bare.write_text(
        '[source.kafka]\nservers = ["nowhere:1"]\n[context]\ntopic = "people"\n'
        "[risk]\nwarm_up_days = 3\nbudget = 60.0\n[profiles]\nrecent_events = 4096\n"
    )
    assert innerwatch("replay", small_log.events, "--config", bare, "--contexts", tmp_path / "state") == 0
    assert capfd.readouterr().out == told
    files = ["--roster", small_log.roster, "--honey", small_log.honey]
    assert innerwatch("replay", small_log.events, "--config", bare, *files) == 0
    assert capfd.readouterr().out == told
    assert innerwatch("replay", small_log.events, "--config", bare) == 1
    assert "context.topic is read at source.kafka.servers, which is not set or replaced" in capfd.readouterr().err
    assert innerwatch("replay", small_log.events, "--config", config, "--contexts", tmp_path) == 1
    assert "no state here" in capfd.readouterr().err


def test_map_test_gives_events_and_says_what_is_not_mapped(capfd: pytest.CaptureFixture[str]) -> None:
    assert innerwatch("map", "test", "cloudtrail", SAMPLE, "--most", "5") == 0
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[0])["actor"]["id"]
    assert "not mapped" in err


def test_a_short_log_shows_what_stood_out_and_says_that_this_is_no_alert(capfd: pytest.CaptureFixture[str]) -> None:
    assert innerwatch("replay", SAMPLE, "--mapping", "cloudtrail") == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "not alerts: the baseline is not ready" in err
    assert "benjamin" not in err
    assert innerwatch("replay", SAMPLE, "--mapping", "cloudtrail", "--reveal") == 0
    assert "benjamin" in capfd.readouterr().err


def test_the_key_is_made_once_and_said(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "key").unlink()
    for said in (True, False):
        assert innerwatch("check") == 0
        assert (str(home / "key") in capfd.readouterr().err) is said
    assert (home / "key").stat().st_mode & 0o777 == 0o600


def test_simulate_writes_an_insurer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["--out", tmp_path, "--staff", 40, "--days", 12, "--seed", 5, "--warm-up-days", 4]
    assert innerwatch("simulate", *command) == 0
    assert {"events.jsonl", "roster.csv", "labels.jsonl"} <= {path.name for path in tmp_path.iterdir()}


def test_an_interrupted_replay_exits_with_130_and_goes_on_to_the_same_end(
    small_log: SmallLog, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    config = config_of(small_log, tmp_path, state={"checkpoint_events": 200})
    assert innerwatch("replay", small_log.events, "--config", config) == 0
    whole, _ = capfdbinary.readouterr()
    state = tmp_path / "state"
    command = [sys.executable, "-m", "detector.cli", "replay", small_log.events, "--config", config, "--state", state]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seen = set(state.glob("*.state"))
        while process.poll() is None and set(state.glob("*.state")) <= seen:
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate()
        assert (process.returncode, out) == (130, b""), err
        assert b"run the same command again" in err
    assert innerwatch("replay", small_log.events, "--config", config, "--state", state) == 0
    assert capfdbinary.readouterr()[0] == whole
