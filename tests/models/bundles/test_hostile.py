"""Bundles that mean harm are refused in words, and nothing of them is executed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.bundles.hostile import CANARY, HOSTILE, PICKLE
from tests.models.bundles.samples import sealed

ROOT = Path(__file__).parents[3]
GOOD = "zz good"
NAMES = {name: f"{number:03}" for number, name in enumerate(HOSTILE)}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What was said of each file, by a process in a folder of its own; a file that ended the process is not in it."""
    folder, place = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("place")
    for name, (make, _) in HOSTILE.items():
        (folder / NAMES[name]).write_bytes(make())
    (folder / GOOD).write_bytes(sealed("forest", "boosting", "neighbours"))
    heard: dict[str, tuple[str, str]] = {}
    while waiting := sorted(path for path in folder.iterdir()):
        done = subprocess.run(
            [sys.executable, "-m", "tests.models.bundles.opener", folder],
            cwd=place,
            env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        heard |= {name: (kind, text) for name, kind, text in lines}
        # One more than was heard of has ended the process.
        for path in waiting[: len(lines) + 1]:
            path.unlink()
        if not lines and done.returncode and "Error" in done.stderr:
            raise AssertionError(done.stderr)
    heard[CANARY] = ("executed", "") if list(place.iterdir()) else ("", "")
    return heard


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_in_words_that_name_what_is_wrong(
    name: str, verdicts: dict[str, tuple[str, str]]
) -> None:
    kind, text = verdicts.get(NAMES[name], ("the process died", ""))
    assert kind == "BundleError", text
    assert HOSTILE[name][1] in text
    assert text.isprintable()
    assert len(text) < 700


def test_nothing_of_any_of_them_was_executed(verdicts: dict[str, tuple[str, str]]) -> None:
    assert verdicts[CANARY] == ("", "")


def test_the_process_that_refuses_them_opens_a_good_one(verdicts: dict[str, tuple[str, str]]) -> None:
    assert verdicts[GOOD] == ("", "")


def test_whatever_a_signer_changes_in_a_learner_it_is_refused_or_judges_every_row() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.bundles.fuzz", "1", "150"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["refused"] + counts["judged"] == 150
    assert min(counts.values()) > 10


def test_what_the_pickles_hold_would_have_been_seen(tmp_path: Path) -> None:
    program = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, input=PICKLE, check=True)
    assert [path.name for path in tmp_path.iterdir()] == [CANARY]
