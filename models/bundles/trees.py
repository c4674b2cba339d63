"""Decision trees as compiled code walks them: from node to node by indices that it never asks about."""

# ruff: noqa: PLC0415 - scikit-learn takes a second to load, which a run without a bundle does not pay

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.contract import Bools, Ints

MOST_DEPTH: Final = 1000
"""Of a tree; each row of each batch may have to go all the way down."""


def check_nodes(nodes: NDArray[Any], width: int) -> str:
    """What is wrong with the nodes of a `sklearn.tree._tree.Tree` over `width` features; "" for nothing."""
    from sklearn.tree._tree import NODE_DTYPE  # type: ignore[import-untyped]

    if nodes.ndim != 1 or nodes.dtype != NODE_DTYPE:
        return f"the nodes are {nodes.dtype} of shape {nodes.shape}"
    left = nodes["left_child"].astype(np.int64)
    return _problem(left, nodes["right_child"].astype(np.int64), left == -1, nodes["feature"], width)


def check_records(nodes: Any, width: int) -> str:
    """The same for the nodes of a tree of `HistGradientBoostingClassifier`."""
    from sklearn.ensemble._hist_gradient_boosting.common import (  # type: ignore[import-untyped]
        PREDICTOR_RECORD_DTYPE,
    )

    if not isinstance(nodes, np.ndarray) or nodes.ndim != 1 or nodes.dtype != PREDICTOR_RECORD_DTYPE:
        return "the nodes are no array of nodes"
    if nodes["is_categorical"].any():
        return "a node splits by categories, which features never are"
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    return _problem(left, right, nodes["is_leaf"] != 0, nodes["feature_idx"], width)


def _problem(left: Ints, right: Ints, leaf: Bools, feature: Ints, width: int) -> str:
    """Go down from the root, level by level, and come to every node once at most."""
    count = len(left)
    if count == 0:
        return "there is no node"
    seen = np.zeros(count, dtype=np.bool_)
    level = np.zeros(1, dtype=np.int64)
    for _ in range(MOST_DEPTH):
        seen[level] = True
        inner = level[~leaf[level]]
        if inner.size == 0:
            return ""
        if feature[inner].min() < 0 or feature[inner].max() >= width:
            return f"a node asks for feature {feature[inner].max()}, where there are {width}"
        level = np.concatenate([left[inner], right[inner]])
        if level.min() < 0 or level.max() >= count:
            return f"a branch leads to node {level.max()}, where there are {count}"
        if seen[level].any() or len(np.unique(level)) != len(level):
            return "branches meet or run in a circle"
    return f"a branch is longer than {MOST_DEPTH} nodes"
