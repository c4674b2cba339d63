"""The state folder holds the state before or the state after, and says so when it holds neither."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from alerts.errors import StaleOwnerError, UnavailableError
from alerts.store import Store
from detector.checkpoint import Checkpoints, read_latest
from detector.config import StateConfig
from detector.errors import CheckpointError
from detector.home import STORE, Home
from detector.shard import SHARD
from detector.snapshots import FolderSnapshots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    home = Home(StateConfig(folder=folder))
    yield home
    home.close()


@pytest.fixture
def owned(home: Home) -> Checkpoints:
    return home.checkpoints(SHARD)


def commit(checkpoints: Checkpoints, number: int) -> None:
    checkpoints.commit(f"log@{number}", {"n": np.array([number])}, {"events": number}, [])


def names(folder: Path) -> list[str]:
    return FolderSnapshots(folder).names()


def test_a_new_folder_has_nothing(home: Home, owned: Checkpoints) -> None:
    assert owned.latest() is None
    assert home.store.alerts() == home.store.shards() == []


def test_the_newest_commit_is_what_is_resumed_and_one_before_it_is_kept(owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2, 3, 4):
        commit(owned, number)
    saved = owned.latest()
    assert saved is not None
    assert (saved.position, saved.state["n"].tolist(), saved.fallback) == ("log@4", [4], False)
    assert names(folder) == ["000000000003-000001.state", "000000000004-000001.state"]


@pytest.mark.parametrize("harm", ["flip", "empty", "remove"])
def test_a_damaged_newest_generation_falls_back_to_the_one_before_and_is_replaced(
    owned: Checkpoints, folder: Path, harm: str
) -> None:
    for number in (1, 2, 3):
        commit(owned, number)
    newest = folder / "000000000003-000001.state"
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
    assert names(folder)[0] == "000000000002-000001.state"


def test_two_damaged_generations_are_an_error_and_never_an_empty_state(owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2):
        commit(owned, number)
    for path in folder.glob("*.state"):
        path.write_bytes(b"?")
    with pytest.raises(CheckpointError, match="restore it from a backup"):
        owned.latest()


def test_an_only_generation_that_is_missing_is_an_error(owned: Checkpoints, folder: Path) -> None:
    commit(owned, 1)
    (folder / "000000000001-000001.state").unlink()
    with pytest.raises(CheckpointError, match="no snapshot before it"):
        owned.latest()


def test_snapshots_that_the_store_does_not_know_are_an_error(home: Home, owned: Checkpoints, folder: Path) -> None:
    for number in (1, 2):
        commit(owned, number)
    home.close()
    for path in folder.glob(f"{STORE}*"):
        path.unlink()
    with closing(Home(StateConfig(folder=folder))) as anew, pytest.raises(CheckpointError, match="knows none"):
        anew.checkpoints(SHARD).latest()


def test_a_snapshot_that_was_never_committed_is_not_resumed(owned: Checkpoints, folder: Path) -> None:
    commit(owned, 1)
    (first,) = names(folder)
    (folder / "000000000002-000001.state").write_bytes((folder / first).read_bytes())
    saved = owned.latest()
    assert saved is not None
    assert saved.position == "log@1"


def test_a_former_owner_commits_no_more_and_leaves_the_newer_ones_snapshots_alone(
    home: Home, owned: Checkpoints, folder: Path
) -> None:
    commit(owned, 1)
    newer = home.checkpoints(SHARD)
    commit(newer, 2)
    with pytest.raises(StaleOwnerError):
        commit(owned, 20)
    commit(newer, 3)
    saved = newer.latest()
    assert saved is not None
    assert (saved.position, saved.fallback) == ("log@3", False)
    commit(newer, 4)
    assert "000000000002-000001.state" not in names(folder)  # what the former owner wrote in vain goes in its turn


def test_a_commit_that_failed_may_be_tried_again(owned: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(owned, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", lambda *_: (_ for _ in ()).throw(UnavailableError("away")))
        with pytest.raises(UnavailableError):
            commit(owned, 2)
    commit(owned, 2)
    saved = owned.latest()
    assert saved is not None
    assert saved.position == "log@2"


def test_reading_does_not_make_a_folder_and_says_what_to_name(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no state here"):
        Home(StateConfig(folder=folder), read_only=True)
    assert not folder.exists()
    assert read_latest(FolderSnapshots(folder), None) is None


def test_shards_of_one_home_do_not_meet(home: Home, folder: Path) -> None:
    one, other = home.checkpoints("topic-0-of-2"), home.checkpoints("topic-1-of-2")
    commit(one, 1)
    commit(other, 2)
    assert [home.saved(name).position for name in home.store.shards()] == ["log@1", "log@2"]
    assert names(folder / "topic-0-of-2") == names(folder / "topic-1-of-2") == ["000000000001-000001.state"]
