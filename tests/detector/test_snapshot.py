"""A snapshot is whole or refused."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detector import snapshot
from detector.errors import CheckpointError
from detector.snapshot import SCHEMA, read_snapshot, write_snapshot

STATE = {"a": np.arange(400.0).reshape(20, 20), "b/text": np.array(["x", "yy"]), "c": np.zeros((0, 3), np.uint8)}


@settings(max_examples=25)
@given(
    array=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=0, min_side=0),
    )
)
def test_any_array_of_numbers_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("s") / "x.state"
    write_snapshot(path, {"array": array})
    found = read_snapshot(path)["array"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


def test_the_same_state_gives_the_same_bytes_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = (write_snapshot(tmp_path / name, STATE) for name in ("1.state", "2.state"))
    assert first == second
    assert (tmp_path / "1.state").read_bytes() == (tmp_path / "2.state").read_bytes()
    assert (tmp_path / "1.state").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.state", "2.state"]


def test_what_was_restored_can_be_written_to(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "x", STATE)
    read_snapshot(tmp_path / "x")["a"][0, 0] = 7.0


def test_a_bit_flipped_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    sha256 = write_snapshot(path, STATE)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"x\.state"):
            read_snapshot(path, sha256)


@pytest.mark.parametrize("length", [0, 5, len(SCHEMA), len(SCHEMA) + 20, 200])
def test_a_file_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.state"
    write_snapshot(path, STATE)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError):
        read_snapshot(path)


def test_a_whole_file_that_is_not_the_expected_one_is_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "x.state", STATE)
    with pytest.raises(CheckpointError, match="checksum"):
        read_snapshot(tmp_path / "x.state", "0" * 64)


def test_another_schema_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.state").write_bytes(b"innerwatch-state/9\n" + b"0" * 50)
    with pytest.raises(CheckpointError, match="another schema"):
        read_snapshot(tmp_path / "x.state")


def test_objects_are_neither_written_nor_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="only numbers"):
        write_snapshot(tmp_path / "x.state", {"a": np.array([{}], object)})
    body = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode({"a": ["|O", [1], b"12345678"]}))
    (tmp_path / "x.state").write_bytes(SCHEMA + snapshot.sha256(body).digest() + body)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_snapshot(tmp_path / "x.state")


def test_a_write_that_fails_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path / "x.state", STATE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left.*nothing is lost"):
        write_snapshot(tmp_path / "x.state", {"a": np.ones(3)})
    assert read_snapshot(tmp_path / "x.state").keys() == STATE.keys()
    assert len(list(tmp_path.iterdir())) == 1
