import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from models.beta_binomial_tail import log_tail


def exact(k: int, n: int, a: float, b: float) -> float:
    return float(special.logsumexp(stats.betabinom.logpmf(np.arange(k, n + 1), n, a, b)))


def mine(k: int, n: int, a: float, b: float) -> float:
    return float(log_tail(*(np.array([float(x)]) for x in (k, n, a, b)))[0])


@settings(max_examples=150, deadline=None)
@given(n=st.integers(1, 200), share=st.floats(0, 1), mean=st.floats(0.005, 0.995), strength=st.floats(1.0, 300.0))
def test_up_to_two_hundred_trials_the_tail_is_exact(n: int, share: float, mean: float, strength: float) -> None:
    k = 1 + int(share * (n - 1))
    a, b = mean * strength, (1 - mean) * strength
    assert mine(k, n, a, b) == pytest.approx(exact(k, n, a, b), rel=1e-7, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(201, 20_000),
    share=st.floats(0, 1),
    mean=st.floats(0.05, 0.9),
    strength=st.floats(20.0, 300.0),
)
def test_long_tails_are_within_a_five_hundredth_of_the_logarithm(
    n: int, share: float, mean: float, strength: float
) -> None:
    k = 1 + int(share * (n - 1))
    a, b = mean * strength, (1 - mean) * strength
    assert mine(k, n, a, b) == pytest.approx(exact(k, n, a, b), rel=0.002, abs=0.002)


@pytest.mark.parametrize(("a", "b"), [(0.2, 1.8), (1.8, 0.2), (0.5, 0.5)])
def test_with_a_parameter_below_one_the_probability_is_within_a_twentieth(a: float, b: float) -> None:
    for n in (300, 5_000):
        for k in (1, n // 20, n // 2, n - n // 20, n):
            assert np.exp(mine(k, n, a, b)) == pytest.approx(np.exp(exact(k, n, a, b)), abs=0.05)


def test_the_far_tail_does_not_underflow() -> None:
    assert mine(5_000, 5_000, 1.0, 99.0) < -300
    assert mine(190, 200, 0.1, 99.9) == pytest.approx(exact(190, 200, 0.1, 99.9), rel=1e-9)


def test_an_element_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(1, 2_000, 300).astype(float)
    k = np.maximum(1.0, np.floor(n * rng.random(300)))
    a, b = rng.uniform(0.1, 20, 300), rng.uniform(0.1, 100, 300)
    whole = log_tail(k, n, a, b)
    single = [log_tail(k[i : i + 1], n[i : i + 1], a[i : i + 1], b[i : i + 1]) for i in range(300)]
    assert np.concatenate(single).tobytes() == whole.tobytes()


def test_no_success_is_certain() -> None:
    assert mine(0, 10, 2.0, 3.0) == 0.0
