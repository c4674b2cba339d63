"""Bundles that are as they should be, and the same ones damaged."""

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundles import BundleError, fingerprint, open_bundle, packed_priors, seal
from models.bundles.archive import packed, unpacked
from tests.models.bundles.samples import (
    CARD,
    ESTIMATORS,
    KEY,
    PRIORS,
    STRANGER,
    days,
    facts,
    file,
    fitted,
    manifest,
    members,
    sealed,
)

TRUSTED = [STRANGER.public_key(), KEY.public_key()]
SMALL = sealed("components")
GOLDEN = "9df4cba104c96860ef6662ac801cef72eacaa620375b105adc4727d5768566b9"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_sealed_is_opened_as_it_was(name: str) -> None:
    body = sealed(name)
    bundle = open_bundle(body, TRUSTED)
    assert bundle.manifest.learners == (facts(name),)
    assert bundle.manifest.files.keys() == {"priors.npz", "card.md", f"{name}.skops"}
    assert (bundle.digest, bundle.card) == (sha256(body).hexdigest(), CARD.decode())
    assert {key: array.tolist() for key, array in bundle.priors.items()} == {
        key: array.tolist() for key, array in PRIORS.items()
    }
    (learner,) = bundle.learners
    values, _ = days(2)
    nats = learner.nats_many(values)
    ranks = learner.facts.kind == "ranker"
    answers = fitted(name).predict_proba(values)[:, 1] if ranks else -fitted(name).score_samples(values)
    expected = np.interp(np.float32(answers), np.float32(learner.facts.scores), learner.facts.nats)
    assert np.abs(nats - expected).max() <= 1.0 / 64.0
    assert len(np.unique(nats)) > 5


def test_a_bundle_of_several_learners_keeps_their_order() -> None:
    bundle = open_bundle(sealed("logistic", "forest"), TRUSTED)
    assert [learner.facts.name for learner in bundle.learners] == ["logistic", "forest"]


def test_a_bundle_without_learners_brings_its_priors() -> None:
    assert open_bundle(sealed(), TRUSTED).priors.keys() == PRIORS.keys()


def test_the_same_input_gives_the_same_bytes_in_any_order_and_any_process() -> None:
    parts = members("forest", "neighbours")
    described = manifest(facts("forest"), facts("neighbours"))
    again = seal(described, dict(reversed(parts.items())), KEY)
    assert again == seal(described, parts, KEY)
    program = (
        "import sys; from hashlib import sha256; from tests.models.bundles.samples import sealed; "
        "print(sha256(sealed('forest', 'neighbours')).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sha256(again).hexdigest()


def test_an_archive_has_the_bytes_that_it_had_in_every_release() -> None:
    """Bundles are opened by later versions of Python as well, and only if these write an archive as this one did."""
    assert sha256(packed({"b.npy": b"two", "a.json": b"one"})).hexdigest() == GOLDEN


def test_what_could_not_be_opened_is_not_sealed() -> None:
    described, parts = manifest(facts("forest")), members("forest")
    with pytest.raises(BundleError, match=r"forest\.skops is named without use"):
        seal(described, {name: body for name, body in parts.items() if name != "forest.skops"}, KEY)
    with pytest.raises(BundleError, match=r"components\.skops is named without use"):
        seal(described, parts | members("components"), KEY)
    with pytest.raises(BundleError, match=r"n_features_in_ of IsolationForest is 3 instead of 2"):
        seal(manifest(facts("forest", features=("joint", "total_exports"))), parts, KEY)


def test_a_key_that_is_not_trusted_is_named() -> None:
    with pytest.raises(BundleError, match=f"by the key {fingerprint(KEY.public_key())}, which is not trusted"):
        open_bundle(SMALL, [STRANGER.public_key()])
    with pytest.raises(BundleError, match="not trusted"):
        open_bundle(SMALL, [])


def test_priors_are_not_to_be_written_to() -> None:
    bundle = open_bundle(SMALL, TRUSTED)
    with pytest.raises(ValueError, match="read-only"):
        bundle.priors["volume.rows[]"][0, 0] = 1.0
    with pytest.raises(TypeError):
        bundle.priors["more"] = np.zeros(1)  # type: ignore[index]


def test_priors_can_be_read_by_numpy_too(tmp_path) -> None:
    path = tmp_path / "priors.npz"
    path.write_bytes(packed_priors(PRIORS))
    with np.load(path, allow_pickle=False) as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {name: a.tolist() for name, a in PRIORS.items()}


@pytest.mark.parametrize("array", [np.array([None]), np.array([{}, []], dtype=object)])
def test_priors_of_objects_are_refused(array: np.ndarray) -> None:
    with pytest.raises(BundleError, match="array of object"):
        packed_priors({"a": array})


@pytest.mark.parametrize("name", ["", "../a", "/a", "a/b", "a\n", ".a"])
def test_priors_with_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BundleError, match="cannot have the name"):
        packed_priors({name: np.zeros(1)})


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_whatever_byte_is_changed_the_bundle_is_refused(place: int, by: int) -> None:
    body = bytearray(SMALL)
    body[place] ^= by
    with pytest.raises(BundleError):
        open_bundle(bytes(body), TRUSTED)


@given(st.integers(0, len(SMALL) - 1))
@settings(max_examples=150)
def test_wherever_it_is_cut_off_the_bundle_is_refused(length: int) -> None:
    with pytest.raises(BundleError):
        open_bundle(SMALL[:length], TRUSTED)


@given(st.binary(max_size=300))
def test_no_bytes_whatsoever_are_more_than_refused(body: bytes) -> None:
    with pytest.raises(BundleError):
        open_bundle(body, TRUSTED)


def test_members_come_back_from_an_archive_as_they_were() -> None:
    parts = members("mixture")
    assert unpacked(packed(parts), "it", 10) == parts


def test_a_run_without_a_bundle_does_not_load_scikit_learn() -> None:
    program = "import sys, models.bundles; sys.exit(any(name in sys.modules for name in ('sklearn', 'skops')))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_file_holds_no_address_of_the_process_that_wrote_it() -> None:
    names = unpacked(file("forest"), "it", 10_000)
    assert sorted(names)[:3] == ["0.npy", "1.npy", "10.npy"]
