"""Detectors of river as recipes: class, parameters and a sample of days, from which the same detector is made again.

river's models learn one day at a time, and there is no file format for them that holds data alone. So what a bundle
keeps is what they learned from; it is learned again when the bundle is opened, and nothing after that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.bundles.archive import packed
from models.bundles.arrays import npy
from models.bundles.priors import SUFFIX, read_priors
from models.contract import Floats
from models.errors import BundleError

MOST_ROWS: Final = 5_000
"""Days of a sample: learned again in about a second."""
MOST_NODES: Final = 2**15
"""Of half-space trees in all."""
CLASS: Final = "class"
SAMPLE: Final = "sample"
SEED: Final = "seed"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a parameter: its type, the least and the most it can be."""

    kind: type
    least: float
    most: float


DETECTORS: Final[Mapping[str, Mapping[str, Bounds]]] = MappingProxyType(
    {
        "river.anomaly.HalfSpaceTrees": {
            "n_trees": Bounds(int, 1, 100),
            "height": Bounds(int, 1, 12),
            "window_size": Bounds(int, 2, MOST_ROWS),
            SEED: Bounds(int, 0, 2**32 - 1),
        },
        "river.anomaly.OneClassSVM": {"nu": Bounds(float, 1e-3, 0.999)},
    }
)
"""What can be kept, and which of its parameters can be given."""


class Recipe:
    """A detector of river that is asked like one of scikit-learn, and learns no more once it is fitted.

    Features are brought to [0, 1] by the least and the largest of the sample, as half-space trees want them.

    Args:
        name: of its class, one of `DETECTORS`.
        parameters: of its class, within bounds.

    Raises:
        BundleError: it cannot be kept.
    """

    def __init__(self, name: str, parameters: Mapping[str, Any]) -> None:
        if name not in DETECTORS:
            raise BundleError(f"{name[:100]} cannot be kept: of river a bundle keeps {', '.join(DETECTORS)}")
        for one, value in parameters.items():
            _check_parameter(name, one, value)
        size = int(parameters.get("n_trees", 10)) * 2 ** int(parameters.get("height", 8))
        if size > MOST_NODES:
            raise BundleError(f"{name} would have {size} nodes and may have {MOST_NODES}: give fewer or lower trees")
        self.name, self.parameters = name, dict(parameters)
        self.n_features_in_ = 0

    @classmethod
    def of(cls, detector: Any) -> Self:
        """The recipe of a detector of river, whatever it has learned; BundleError where it cannot be kept."""
        kind = type(detector)
        name = f"river.anomaly.{kind.__name__}" if kind.__module__.startswith("river.anomaly.") else kind.__module__
        known = DETECTORS.get(name, {})
        return cls(name, {one: getattr(detector, one) for one in known if getattr(detector, one, None) is not None})

    def fit(self, X: Floats, y: None = None) -> Self:  # noqa: ARG002, N803 - as in scikit-learn
        """Learn `X` (n, d) in its order; of more than 5,000 rows, as many that are spread evenly."""
        places = np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64)
        self._learn(np.asarray(X, dtype=np.float64)[places])
        return self

    def score_samples(self, X: Floats) -> Floats:  # noqa: N803 - as in scikit-learn
        """How ordinary each row of `X` (n, d) is, (n,), low = anomalous."""
        return np.array([-self._detector.score_one(row) for row in self._rows(X)], dtype=np.float64)

    def dumped(self) -> bytes:
        """Its file, an archive of arrays that NumPy can read as well."""
        every: dict[str, NDArray[Any]] = {CLASS: np.array(self.name), SAMPLE: self._sample}
        every |= {one: np.array(value) for one, value in self.parameters.items()}
        return packed({name + SUFFIX: npy(array) for name, array in every.items()})

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - as in scikit-learn
        """Its seed, where it draws."""
        return {"random_state": self.parameters.get(SEED)} if SEED in DETECTORS[self.name] else {}

    def set_params(self, **parameters: Any) -> Self:
        """Set its seed."""
        if parameters:
            self.parameters[SEED] = parameters["random_state"]
        return self

    def __sklearn_clone__(self) -> "Recipe":
        return Recipe(self.name, self.parameters)

    def _learn(self, sample: Floats) -> None:
        from river import anomaly  # noqa: PLC0415 - takes a second to load

        window = self.parameters.get("window_size", 250) if "n_trees" in DETECTORS[self.name] else 2
        if len(sample) < window:
            raise BundleError(
                f"{self.name} has {len(sample)} days to learn, and begins to tell after {window}: give more"
            )
        self.n_features_in_, self._sample = sample.shape[1], sample
        self._low = sample.min(axis=0)
        spread = sample.max(axis=0) - self._low
        self._spread = np.where(spread > 0.0, spread, 1.0)
        drawn = {SEED: 0} if SEED in DETECTORS[self.name] else {}  # or it would be another one in each process
        self._detector: Any = getattr(anomaly, self.name.rpartition(".")[2])(**drawn | self.parameters)
        for row in self._rows(sample):
            self._detector.learn_one(row)

    def _rows(self, values: Floats) -> list[dict[int, float]]:
        return [dict(enumerate(row)) for row in ((values - self._low) / self._spread).tolist()]


def read_recipe(body: bytes, width: int, what: str) -> Recipe:
    """The detector over `width` features whose recipe `dumped` wrote, made again.

    Raises:
        BundleError: it is none, or of what is not allowed.
    """
    arrays = dict(read_priors(body, what))
    name, sample = arrays.pop(CLASS, None), arrays.pop(SAMPLE, None)
    if name is None or name.dtype.kind != "U" or name.shape != () or sample is None:
        raise BundleError(f"{what} lacks the class or the sample of a detector: train it again")
    if sample.dtype != np.float64 or sample.ndim != 2 or sample.shape[1] != width or len(sample) > MOST_ROWS:
        raise BundleError(f"{what} has a sample of {sample.dtype}{list(sample.shape)}: give (n, {width}) of float64")
    if not np.isfinite(sample).all():
        raise BundleError(f"{what} has a sample with what is not finite: train it again")
    if any(array.shape != () or array.dtype.kind not in "if" for array in arrays.values()):
        raise BundleError(f"{what} has a parameter that is no number: train it again")
    try:
        made = Recipe(str(name), {one: array.item() for one, array in arrays.items()})
        made._learn(sample)  # noqa: SLF001 - the same class made it
    except BundleError as error:
        raise BundleError(f"{what}: {error}") from error
    return made


def _check_parameter(name: str, one: str, value: object) -> None:
    bounds = DETECTORS[name].get(one)
    if bounds is None:
        known = ", ".join(DETECTORS[name])
        raise BundleError(f"{name} has the parameter {one[:60]!r}, which cannot be kept: it can have {known}")
    fits = isinstance(value, bounds.kind) and not isinstance(value, bool)
    if not fits or not bounds.least <= value <= bounds.most:  # type: ignore[operator]
        raise BundleError(
            f"{name}: {one} is {str(value)[:60]}: it can be {bounds.kind.__name__}, {bounds.least:g} to {bounds.most:g}"
        )
