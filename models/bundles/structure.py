"""Estimators as scikit-learn fits them: what a loaded one must be before it is asked anything.

scikit-learn checks what it is given, not what it is made of. So whatever an estimator's answers depend on is looked at
here: kinds, shapes and sizes that fit its features, so that no row makes it fail, read elsewhere, or take all memory.
"""

# ruff: noqa: PLC0415, SLF001 - scikit-learn takes a second to load, and has no public door to what is looked at

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from models.bundles.schema import ESTIMATORS
from models.bundles.trees import check_records
from models.errors import BundleError

MOST_TREES: Final = 2000
MOST_COMPONENTS: Final = 256
MOST_NEIGHBOURS: Final = 1000
MOST_POINTS: Final = 200_000
MOST_STEPS: Final = 8


class _Odd(Exception):  # noqa: N818 - never leaves this module
    """What is not as it should be."""


def check_estimator(estimator: Any, width: int, what: str) -> None:
    """Refuse an estimator that is not as one fitted to `width` features; mend what `dumped` left out.

    Raises:
        BundleError: says what is not as it should be.
    """
    try:
        _passed(estimator, width)
    except _Odd as odd:
        raise BundleError(f"{what}: {odd}") from odd


def _passed(estimator: Any, width: int) -> int:
    """Check an estimator over `width` features; the width of what it passes on, for a step of a pipeline."""
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    check = _CHECKS.get(kind)
    if check is None:
        raise _Odd(f"{kind} is no estimator that can be used")
    _tidy(estimator)
    if kind not in _BARE:
        _same(estimator, "n_features_in_", width)
    return check(estimator, width) or width


def _tidy(estimator: Any) -> None:
    """One thread, so that sums are made in one order; no words; nothing of its own in place of a method."""
    for name in vars(estimator):
        if callable(getattr(type(estimator), name, None)) or name in ("_sklearn_output_config", "_in_fit"):
            raise _Odd(f"{name} of {type(estimator).__name__} stands in the place of something else")
    for name, value in (("n_jobs", None), ("verbose", 0), ("memory", None)):
        if name in vars(estimator):
            setattr(estimator, name, value)


def _pipeline(pipeline: Any, width: int) -> None:
    steps = _of(pipeline, "steps", list)
    if not 1 <= len(steps) <= MOST_STEPS or not all(isinstance(step, tuple) and len(step) == 2 for step in steps):
        raise _Odd(f"Pipeline has {len(steps)} steps or odd ones; it may have {MOST_STEPS}")
    names = [name for name, _ in steps]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise _Odd("Pipeline has steps without names of their own")
    for number, (_, step) in enumerate(steps):
        if number < len(steps) - 1 and not hasattr(step, "transform"):
            raise _Odd(f"Pipeline has {type(step).__name__} where only the last step may be one")
        width = _passed(step, width)


def _scaler(scaler: Any, width: int) -> None:
    _switch(scaler, "with_mean", "with_std")
    if scaler.with_mean:
        _array(scaler, "mean_", (width,))
    if scaler.with_std and not np.all(_array(scaler, "scale_", (width,))):
        raise _Odd("scale_ of StandardScaler divides by nothing")


def _pca(pca: Any, width: int) -> int:
    kept = _whole(pca, "n_components_", 1, width)
    _switch(pca, "whiten")
    _array(pca, "mean_", (width,))
    _array(pca, "components_", (kept, width))
    _array(pca, "explained_variance_", (kept,))
    _number(pca, "noise_variance_")
    return kept


def _logistic(model: Any, width: int) -> None:
    _two_classes(model)
    _array(model, "coef_", (1, width))
    _array(model, "intercept_", (1,))


def _mixture(model: Any, width: int) -> None:
    number = _rows(model, "means_")
    if not 1 <= number <= MOST_COMPONENTS:
        raise _Odd(f"GaussianMixture has {number} components and may have {MOST_COMPONENTS}")
    shapes = {
        "full": (number, width, width),
        "tied": (width, width),
        "diag": (number, width),
        "spherical": (number,),
    }
    shape = shapes.get(_of(model, "covariance_type", str))
    if shape is None:
        raise _Odd("GaussianMixture has no covariance_type")
    _array(model, "means_", (number, width))
    _array(model, "weights_", (number,))
    _array(model, "precisions_cholesky_", shape)


def _neighbours(model: Any, width: int) -> None:
    from sklearn.neighbors import KDTree  # type: ignore[import-untyped]

    count = _rows(model, "_fit_X")
    if count > MOST_POINTS:
        raise _Odd(f"LocalOutlierFactor holds {count} points and may hold {MOST_POINTS}: fit it to a sample")
    near = _whole(model, "n_neighbors_", 1, min(count, MOST_NEIGHBOURS))
    for name, value in (("novelty", True), ("effective_metric_", "euclidean"), ("effective_metric_params_", {})):
        _same(model, name, value)
    _same(model, "n_samples_fit_", count)
    _same(model, "metric", "minkowski")
    points = _array(model, "_fit_X", (count, width))
    reach = _of(model, "_distances_fit_X_", np.ndarray)
    if reach.ndim != 2 or reach.shape[1] < near:
        raise _Odd(f"_distances_fit_X_ of LocalOutlierFactor has the shape {reach.shape}")
    _array(model, "_distances_fit_X_", (count, reach.shape[1]))
    _array(model, "_lrd", (count,))
    if _of(model, "_fit_method", str) not in ("kd_tree", "brute"):
        raise _Odd("LocalOutlierFactor searches in a way that is not known: give algorithm='kd_tree' or 'brute'")
    model._tree = None
    if model._fit_method == "kd_tree":
        model._tree = KDTree(points, leaf_size=_whole(model, "leaf_size", 1, 10_000))


def _isolation(forest: Any, width: int) -> None:
    _same(forest, "_max_features", width)
    trees = _trees(forest, width, "ExtraTreeRegressor", 1)
    _whole(forest, "_max_samples", 1, 2**31)
    if len(_of(forest, "estimators_features_", list)) != len(trees):
        raise _Odd("IsolationForest has not as many lists of features as trees")
    for name in ("_decision_path_lengths", "_average_path_length_per_tree"):
        depths = _of(forest, name, tuple)
        if len(depths) != len(trees):
            raise _Odd(f"{name} of IsolationForest is not as long as there are trees")
        for tree, depth in zip(trees, depths, strict=True):
            _fits(depth, (tree.tree_.node_count,), f"{name} of IsolationForest")


def _forest(forest: Any, width: int) -> None:
    _two_classes(forest)
    _same(forest, "n_outputs_", 1)
    _same(forest, "n_classes_", 2)
    forest.n_estimators = len(_trees(forest, width, "DecisionTreeClassifier", 2))
    for tree in forest.estimators_:
        _same(tree, "n_classes_", 2)


def _trees(forest: Any, width: int, kind: str, classes: int) -> list[Any]:
    trees: list[Any] = _of(forest, "estimators_", list)
    if not 1 <= len(trees) <= MOST_TREES:
        raise _Odd(f"{type(forest).__name__} has {len(trees)} trees and may have {MOST_TREES}")
    for tree in trees:
        if type(tree).__name__ != kind:
            raise _Odd(f"{type(forest).__name__} is made of {type(tree).__name__} instead of {kind}")
        _tidy(tree)
        _same(tree, "n_features_in_", width)
        _same(tree, "n_outputs_", 1)
        inner: Any = getattr(tree, "tree_", None)
        if type(inner).__name__ != "Tree" or inner.node_count < 1:
            raise _Odd(f"a tree of {type(forest).__name__} has no nodes")
        if inner.n_features != width or inner.max_n_classes != classes:
            raise _Odd(f"a tree of {type(forest).__name__} is not over its {width} features")
    return trees


def _boosting(model: Any, width: int) -> None:
    from sklearn._loss import HalfBinomialLoss  # type: ignore[import-untyped]

    _two_classes(model)
    _same(model, "n_trees_per_iteration_", 1)
    _same(model, "_preprocessor", None)
    _array(model, "_baseline_prediction", (1, 1))
    bins = getattr(model, "_bin_mapper", None)
    if type(bins).__name__ != "_BinMapper" or np.any(_array(bins, "is_categorical_", (width,))):
        raise _Odd("HistGradientBoostingClassifier has categories: give numbers alone")
    rounds = _of(model, "_predictors", list)
    if not 1 <= len(rounds) <= MOST_TREES:
        raise _Odd(f"HistGradientBoostingClassifier has {len(rounds)} rounds and may have {MOST_TREES}")
    for trees in rounds:
        if not isinstance(trees, list) or len(trees) != 1 or type(trees[0]).__name__ != "TreePredictor":
            raise _Odd("HistGradientBoostingClassifier has a round that is not one tree")
        _tidy(trees[0])
        problem = check_records(getattr(trees[0], "nodes", None), width)
        if problem:
            raise _Odd(f"HistGradientBoostingClassifier has a tree of which {problem}")
        _fits(getattr(trees[0], "raw_left_cat_bitsets", None), (0, 8), "raw_left_cat_bitsets of a tree")
    model._loss = HalfBinomialLoss()


_PREFIX: Final = {name.rsplit(".", 1)[1]: name for name in ESTIMATORS}
_CHECKS: Final[Mapping[str, Callable[[Any, int], int | None]]] = {
    _PREFIX["HistGradientBoostingClassifier"]: _boosting,
    _PREFIX["GaussianMixture"]: _mixture,
    _PREFIX["IsolationForest"]: _isolation,
    _PREFIX["LocalOutlierFactor"]: _neighbours,
    _PREFIX["LogisticRegression"]: _logistic,
    _PREFIX["PCA"]: _pca,
    _PREFIX["Pipeline"]: _pipeline,
    _PREFIX["RandomForestClassifier"]: _forest,
    _PREFIX["StandardScaler"]: _scaler,
}
_BARE: Final = {_PREFIX["Pipeline"]}
"""Has no count of features of its own."""


def _rows(owner: Any, name: str) -> int:
    value = _of(owner, name, np.ndarray)
    if value.ndim == 0:
        raise _Odd(f"{name} of {type(owner).__name__} is no array of rows")
    return len(value)


def _of(owner: Any, name: str, kind: type) -> Any:
    value = getattr(owner, name, None)
    if type(value) is not kind:
        raise _Odd(f"{name} of {type(owner).__name__} is {type(value).__name__} instead of {kind.__name__}")
    return value


def _same(owner: Any, name: str, value: object) -> None:
    found = getattr(owner, name, None)
    if isinstance(found, np.ndarray) or found != value or isinstance(found, bool) != isinstance(value, bool):
        raise _Odd(f"{name} of {type(owner).__name__} is {str(found)[:60]} instead of {value}")


def _whole(owner: Any, name: str, least: int, most: int) -> int:
    value = getattr(owner, name, None)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise _Odd(f"{name} of {type(owner).__name__} is {str(value)[:60]}: it can be {least} to {most}")
    return int(value)


def _number(owner: Any, name: str) -> None:
    value = getattr(owner, name, None)
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not math.isfinite(value):
        raise _Odd(f"{name} of {type(owner).__name__} is no finite number")


def _switch(owner: Any, *names: str) -> None:
    for name in names:
        _of(owner, name, bool)


def _array(owner: Any, name: str, shape: tuple[int, ...]) -> Any:
    return _fits(getattr(owner, name, None), shape, f"{name} of {type(owner).__name__}")


def _fits(value: Any, shape: tuple[int, ...], what: str) -> Any:
    if type(value) is not np.ndarray or value.shape != shape or value.dtype.kind not in "biuf":
        raise _Odd(f"{what} is no array of {list(shape)} numbers")
    if not np.isfinite(value).all():
        raise _Odd(f"{what} holds what is not finite")
    return value


def _two_classes(model: Any) -> None:
    classes = _of(model, "classes_", np.ndarray)
    if classes.dtype.kind not in "biuf" or classes.tolist() != [0, 1]:
        raise _Odd(f"classes_ of {type(model).__name__} are {str(classes.tolist())[:60]} instead of 0 and 1")
