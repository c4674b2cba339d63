"""Retraining: one script that every schedule calls, whose commands are the program's, and which promotes nothing."""

import fcntl
import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

import pytest
import typer

from detector.cli import app
from tests.deploy.image import ROOT
from tests.detector.small import KEY, SmallLog

SCRIPT: Final = ROOT / "deploy" / "retrain.sh"
DAG_FILE: Final = ROOT / "deploy" / "airflow" / "retrain.py"
RETRAIN: Final = "/opt/innerwatch/bin/innerwatch-retrain"
SETTINGS: Final = frozenset(re.findall(r"^#   ([A-Z_]+)  ", SCRIPT.read_text("utf-8"), re.MULTILINE))
"""The variables that the script says it takes."""
STEPS: Final = ("export", "train", "backtest", "add")
PATIENCE_S: Final = 300.0
STAND_IN: Final = """#!{python}
import json, os, pathlib, sys
words = sys.argv[1:]
with open({log!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
if " ".join(words).startswith(os.environ.get("BREAKS", "nothing")):
    sys.exit("innerwatch: it broke")
if "--out" in words:
    out = pathlib.Path(words[words.index("--out") + 1])
    if out.exists():
        sys.exit("innerwatch: it is there already")
    if words[0] == "train":
        out.write_text("a bundle")
    elif words[1] != "labels" or not os.environ.get("UNJUDGED"):
        out.mkdir()
"""


class Site:
    """A folder with the script beside a stand-in of the program, which notes what it is called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self._log = folder, folder / "runs", folder / "calls.jsonl"
        (folder / "bin").mkdir()
        self.script = folder / "bin" / "innerwatch-retrain"
        self.script.write_bytes(SCRIPT.read_bytes())
        self.put("innerwatch", STAND_IN.format(python=sys.executable, log=str(self._log)))
        for name in ("config.toml", "bundles.key"):
            (folder / name).touch()
        self.runs.mkdir()
        self.variables = {
            "INNERWATCH_CONFIG": str(folder / "config.toml"),
            "RETRAIN_FOLDER": str(self.runs),
            "RETRAIN_KEY": str(folder / "bundles.key"),
        }

    def put(self, name: str, text: str) -> None:
        program = self.folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)

    def run(self, *steps: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        env = {"PATH": os.environ["PATH"], **self.variables, **variables}
        command = ["/bin/sh", str(self.script), *steps]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S)

    def calls(self) -> list[list[str]]:
        """What the program was called with, and forget it."""
        found = [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def named(words: list[str]) -> str:
    """The command of a call: its words before the first that is an option or a path."""
    return " ".join(word for word in words[:2] if re.fullmatch(r"[a-z]+", word))


def test_it_exports_trains_backtests_and_adds_in_that_order_and_promotes_nothing(site: Site) -> None:
    done = site.run(RETRAIN_RUN="first", RETRAIN_TO="2026-05-29", RETRAIN_DAYS="60")
    assert done.returncode == 0, done.stderr
    calls = site.calls()
    assert [named(one) for one in calls] == [
        "export features",
        "export check",
        "export labels",
        "train",
        "backtest",
        "bundles add",
    ]
    features = calls[0]
    span = features[features.index("--from") + 1], features[features.index("--to") + 1]
    assert (date.fromisoformat(span[1]) - date.fromisoformat(span[0])).days == 59
    assert span[1] == "2026-05-29"
    run = site.runs / "first"
    assert calls[3][1] == features[features.index("--out") + 1]
    assert calls[3][calls[3].index("--labels") + 1] == calls[2][calls[2].index("--out") + 1]
    assert calls[3][calls[3].index("--key") + 1] == site.variables["RETRAIN_KEY"]
    bundle = calls[3][calls[3].index("--out") + 1]
    compared = [word for option, word in pairwise(calls[4]) if option == "--bundle"]
    assert compared == ["champion", bundle]
    assert calls[5][2] == bundle
    assert sorted(one.name for one in run.iterdir()) == ["report", Path(bundle).name]
    assert [line for line in done.stderr.splitlines() if line.startswith("retrain: export of first")]
    assert "innerwatch bundles shadow retrain-first" in done.stderr


def test_without_a_verdict_it_trains_on_features_alone(site: Site) -> None:
    assert site.run(UNJUDGED="yes").returncode == 0
    (train,) = [one for one in site.calls() if one[0] == "train"]
    assert "--labels" not in train


def test_every_command_is_one_of_the_program_with_options_that_it_has(site: Site) -> None:
    assert site.run().returncode == 0
    root: Any = typer.main.get_command(app)
    for words in site.calls():
        command, rest = root, list(words)
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, words


@pytest.mark.parametrize("breaks", ["export features", "export check", "export labels", "train", "backtest", "bundles"])
def test_a_step_that_fails_ends_it_in_words_and_the_same_run_goes_on_from_there(site: Site, breaks: str) -> None:
    done = site.run(RETRAIN_RUN="again", BREAKS=breaks)
    assert done.returncode == 1
    assert " ".join(site.calls()[-1]).startswith(breaks), "nothing follows what failed"
    step = {"export": "export", "bundles": "add"}.get(breaks.split(maxsplit=1)[0], breaks)
    assert done.stderr.splitlines()[-1].startswith(f"retrain: {step} failed; ")
    done = site.run(RETRAIN_RUN="again")
    assert done.returncode == 0, done.stderr
    names = [named(one) for one in site.calls()]
    assert names[-1] == "bundles add"
    assert ("train" in names) == (breaks not in ("backtest", "bundles"))


def test_steps_one_by_one_are_the_same_as_all_at_once(site: Site) -> None:
    assert site.run(RETRAIN_RUN="one").returncode == 0
    whole = site.calls()
    for step in STEPS:
        assert site.run(step, RETRAIN_RUN="two").returncode == 0
    assert site.calls() == [
        [word.replace("/one", "/two").replace("retrain-one", "retrain-two") for word in one] for one in whole
    ]


def test_what_a_run_that_never_ended_has_exported_is_deleted_by_the_next(site: Site) -> None:
    assert site.run(RETRAIN_RUN="left", BREAKS="train").returncode == 1
    assert (site.runs / "left" / "exports" / "features").is_dir()
    assert site.run(RETRAIN_RUN="next").returncode == 0
    assert not (site.runs / "left" / "exports").exists()
    assert not (site.runs / "next" / "exports").exists()


def test_two_at_once_are_refused(site: Site) -> None:
    with (site.runs / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = site.run()
    assert (done.returncode, site.calls()) == (75, [])
    assert "another retraining" in done.stderr


@pytest.mark.parametrize(
    ("steps", "variables", "says"),
    [
        (("promote",), {}, "no step 'promote'"),
        ((), {"RETRAIN_DAYS": "many"}, "RETRAIN_DAYS is 'many'"),
        ((), {"RETRAIN_RUN": "../elsewhere"}, "RETRAIN_RUN is '..-elsewhere'"),
        ((), {"RETRAIN_TO": "soon-ish"}, "RETRAIN_TO is 'soon-ish'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    site: Site, steps: tuple[str, ...], variables: Mapping[str, str], says: str
) -> None:
    done = site.run(*steps, **variables)
    assert (done.returncode, site.calls(), list(site.runs.iterdir())) == (2, [], [])
    assert says in done.stderr


def test_a_configuration_or_key_that_cannot_be_read_is_named(site: Site) -> None:
    done = site.run(INNERWATCH_CONFIG="/nowhere/innerwatch.toml")
    assert (done.returncode, site.calls()) == (1, [])
    assert "/nowhere/innerwatch.toml: cannot be read" in done.stderr
    done = site.run(RETRAIN_KEY="/nowhere/bundles.key")
    assert done.returncode == 1
    assert "/nowhere/bundles.key: cannot be read" in done.stderr
    assert "train" not in [named(one) for one in site.calls()]


@pytest.mark.slow
def test_the_step_export_works_with_the_program_itself(site: Site, small_log: SmallLog) -> None:
    site.put("innerwatch", f'#!/bin/sh\nexec {sys.executable} -m detector.cli "$@"\n')
    (site.folder / "key").write_text(KEY.hex())
    (site.folder / "key").chmod(0o600)
    (site.folder / "config.toml").write_text(
        f'[source]\npaths = ["{small_log.events}"]\n[context]\nroster = "{small_log.roster}"\n'
        f'[state]\nfolder = "{site.folder / "state"}"\n[privacy]\nkey_file = "{site.folder / "key"}"\n'
        "[risk]\nwarm_up_days = 3\n"
    )
    python = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "detector.cli", "run", "--config", site.variables["INNERWATCH_CONFIG"]]
    done = subprocess.run(command, env={**os.environ, **python}, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    done = site.run("export", RETRAIN_RUN="real", RETRAIN_TO="2026-03-20", RETRAIN_DAYS="10", **python)
    assert done.returncode == 0, done.stderr
    exports = site.runs / "real" / "exports"
    days = sorted(one.name for one in (exports / "features" / "features").iterdir())
    assert days
    assert {"day=2026-03-11"} <= set(days) <= {f"day=2026-03-{day}" for day in range(11, 21)}
    assert not (exports / "labels").exists(), "nobody has judged anything"
    assert (exports / "features").stat().st_mode & 0o077 == 0, "what is exported is personal data"


class Task:
    """As `airflow.providers.standard.operators.bash.BashOperator` documents itself, for what is used of it."""

    def __init__(self, *, task_id: str, bash_command: str, env: dict[str, str], append_env: bool) -> None:
        self.task_id, self.bash_command, self.env, self.append_env = task_id, bash_command, env, append_env
        self.after: list[str] = []
        Dag.open[-1].tasks.append(self)

    def __rshift__(self, other: "Task") -> "Task":
        other.after.append(self.task_id)
        return other


class Dag:
    """As `airflow.sdk.DAG` documents itself, for what is used of it."""

    open: Final[list["Dag"]] = []

    def __init__(
        self,
        *,
        dag_id: str,
        description: str,
        schedule: str,
        start_date: datetime,
        catchup: bool,
        max_active_runs: int,
        default_args: dict[str, int | timedelta],
        tags: list[str],
    ) -> None:
        assert re.fullmatch(r"[\w.-]+", dag_id)
        assert description
        assert len(schedule.split()) == 5
        self.started, self.catchup, self.max_active_runs, self.tags = start_date, catchup, max_active_runs, tags
        assert default_args.keys() <= {"retries", "retry_delay", "execution_timeout"}
        self.tasks: list[Task] = []

    def __enter__(self) -> Self:
        Dag.open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        Dag.open.pop()


def test_the_dag_of_airflow_does_the_steps_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("airflow", "airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, key, one in (
        ("airflow.sdk", "DAG", Dag),
        ("airflow.providers.standard.operators.bash", "BashOperator", Task),
    ):
        module = types.ModuleType(name)
        setattr(module, key, one)
        monkeypatch.setitem(sys.modules, name, module)
    space: dict[str, Any] = {}
    exec(compile(DAG_FILE.read_text("utf-8"), str(DAG_FILE), "exec"), space)
    dag: Dag = space["dag"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert [task.bash_command for task in dag.tasks] == [f"{Path(RETRAIN).name} {step}" for step in STEPS]
    assert [task.after for task in dag.tasks] == [[], ["export"], ["train"], ["backtest"]]
    for task in dag.tasks:
        assert task.env.keys() <= SETTINGS
        assert task.env == dag.tasks[0].env, "all steps are of one run"
        assert task.append_env


@pytest.mark.parametrize(
    ("run_id", "folder"),
    [
        ("scheduled__2026-11-28T02:00:00+00:00", "scheduled--2026-11-28t02-00-00-00-00"),
        ("manual__2026-11-29T01:15:08.123456+00:00_a1b2C3", "manual--2026-11-29t01-15-08.123456-00-00-a1b2c3"),
    ],
)
def test_the_names_that_airflow_gives_its_runs_become_names_of_folders_and_bundles(
    site: Site, run_id: str, folder: str
) -> None:
    assert site.run("export", RETRAIN_RUN=run_id).returncode == 0
    assert (site.runs / folder).is_dir()
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", f"retrain-{folder}")
