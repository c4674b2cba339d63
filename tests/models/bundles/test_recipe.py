"""Detectors of river in bundles: made again they answer as before, in every process; what is not allowed is refused."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, stats

from models.bundles import DETECTORS, BundleError, Recipe, dumped
from models.bundles.archive import packed
from models.bundles.arrays import npy
from models.bundles.recipe import MOST_ROWS, read_recipe

TREES, SVM = "river.anomaly.HalfSpaceTrees", "river.anomaly.OneClassSVM"
PARAMETERS: dict[str, dict[str, Any]] = {
    TREES: {"n_trees": 5, "height": 6, "window_size": 50, "seed": 3},
    SVM: {"nu": 0.2},
}


def days(number: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 3.0, size=(number, 3))


def fitted(name: str) -> Recipe:
    return Recipe(name, PARAMETERS[name]).fit(days())


def file(**arrays: Any) -> bytes:
    """A recipe with arrays of somebody's choice."""
    usual = {"class": TREES, "sample": days(), **PARAMETERS[TREES]}
    return packed({f"{name}.npy": npy(np.asarray(value)) for name, value in (usual | arrays).items()})


@pytest.mark.parametrize("name", DETECTORS)
def test_made_again_it_answers_as_before_and_its_file_is_the_same(name: str) -> None:
    made = fitted(name)
    again = read_recipe(dumped(made), 3, "own.npz")
    others = days(seed=2)
    np.testing.assert_array_equal(again.score_samples(others), made.score_samples(others))
    assert dumped(again) == dumped(made)
    assert len(np.unique(made.score_samples(others))) > 10


def test_it_is_river_s_own_detector_that_answers() -> None:
    sample, others = days(), days(seed=2)
    low, high = sample.min(axis=0), sample.max(axis=0)
    theirs = anomaly.HalfSpaceTrees(**PARAMETERS[TREES])
    for row in (sample - low) / (high - low):
        theirs.learn_one(dict(enumerate(row.tolist())))
    wanted = [-theirs.score_one(dict(enumerate(row.tolist()))) for row in (others - low) / (high - low)]
    np.testing.assert_array_equal(fitted(TREES).score_samples(others), wanted)


def test_what_lies_far_from_all_days_is_less_ordinary() -> None:
    for name in DETECTORS:
        usual, odd = fitted(name).score_samples(np.array([[6.0, 6.0, 6.0], [90.0, 90.0, 90.0]]))
        assert odd < usual


@pytest.mark.parametrize("name", DETECTORS)
@given(cuts=st.lists(st.integers(1, 39), max_size=5))
@settings(max_examples=15)
def test_asking_teaches_nothing_and_cutting_a_question_changes_nothing(name: str, cuts: list[int]) -> None:
    made, others = fitted(name), days(40, seed=3)
    whole = made.score_samples(others)
    parts = [made.score_samples(part) for part in np.split(others, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(made.score_samples(others), whole)


def test_in_every_process_it_is_the_same() -> None:
    script = (
        "import sys, numpy as np; from models.bundles.recipe import read_recipe;"
        "made = read_recipe(sys.stdin.buffer.read(), 3, 'own');"
        "print(made.score_samples(np.arange(30.0).reshape(10, 3)).tolist())"
    )
    body = dumped(Recipe(TREES, {}).fit(days()))
    here = str(read_recipe(body, 3, "own").score_samples(np.arange(30.0).reshape(10, 3)).tolist())
    env = os.environ | {"PYTHONHASHSEED": "77"}
    done = subprocess.run([sys.executable, "-c", script], input=body, capture_output=True, env=env)
    assert done.stdout.decode().strip() == here, done.stderr


def test_a_sample_is_bounded_and_spread_over_all_days() -> None:
    values = np.column_stack([np.arange(20_000.0), np.zeros(20_000)])
    made = Recipe(SVM, {}).fit(values)
    assert len(made._sample) == MOST_ROWS
    assert made._sample[[0, -1], 0].tolist() == [0.0, 19_999.0]
    assert np.isfinite(made.score_samples(values[:5])).all()


def test_a_detector_of_somebody_s_own_program_becomes_a_recipe_of_its_parameters() -> None:
    made = Recipe.of(anomaly.HalfSpaceTrees(n_trees=7, height=5, window_size=60, seed=9))
    assert made.parameters == {"n_trees": 7, "height": 5, "window_size": 60, "seed": 9}
    for other in (anomaly.LODA(), stats.Mean()):
        with pytest.raises(BundleError, match="cannot be kept: of river a bundle keeps"):
            Recipe.of(other)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"class": "river.anomaly.LODA"}, "cannot be kept"),
        ({"class": "os.system"}, "cannot be kept"),
        ({"class": 3}, "lacks the class"),
        ({"class": np.array([TREES])}, "lacks the class"),
        ({"sample": days().astype(np.float32)}, "has a sample of float32"),
        ({"sample": days()[:, :2]}, r"\[400, 2\]: give"),
        ({"sample": np.zeros((MOST_ROWS + 1, 3))}, "has a sample of"),
        ({"sample": np.zeros((0, 3))}, "0 days to learn, and begins to tell after 50"),
        ({"sample": np.full((400, 3), np.nan)}, "not finite"),
        ({"sample": days(20)}, "has 20 days to learn, and begins to tell after 50"),
        ({"n_trees": 10**9}, "n_trees is 1000000000: it can be int, 1 to 100"),
        ({"n_trees": 100, "height": 12}, "nodes and may have"),
        ({"n_trees": 2.5}, "n_trees is 2.5"),
        ({"n_trees": np.array([5, 5])}, "is no number"),
        ({"seed": "x"}, "is no number"),
        ({"limits": 3}, "'limits', which cannot be kept"),
        ({"class": SVM}, "'height', which cannot be kept"),
    ],
)
def test_a_recipe_of_what_is_not_allowed_is_refused_in_words(arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(BundleError, match=words) as refused:
        read_recipe(file(**arrays), 3, "own.npz")
    assert "own.npz" in str(refused.value)
