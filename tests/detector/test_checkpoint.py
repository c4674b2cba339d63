"""The state folder holds the state before or the state after, and says so when it holds neither."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alerts.errors import StaleOwnerError
from detector.checkpoint import STORE, Checkpoints, open_store, read_latest
from detector.errors import CheckpointError
from detector.shard import SHARD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def owned(folder: Path) -> Iterator[Checkpoints]:
    checkpoints = Checkpoints(folder, SHARD)
    yield checkpoints
    checkpoints.close()


def commit(checkpoints: Checkpoints, number: int) -> None:
    checkpoints.commit(f"log@{number}", {"n": np.array([number])}, {"events": number}, [])


def test_a_new_folder_has_nothing(owned: Checkpoints) -> None:
    assert owned.latest() is None
    assert owned.alerts() == []


def test_the_newest_commit_is_what_is_resumed_and_one_before_it_is_kept(owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2, 3, 4):
        commit(owned, number)
    saved = owned.latest()
    assert saved is not None
    assert (saved.position, saved.state["n"].tolist(), saved.fallback) == ("log@4", [4], False)
    assert sorted(path.name for path in folder.glob("*.state")) == ["000000000003.state", "000000000004.state"]


@pytest.mark.parametrize("harm", ["flip", "empty", "remove"])
def test_a_damaged_newest_generation_falls_back_to_the_one_before_and_is_replaced(
    owned: Checkpoints, folder: Path, harm: str
) -> None:
    for number in (1, 2, 3):
        commit(owned, number)
    newest = folder / "000000000003.state"
    if harm == "remove":
        newest.unlink()
    else:
        newest.write_bytes(b"" if harm == "empty" else newest.read_bytes()[:-1] + b"?")
    saved = owned.latest()
    assert saved is not None
    assert (saved.position, saved.state["n"].tolist(), saved.fallback) == ("log@2", [2], True)
    commit(owned, 30)
    again = owned.latest()
    assert again is not None
    assert (again.position, again.fallback) == ("log@30", False)
    assert sorted(path.name for path in folder.glob("*.state")) == ["000000000002.state", "000000000003.state"]


def test_two_damaged_generations_are_an_error_and_never_an_empty_state(owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2):
        commit(owned, number)
    for path in folder.glob("*.state"):
        path.write_bytes(b"?")
    with pytest.raises(CheckpointError, match=r"restore .* from a backup"):
        owned.latest()


def test_an_only_generation_that_is_missing_is_an_error(owned: Checkpoints, folder: Path) -> None:
    commit(owned, 1)
    (folder / "000000000001.state").unlink()
    with pytest.raises(CheckpointError, match="no generation before it"):
        owned.latest()


def test_snapshots_that_the_store_does_not_know_are_an_error(owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2):
        commit(owned, number)
    owned.close()
    for path in folder.glob(f"{STORE}*"):
        path.unlink()
    anew = Checkpoints(folder, SHARD)
    with pytest.raises(CheckpointError, match="knows none"):
        anew.latest()
    anew.close()


def test_a_snapshot_that_was_never_committed_is_not_resumed(owned: Checkpoints, folder: Path) -> None:
    commit(owned, 1)
    (folder / "000000000002.state").write_bytes((folder / "000000000001.state").read_bytes())
    saved = owned.latest()
    assert saved is not None
    assert saved.position == "log@1"


def test_a_former_owner_commits_no_more(owned: Checkpoints, folder: Path) -> None:
    commit(owned, 1)
    newer = Checkpoints(folder, SHARD)
    with pytest.raises(StaleOwnerError):
        commit(owned, 2)
    newer.close()


def test_reading_does_not_make_a_folder_and_says_what_to_name(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no state here"):
        open_store(folder)
    assert not folder.exists()
    assert read_latest(folder, None) is None
