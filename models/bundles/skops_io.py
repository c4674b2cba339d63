"""Estimators to and from skops files, in one form and of few types.

What prediction does not need, or what can be made again from the rest, is not written: random generators, the search
tree of LocalOutlierFactor, the loss of gradient boosting. So no type has to be trusted for their sake.
"""

# ruff: noqa: PLC0415 - scikit-learn takes a second to load, which a run without a bundle does not pay

import io
import json
import warnings
from typing import Any, Final
from zipfile import ZipFile

from models.bundles.archive import packed
from models.bundles.recipe import Recipe
from models.bundles.schema import ESTIMATORS, SCHEMA, TRUSTED, check_skops, type_of
from models.bundles.structure import check_estimator
from models.errors import BundleError

LEFT_OUT: Final = frozenset(
    {
        "numpy.random._generator.Generator",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.neighbors._kd_tree.KDTree",
    }
)
_NOTHING: Final[dict[str, Any]] = {
    "__class__": "str",
    "__module__": "builtins",
    "__loader__": "JsonNode",
    "content": "null",
    "is_json": True,
}


def dumped(estimator: Any) -> bytes:
    """A fitted estimator as a skops file, or as that of a recipe: the same estimator, the same bytes.

    Raises:
        BundleError: it needs a type that is not allowed, or is not as scikit-learn fits it; says which.
    """
    if isinstance(estimator, Recipe):
        return estimator.dumped()
    import skops.io  # type: ignore[import-untyped]

    what = type(estimator).__name__
    width = getattr(estimator, "n_features_in_", 0)
    if not width:
        raise BundleError(f"{what} is not fitted: fit it first")
    try:
        written = skops.io.dumps(estimator)
    except Exception as error:  # whatever skops cannot write
        raise BundleError(f"{what} cannot be written by skops ({str(error)[:200]}): use another estimator") from error
    with ZipFile(io.BytesIO(written)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files.pop(SCHEMA))
    named: dict[str, str] = {}
    schema = _renamed(schema, {}, named)
    body = packed(
        {SCHEMA: json.dumps(schema, separators=(",", ":")).encode()} | {named[old]: files[old] for old in named}
    )
    try:
        loaded(body, int(width), what)
    except BundleError as error:
        known = ", ".join(sorted(name.rpartition(".")[2] for name in ESTIMATORS))
        raise BundleError(f"{error}; a bundle keeps {known}, fitted to numbers with a seed that is a number") from error
    return body


def loaded(body: bytes, width: int, what: str) -> Any:
    """The estimator over `width` features that `dumped` wrote.

    Raises:
        BundleError: it holds what is not allowed, or is not as scikit-learn fits it; nothing of it was executed.
    """
    check_skops(body, what)
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it was fitted by another scikit-learn is in the manifest
            estimator = skops.io.loads(body, trusted=list(TRUSTED))
    except Exception as error:  # whatever skops meets in a file that passes and is still none
        raise BundleError(
            f"{what} cannot be loaded ({str(error)[:200] or type(error).__name__}): train it again"
        ) from error
    check_estimator(estimator, width, what)
    return estimator


def _renamed(node: Any, known: dict[int, Any], names: dict[str, str]) -> Any:
    """Replace the addresses of objects, by which skops calls them, by numbers in order of appearance."""
    if isinstance(node, list):
        return [_renamed(item, known, names) for item in node]
    if not isinstance(node, dict):
        return node
    address = node.get("__id__")
    if address is None:
        return {key: _renamed(value, known, names) for key, value in node.items()}
    if address not in known:
        result: dict[str, Any] = {"__id__": len(known) + 1}
        known[address] = result
        kept: dict[str, Any] = _NOTHING if type_of(node) in LEFT_OUT else node
        for key, value in kept.items():
            if key == "file":
                result[key] = names.setdefault(value, f"{len(names)}.npy")
            elif key != "__id__":
                result[key] = _renamed(value, known, names)
    return known[address]
