"""What a skops file may hold, looked at before skops does.

skops trusts hundreds of types by default, among them functions and every estimator of scikit-learn, and does not look
into what compiled code will go by. So its `schema.json` is read here first, node by node: every loader and every type
must be in one fixed table, every key be known, every array be one that `array_of` lets pass, and every tree be one.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundles.archive import unpacked
from models.bundles.arrays import array_of
from models.bundles.trees import check_nodes
from models.errors import BundleError

SCHEMA: Final = "schema.json"
PROTOCOL: Final = 2
MOST_SCHEMA: Final = 16 * 2**20
MOST_MEMBERS: Final = 20_000
MOST_DEPTH: Final = 24
MOST_TEXT: Final = 1000

ESTIMATORS: Final = frozenset(
    {
        "sklearn.decomposition._pca.PCA",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._iforest.IsolationForest",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.mixture._gaussian_mixture.GaussianMixture",
        "sklearn.neighbors._lof.LocalOutlierFactor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
    }
)
PARTS: Final = frozenset(
    {
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.ExtraTreeRegressor",
    }
)
TREE: Final = "sklearn.tree._tree.Tree"
ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "DictNode": frozenset({"builtins.dict"}),
    "JsonNode": frozenset({"builtins.str"}),
    "ListNode": frozenset({"builtins.list"}),
    "NdArrayNode": frozenset(
        f"numpy.{name}"
        for name in ("ndarray", "bool", "int32", "int64", "uint8", "uint32", "uint64", "float32", "float64")
    ),
    "ObjectNode": ESTIMATORS | PARTS,
    "TreeNode": frozenset({TREE}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "TypeNode": frozenset({"builtins.int", "builtins.str"}),
}
"""Loader of skops to types: values, containers and estimators, nothing that is called with what the file gives it."""

TRUSTED: Final = tuple(sorted(ESTIMATORS | PARTS | {TREE}))

_ALWAYS: Final = frozenset({"__class__", "__module__", "__loader__", "__id__"})
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "DictNode": frozenset({"content", "key_types"}),
    "JsonNode": frozenset({"content", "is_json"}),
    "ListNode": frozenset({"content"}),
    "NdArrayNode": frozenset({"type", "file"}),
    "ObjectNode": frozenset({"content"}),
    "TreeNode": frozenset({"content", "__reduce__"}),
    "TupleNode": frozenset({"content"}),
    "TypeNode": frozenset(),
}


def type_of(node: Mapping[str, Any]) -> str:
    """The type that a node of a schema is of, with its module."""
    return f"{node.get('__module__')}.{node.get('__class__')}"


def check_skops(body: bytes, what: str) -> None:
    """Refuse a skops file that holds anything that is not allowed; BundleError says what, by name.

    Args:
        body: the file, as `dumped` wrote it.
        what: its name, for errors.
    """
    members = unpacked(body, what, MOST_MEMBERS)
    written = members.pop(SCHEMA, b"")
    if not written or len(written) > MOST_SCHEMA:
        raise BundleError(f"{what} has a {SCHEMA} of {len(written)} bytes: give 1 to {MOST_SCHEMA}")
    try:
        schema = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{SCHEMA} in {what} is damaged or nested too deeply ({error}): do not use it") from error
    if not isinstance(schema, dict) or schema.pop("protocol", None) != PROTOCOL:
        raise BundleError(f"{SCHEMA} in {what} is not of protocol {PROTOCOL}: write it with skops 0.16 or its like")
    schema.pop("_skops_version", None)
    check = _Check(what, members)
    check.node(schema, "", 0)
    unused = sorted(set(members) - check.used)
    if unused:
        raise BundleError(f"{unused[0]} in {what} belongs to nothing: do not use it")


class _Check:
    """One walk through a schema; `used` are the arrays that it has come by."""

    def __init__(self, what: str, members: Mapping[str, bytes]) -> None:
        self.what = what
        self.arrays = {name: array_of(body, f"{name} in {what}") for name, body in members.items()}
        self.used: set[str] = set()
        self.ids: dict[int, Any] = {}

    def node(self, node: Any, where: str, depth: int) -> None:
        """Look at a node and all below it; `where` is its place, for errors."""
        if depth > MOST_DEPTH:
            raise self.refused(where, "is nested too deeply")
        if not isinstance(node, dict):
            raise self.refused(where, "is no node")
        loader = self.permitted(node, where)
        content = node.get("content")
        if loader == "JsonNode":
            self.value(content, where)
        elif loader == "NdArrayNode":
            self.array(node, where)
        elif loader == "DictNode":
            self.dictionary(node, where, depth)
        elif loader in ("ListNode", "TupleNode"):
            self.sequence(content, where, depth)
        elif loader == "TreeNode":
            self.tree(node, where, depth)
        elif content is not None:
            self.node(content, f"{where}/{node['__class__']}", depth + 1)

    def permitted(self, node: dict[str, Any], where: str) -> str:
        """The loader of a node, if it and the type are allowed and skops will see what is seen here."""
        loader, kind = node.get("__loader__"), type_of(node)
        if not isinstance(loader, str) or kind not in ALLOWED.get(loader, ()) or "." in node["__class__"]:
            raise self.refused(where, f"is of the type {kind[:100]!r} by {str(loader)[:40]!r}, which is not allowed")
        odd = set(node) ^ (_KEYS[loader] | _ALWAYS)
        if odd - {"content"} or ("content" in odd and loader != "ObjectNode"):
            raise self.refused(where, f"lacks or invents {min(map(str, odd))[:40]!r}")
        if type(node["__id__"]) is not int or node["__id__"] < 1:
            raise self.refused(where, "has an id that is no number")
        # skops takes the first node of an id for all: a second one must not be looked at in its place.
        if self.ids.setdefault(node["__id__"], node) != node:
            raise self.refused(where, "has the id of another node")
        return loader

    def dictionary(self, node: dict[str, Any], where: str, depth: int) -> None:
        """Look at a dictionary; its keys become names of attributes."""
        if not isinstance(node["content"], dict):
            raise self.refused(where, "is no dictionary")
        self.node(node["key_types"], f"{where}/key_types", depth + 1)
        kinds = node["key_types"].get("content")
        if not isinstance(kinds, list) or len(kinds) != len(node["content"]):
            raise self.refused(where, "has not as many types of keys as keys")
        for key, child in node["content"].items():
            if not key.isprintable() or len(key) > MOST_TEXT:
                raise self.refused(where, f"has the key {key[:60]!r}")
            self.node(child, f"{where}/{key}", depth + 1)

    def sequence(self, content: Any, where: str, depth: int) -> None:
        """Look at a list or a tuple."""
        if not isinstance(content, list):
            raise self.refused(where, "is no list")
        for number, child in enumerate(content):
            self.node(child, f"{where}/{number}", depth + 1)

    def value(self, content: Any, where: str) -> Any:
        """The number, short text, truth value or nothing that a node stands for."""
        if not isinstance(content, str) or len(content) > MOST_TEXT or content[:1] in ("[", "{"):
            raise self.refused(where, "is no plain value")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self.refused(where, "is no plain value") from error

    def array(self, node: Any, where: str) -> NDArray[Any]:
        """The array that a node stands for."""
        name = node.get("file")
        if node.get("type") != "numpy" or not isinstance(name, str) or name not in self.arrays:
            raise self.refused(where, "is an array of objects, or one that is not there")
        self.used.add(name)
        return self.arrays[name]

    def tree(self, node: dict[str, Any], where: str, depth: int) -> None:
        """Look at a decision tree: compiled code follows its indices without asking."""
        reduced = node["__reduce__"]
        if not isinstance(reduced, dict) or set(reduced) != {"args"}:
            raise self.refused(where, "is made in an unknown way")
        self.node(reduced["args"], where, depth + 1)
        self.node(node["content"], where, depth + 1)
        try:
            features, classes, outputs = reduced["args"]["content"]
            width, one = self.value(features["content"], where), self.value(outputs["content"], where)
            state = node["content"]["content"]
            count = self.value(state["node_count"]["content"], where)
            deep = self.value(state["max_depth"]["content"], where)
            known = self.array(classes, where), self.array(state["nodes"], where), self.array(state["values"], where)
        except (KeyError, TypeError, ValueError) as error:
            raise self.refused(where, "is no tree: a part is missing") from error
        if set(state) != {"max_depth", "node_count", "nodes", "values"} or not all(
            type(number) is int and 0 <= number < 2**31 for number in (width, one, count, deep)
        ):
            raise self.refused(where, "is no tree: a part is missing or no number")
        numbers, nodes, values = known
        if one != 1 or numbers.dtype != np.int64 or numbers.tolist() not in ([1], [2]):
            raise self.refused(where, "is a tree of more than one output or two classes")
        if (
            nodes.ndim != 1
            or count != len(nodes)
            or values.shape != (count, 1, numbers[0])
            or values.dtype != np.float64
        ):
            raise self.refused(where, "is a tree whose parts have other sizes than it says")
        problem = check_nodes(nodes, width)
        if problem:
            raise self.refused(where, f"is a tree of which {problem}")

    def refused(self, where: str, why: str) -> BundleError:
        """The error about a place in the file."""
        return BundleError(f"{self.what}: {where[:200] or 'the whole'} {why}")
