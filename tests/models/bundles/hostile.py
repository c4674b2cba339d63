"""Bundles that mean harm, each with the words that its refusal must say; opened by `opener.py` in a process of its own.

Unless the signature is the point, each is signed by the trusted key: a signer's machine may be taken over.
"""

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from models.bundles import FileFacts
from models.bundles.archive import packed, unpacked
from models.bundles.arrays import npy
from models.bundles.manifest import encoded
from tests.models.bundles.samples import (
    STRANGER,
    days,
    facts,
    file,
    manifest,
    members,
    sealed,
    signature,
    signed,
    signed_text,
)

CANARY = "innerwatch-canary"
PICKLE = b"cos\nsystem\n(S'touch " + CANARY.encode() + b"'\ntR."
"""Whoever loads this as a pickle makes a file in the folder where it is."""

MAGIC = b"\x93NUMPY\x01\x00"
HUGE = 10**12


def npy_headed(header: str, rest: bytes = b"") -> bytes:
    """An array file with a header of any words."""
    text = header.encode() + b"\n"
    return MAGIC + len(text).to_bytes(2, "little") + text + rest


def npy_saying(dtype: Any, shape: tuple[int, ...], rest: bytes = b"") -> bytes:
    """An array file that says of itself what it likes."""
    return npy_headed(str({"descr": dtype, "fortran_order": False, "shape": shape}), rest)


def zipped(parts: Mapping[str, bytes] | list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive as another program would write it."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of two members of one name
        for name, body in parts.items() if isinstance(parts, Mapping) else parts:
            archive.writestr(zipfile.ZipInfo(name), body, compression)
    return target.getvalue()


def parts_of(body: bytes) -> dict[str, bytes]:
    return unpacked(body, "it", 100)


# The file and its manifest


def outer(**other: bytes) -> dict[str, bytes]:
    return parts_of(sealed("components")) | {name.replace("__", "."): body for name, body in other.items()}


def said(**other: Any) -> bytes:
    """A bundle whose manifest says something else of its learner."""
    return signed(manifest(facts("forest", **other)), members("forest"))


def told(**other: Any) -> bytes:
    """A bundle whose manifest says something else of itself."""
    return signed(msgspec.structs.replace(manifest(facts("forest")), **other), members("forest"))


def rewritten(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A bundle whose manifest is other JSON."""
    parts = parts_of(sealed("components"))
    said = json.loads(parts.pop("manifest.json"))
    parts.pop("manifest.sig")
    change(said)
    return signed_text(json.dumps(said).encode(), parts)


def cut_in_half() -> bytes:
    return sealed("components")[: len(sealed("components")) // 2]


def encrypted() -> bytes:
    body = bytearray(sealed("components"))
    body[body.index(b"card.md") - 30 + 6] |= 1
    body[body.rindex(b"card.md") - 46 + 8] |= 1
    return bytes(body)


def two_directories() -> bytes:
    """What a reader that goes by the local headers sees is not what one that goes by the directory sees."""
    body = bytearray(sealed("components"))
    at = body.index(b"card.md")
    body[at : at + 4] = b"bard"
    return bytes(body)


def many_members() -> bytes:
    return zipped({f"m{number}": b"" for number in range(5000)})


def by_a_stranger() -> bytes:
    described = outer()["manifest.json"]
    return packed(outer() | {"manifest.sig": signature(described, STRANGER)})


def altered() -> bytes:
    return packed(outer() | {"manifest.json": outer()["manifest.json"].replace(b"spring", b"autumn")})


def mistaken(name: str, **other: Any) -> bytes:
    parts = members("components")
    true = FileFacts(sha256=sha256(parts[name]).hexdigest(), bytes=len(parts[name]))
    return signed(manifest(facts("components")), parts, {name: msgspec.structs.replace(true, **other)})


def stowaway() -> bytes:
    described = encoded(msgspec.json.decode(outer()["manifest.json"], type=type(manifest())))
    return signed_text(described, members("components") | {"extra.npz": b"x"})


def deep_manifest() -> bytes:
    return signed_text(b'{"schema":"innerwatch-bundle/1","data":' + b"[" * 100_000, members("components"))


def of_a_megabyte() -> bytes:
    return told(
        versions={str(number): "x" * 990 for number in range(60)},
        metrics={"m" * 990 + str(number): 0.0 for number in range(1024)},
    )


def not_finite() -> bytes:
    text = encoded(msgspec.structs.replace(manifest(facts("forest")), files={})).replace(b'"nats": [', b'"nats": [NaN,')
    return signed_text(text, members("forest"))


# Priors


def priors(body: bytes) -> bytes:
    return signed(manifest(), members() | {"priors.npz": body})


def prior(body: bytes) -> bytes:
    return priors(packed({"a.npy": body}))


def objects() -> bytes:
    return npy_saying("|O", (1,), PICKLE)


# Learners


def learner(body: bytes, like: str = "forest", **other: Any) -> bytes:
    return signed(manifest(facts(like, **other)), members(like) | {f"{like}.skops": body})


def schema_of(like: str) -> dict[str, Any]:
    return json.loads(unpacked(file(like), "it", 10_000)["schema.json"])


def changed(like: str, change: Callable[[dict[str, Any], dict[str, bytes]], None], **other: Any) -> bytes:
    """A learner whose schema or arrays are changed."""
    parts = unpacked(file(like), "it", 10_000)
    schema = json.loads(parts.pop("schema.json"))
    change(schema, parts)
    return learner(packed(parts | {"schema.json": json.dumps(schema).encode()}), like, **other)


def with_array(name: str, body: bytes) -> bytes:
    return changed("forest", lambda schema, parts: parts.update({name: body}))


def attributes(schema: dict[str, Any]) -> dict[str, Any]:
    return schema["content"]["content"]


def planted(node: dict[str, Any]) -> bytes:
    """A forest with a node of somebody's own in place of an attribute that nobody needs."""

    def change(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
        attributes(schema)["criterion" if "criterion" in attributes(schema) else "offset_"] = node

    return changed("forest", change)


def node(loader: str, kind: str, number: int = 999_999, **other: Any) -> dict[str, Any]:
    module, _, name = kind.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, "__id__": number} | other


def plain(value: Any, number: int = 999_998) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", number, content=json.dumps(value), is_json=True)


def listed(*nodes: dict[str, Any]) -> dict[str, Any]:
    return node("ListNode", "builtins.list", 999_997, content=list(nodes))


def mapped(content: dict[str, Any], *kinds: dict[str, Any]) -> dict[str, Any]:
    return node("DictNode", "builtins.dict", 999_995, content=content, key_types=listed(*kinds))


def own_type() -> bytes:
    return planted(node("ObjectNode", "tests.models.bundles.samples.Thing", content=plain(1)))


def attribute(like: str, name: str, value: Any, **other: Any) -> bytes:
    """A learner of which one attribute is another plain value."""

    def change(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
        if name not in attributes(schema):
            schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str", 999_996))
        attributes(schema)[name] = plain(value)

    return changed(like, change, **other)


def step(schema: dict[str, Any], number: int) -> dict[str, Any]:
    return attributes(attributes(schema)["steps"]["content"][number]["content"][1])


def in_steps(change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """A pipeline of which the steps are changed, without arrays that then belong to nothing."""

    def swap(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
        change(attributes(schema)["steps"]["content"])
        for name in set(parts):
            if f'"{name}"' not in json.dumps(schema):
                del parts[name]

    return changed("components", swap)


def array(place: Callable[[dict[str, Any]], dict[str, Any]], like: str, change: Callable[[np.ndarray], Any]) -> bytes:
    """A learner of which one array, which `place` finds by its node, is changed or becomes another."""

    def swap(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
        name = place(schema)["file"]
        found = np.load(io.BytesIO(parts[name]))
        other = change(found)
        parts[name] = npy(found if other is None else other)

    return changed(like, swap)


def first_tree(schema: dict[str, Any]) -> dict[str, Any]:
    trees = attributes(schema)["estimators_"]["content"]
    return attributes(trees[0])["tree_"]


def nodes_of(schema: dict[str, Any]) -> dict[str, Any]:
    return first_tree(schema)["content"]["content"]["nodes"]


def depths_of(schema: dict[str, Any]) -> dict[str, Any]:
    return attributes(schema)["_decision_path_lengths"]["content"][0]


def tree(field: str, number: int, value: float, like: str = "forest") -> bytes:
    """A forest in whose first tree one index says something else."""

    def change(nodes: np.ndarray) -> None:
        nodes[field][number] = value

    return array(nodes_of, like, change)


def boosted(field: str, number: int, value: float) -> bytes:
    def place(schema: dict[str, Any]) -> dict[str, Any]:
        rounds = attributes(schema)["_predictors"]["content"]
        return attributes(rounds[0]["content"][0])["nodes"]

    def change(nodes: np.ndarray) -> None:
        nodes[field][number] = value

    return array(place, "boosting", change)


def in_tree(change: Callable[[dict[str, Any]], None]) -> bytes:
    return changed("forest", lambda schema, parts: change(first_tree(schema)))


def without_state(node: dict[str, Any]) -> None:
    node["content"]["key_types"]["content"] = []


def more_nodes(node: dict[str, Any]) -> None:
    node["content"]["content"]["node_count"] = plain(10**6)


def more_outputs(node: dict[str, Any]) -> None:
    node["__reduce__"]["args"]["content"][2] = plain(10**6)


def other_width(node: dict[str, Any]) -> None:
    node["__reduce__"]["args"]["content"][0] = plain(100)


def borrowed_id(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
    """skops would take an earlier array, which nobody looked at as nodes, for the nodes of a tree."""
    nodes = first_tree(schema)["content"]["content"]["nodes"]
    evil = np.load(io.BytesIO(parts[nodes["file"]]))
    evil["left_child"] = 0
    parts["evil.npy"] = npy(evil)
    attributes(schema)["offset_"] = node("NdArrayNode", "numpy.ndarray", nodes["__id__"], type="numpy", file="evil.npy")
    attributes(schema)["estimators_"] = attributes(schema).pop("estimators_")


def long_branch() -> bytes:
    """A tree of one branch of 100,000 nodes: no circle, but every row would go down all of it."""

    def change(nodes: np.ndarray) -> np.ndarray:
        long = np.zeros(200_001, dtype=nodes.dtype)
        long["left_child"] = long["right_child"] = -1
        long["left_child"][:-1:2] = np.arange(1, 200_001, 2)
        long["right_child"][:-1:2] = np.arange(2, 200_001, 2)
        return long

    def swap(schema: dict[str, Any], parts: dict[str, bytes]) -> None:
        state = first_tree(schema)["content"]["content"]
        long = change(np.load(io.BytesIO(parts[state["nodes"]["file"]])))
        parts[state["nodes"]["file"]] = npy(long)
        parts[state["values"]["file"]] = npy(np.zeros((len(long), 1, 1)))
        state["node_count"]["content"] = str(len(long))

    return changed("forest", swap)


def nested_schema() -> bytes:
    return learner(packed({"schema.json": b'{"content":' * 50_000}))


def nested_nodes() -> bytes:
    inner = plain(1)
    for number in range(100):
        inner = node("ListNode", "builtins.list", 2_000_000 + number, content=[inner])
    return planted(inner)


def by_another_name() -> bytes:
    from sklearn.linear_model import SGDOneClassSVM
    from skops.io import dumps

    with zipfile.ZipFile(io.BytesIO(dumps(SGDOneClassSVM().fit(days(1)[0])))) as archive:
        return learner(packed({name: archive.read(name) for name in archive.namelist()}))


def three_classes() -> bytes:
    return array(lambda schema: step(schema, 1)["classes_"], "logistic", lambda found: np.arange(3))


def generator() -> bytes:
    name = mapped({"bit_generator": plain("seed")})
    content = {"bit_generator": name, "seed_seq": name}
    return planted(node("RandomGeneratorNode", "numpy.random._generator.Generator", content=content))


def partial() -> bytes:
    content = {"func": system(), "args": listed(), "kwds": listed(), "namespace": plain(None)}
    return planted(node("PartialNode", "functools.partial", content=content))


def default_factory() -> bytes:
    content = {"main": plain(1), "default_factory": system()}
    return planted(node("DefaultDictNode", "collections.defaultdict", content=content))


def loss() -> bytes:
    kind = "sklearn._loss._loss.CyHalfBinomialLoss"
    return planted(node("LossNode", kind, content=plain(1), __reduce__={"args": listed()}))


def renamed(kind: str, name: str) -> bytes:
    """The estimator of `name` under what is said of `kind`."""
    said = msgspec.structs.replace(facts(kind), name=name, file=f"{name}.skops")
    return signed(manifest(said), members(name))


def system() -> dict[str, Any]:
    return node("FunctionNode", "posix.system")


HOSTILE: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the bundle is no whole archive"),
    "no archive": (lambda: b"#!/bin/sh\ntouch " + CANARY.encode(), "the bundle is no whole archive"),
    "a pickle": (lambda: PICKLE, "the bundle is no whole archive"),
    "truncated": (cut_in_half, "the bundle is no whole archive"),
    "bytes before it": (lambda: b"#!/bin/sh\n" + sealed("components"), "bytes that belong to none of its members"),
    "bytes behind it": (lambda: sealed("components") + b"more", "no whole archive"),
    "an archive behind it": (lambda: sealed("components") + sealed("mixture"), "bytes that belong to none"),
    "too large": (lambda: bytes(65 * 2**20), "bytes and may have"),
    "many members": (many_members, "5000 members"),
    "two of one name": (lambda: zipped([("a.npz", b"1"), ("a.npz", b"2")]), "two members of one name"),
    "another name in its header": (two_directories, "damaged"),
    "a path out": (
        lambda: packed(outer() | {"../../evil.skops": b"x"}),
        "'../../evil.skops', which may lead elsewhere",
    ),
    "an absolute path": (lambda: packed(outer() | {"/etc/evil": b"x"}), "'/etc/evil', which may lead elsewhere"),
    "a Windows path": (lambda: packed(outer() | {"..\\evil": b"x"}), "which may lead elsewhere"),
    "a folder": (lambda: packed(outer() | {"evil/": b""}), "'evil/', which may lead elsewhere"),
    "a name that steers": (lambda: packed(outer() | {"\x1b[2J": b""}), "'\\x1b[2J', which may lead elsewhere"),
    "a bomb": (lambda: zipped({"card.md": bytes(2**26)}, zipfile.ZIP_DEFLATED), "card.md in the bundle is compressed"),
    "encrypted": (encrypted, "card.md in the bundle is encrypted"),
    "unsigned": (lambda: packed(members("forest")), "lacks manifest.json or manifest.sig"),
    "signature empty": (lambda: packed(outer(manifest__sig=b"")), "manifest.sig has 0 bytes"),
    "signature of zeros": (lambda: packed(outer(manifest__sig=bytes(96))), "which is not trusted"),
    "by an unknown key": (by_a_stranger, "manifest.sig is by the key "),
    "altered": (altered, "manifest.json is not what was signed"),
    "wrong hash": (lambda: mistaken("priors.npz", sha256="00" * 32), "priors.npz has another SHA-256"),
    "wrong size": (lambda: mistaken("card.md", bytes=5), "card.md has 23 bytes, manifest.json says 5"),
    "a stowaway": (stowaway, "extra.npz is in the bundle or in its manifest.json but not in both"),
    "a newer schema": (lambda: told(schema="innerwatch-bundle/2"), "upgrade innerwatch"),
    "a foreign schema": (lambda: told(schema="x"), "manifest.json has the schema 'x', which is no bundle's"),
    "no schema": (lambda: rewritten(lambda said: said.pop("schema")), "manifest.json is not as it should be"),
    "an unknown field": (lambda: rewritten(lambda said: said.update(hook="x")), "unknown field `hook`"),
    "a field of another type": (lambda: rewritten(lambda said: said.update(seed="1")), "$.seed"),
    "a manifest nested deeply": (deep_manifest, "manifest.json is not as it should be"),
    "a manifest of a megabyte and more": (of_a_megabyte, "manifest.json has"),
    "an owner who steers": (lambda: told(owner="\x1b[2J"), "could steer a terminal"),
    "a date that is none": (lambda: told(created_at="yesterday"), "created_at is 'yesterday'"),
    "a local date": (lambda: told(created_at="2026-03-01T12:00:00+02:00"), "created_at is"),
    "NaN in a curve": (not_finite, "manifest.json is not as it should be"),
    "a curve that falls": (lambda: said(scores=(2.0, 1.0), nats=(0.0, 1.0)), "learner forest: scores or nats fall"),
    "nats that fall": (lambda: said(scores=(1.0, 2.0), nats=(1.0, 0.0)), "learner forest: scores or nats fall"),
    "nats below nothing": (lambda: said(scores=(1.0, 2.0), nats=(-1.0, 0.0)), "$.learners[0].nats"),
    "a curve of one point": (lambda: said(scores=(1.0,), nats=(0.0,)), "1 scores and 1 nats"),
    "curves of two lengths": (lambda: said(scores=(1.0, 2.0), nats=(0.0, 1.0, 2.0)), "2 scores and 3 nats"),
    "a limit of a billion": (lambda: said(limit=1e9), "$.learners[0].limit"),
    "no limit": (lambda: said(limit=0.0), "$.learners[0].limit"),
    "a score beyond all": (lambda: said(scores=(1.0, 1e39), nats=(0.0, 1.0)), "$.learners[0].scores"),
    "nats beyond all": (lambda: said(scores=(1.0, 2.0), nats=(0.0, 1e9)), "$.learners[0].nats"),
    "a feature twice": (lambda: said(features=("joint", "joint", "today_x")), "a feature comes twice"),
    "a feature that steers": (lambda: said(features=("a\n", "b", "c")), "$.learners[0].features"),
    "no features": (lambda: said(features=()), "$.learners[0].features"),
    "a learner's file of another name": (lambda: said(file="../x.skops"), "its file is '../x.skops'"),
    "two learners of one name": (lambda: told(learners=(facts("forest"),) * 2), "two learners have one name"),
    "a learner without its file": (
        lambda: signed(manifest(facts("forest")), members()),
        "forest.skops is named without",
    ),
    "a file without its learner": (lambda: signed(manifest(), members("forest")), "forest.skops is named without use"),
    "a card that steers": (lambda: signed(manifest(), members() | {"card.md": b"\x1b[2J"}), "card.md is too long or"),
    "a card that is no text": (lambda: signed(manifest(), members() | {"card.md": b"\xff"}), "card.md is no text"),
    "priors: a pickle": (lambda: priors(PICKLE), "priors.npz is no whole archive"),
    "priors: a pickle as array": (lambda: prior(PICKLE), "a.npy in priors.npz is no array"),
    "priors: objects": (lambda: prior(objects()), "a.npy in priors.npz is an array of objects"),
    "priors: nested objects": (
        lambda: prior(npy_saying([("a", "|O")], (1,), PICKLE)),
        "a.npy in priors.npz is an array of objects",
    ),
    "priors: 10^12 numbers": (
        lambda: prior(npy_saying("<f8", (HUGE,))),
        "a.npy in priors.npz says that it is an array of float64[1000000000000]",
    ),
    "priors: 10^12 nothings": (
        lambda: prior(npy_saying("<U0", (HUGE,))),
        "a.npy in priors.npz is an array of <U0",
    ),
    "priors: a negative length": (
        lambda: prior(npy_saying("<f8", (-1, -1), bytes(8))),
        "a.npy in priors.npz says that it is an array",
    ),
    "priors: a header that is code": (
        lambda: prior(npy_headed(f"__import__('os').system('touch {CANARY}')")),
        "a.npy in priors.npz is no array",
    ),
    "priors: a header nested deeply": (lambda: prior(npy_headed("(" * 4000)), "is no array"),
    "priors: letters that are none": (
        lambda: prior(npy_saying("<U1", (1,), b"\xff" * 4)),
        "no letters",
    ),
    "priors: a bomb": (
        lambda: priors(zipped({"a.npy": npy(np.zeros(2**23))}, zipfile.ZIP_DEFLATED)),
        "a.npy in priors.npz is compressed",
    ),
    "priors: a path out": (lambda: priors(packed({"../a.npy": npy(np.zeros(1))})), "'../a.npy', which may lead"),
    "priors: a program": (lambda: priors(packed({"a.py": b"1"})), "a.py in priors.npz is no array"),
    "skops: a pickle": (lambda: learner(PICKLE), "forest.skops is no whole archive"),
    "skops: no schema": (
        lambda: learner(packed({"a.npy": npy(np.zeros(1))})),
        "forest.skops has a schema.json of 0 bytes",
    ),
    "skops: compressed": (
        lambda: learner(zipped({"schema.json": b" " * 2**24}, zipfile.ZIP_DEFLATED)),
        "schema.json in forest.skops is compressed",
    ),
    "skops: a path out": (lambda: learner(packed({"../a.npy": b"", "schema.json": b"{}"})), "may lead elsewhere"),
    "skops: an absolute path": (lambda: learner(packed({"/tmp/a": b"", "schema.json": b"{}"})), "may lead elsewhere"),
    "skops: a schema of another protocol": (
        lambda: changed("forest", lambda schema, parts: schema.update(protocol=0)),
        "schema.json in forest.skops is not of protocol 2",
    ),
    "skops: a schema nested deeply": (nested_schema, "schema.json in forest.skops is damaged or nested"),
    "skops: nodes nested deeply": (nested_nodes, "is nested too deeply"),
    "skops: a value nested deeply": (
        lambda: planted(node("JsonNode", "builtins.str", content="[" * 100_000, is_json=True)),
        "is no plain value",
    ),
    "skops: os.system": (lambda: planted(system()), "posix.system' by 'FunctionNode', which is not allowed"),
    "skops: os.system as a type": (lambda: planted(node("TypeNode", "os.system")), "os.system' by 'TypeNode'"),
    "skops: os.system as a container": (
        lambda: planted(node("ListNode", "os.system", content=[plain(f"touch {CANARY}")])),
        "os.system' by 'ListNode'",
    ),
    "skops: os.system as a dictionary's type": (
        lambda: planted(mapped({f"touch {CANARY}": plain(1)}, node("TypeNode", "os.system", 5))),
        "not allowed",
    ),
    "skops: os.system as a number": (
        lambda: planted(node("NdArrayNode", "os.system", type="numpy", file="0.npy")),
        "os.system' by 'NdArrayNode'",
    ),
    "skops: a function of numpy": (
        lambda: planted(node("FunctionNode", "numpy.load")),
        "numpy.load' by 'FunctionNode'",
    ),
    "skops: a ufunc": (lambda: planted(node("FunctionNode", "numpy._core._multiarray_umath.exp")), "'FunctionNode'"),
    "skops: a partial": (
        partial,
        "functools.partial' by 'PartialNode'",
    ),
    "skops: a method": (
        lambda: planted(node("MethodNode", "builtins.str", content={"func": "format", "obj": plain("x")})),
        "builtins.str' by 'MethodNode'",
    ),
    "skops: operator.methodcaller": (
        lambda: planted(node("OperatorFuncNode", "operator.methodcaller", attrs=listed(plain("format")))),
        "operator.methodcaller' by 'OperatorFuncNode'",
    ),
    "skops: a constructor": (
        lambda: planted(node("ConstructorFromReduceNode", "sklearn.pipeline.Pipeline", content=listed())),
        "by 'ConstructorFromReduceNode'",
    ),
    "skops: a default factory": (
        default_factory,
        "by 'DefaultDictNode'",
    ),
    "skops: a loss": (
        loss,
        "by 'LossNode'",
    ),
    "skops: a generator": (generator, "by 'RandomGeneratorNode'"),
    "skops: a random state": (
        lambda: planted(node("RandomStateNode", "numpy.random.mtrand.RandomState", content=plain(1))),
        "by 'RandomStateNode'",
    ),
    "skops: a sparse matrix": (
        lambda: planted(node("SparseMatrixNode", "scipy.sparse._csr.csr_matrix", type="scipy", file="0.npy")),
        "by 'SparseMatrixNode'",
    ),
    "skops: bytes": (lambda: planted(node("BytesNode", "builtins.bytes", file="0.npy")), "by 'BytesNode'"),
    "skops: a type of one's own": (own_type, "tests.models.bundles.samples.Thing' by 'ObjectNode'"),
    "skops: another estimator": (by_another_name, "SGDOneClassSVM' by 'ObjectNode'"),
    "skops: an unknown loader": (lambda: planted(node("NewNode", "builtins.str")), "by 'NewNode'"),
    "skops: a node that is remembered": (lambda: planted(node("CachedNode", "builtins.str", 1)), "by 'CachedNode'"),
    "skops: an id borrowed": (lambda: changed("forest", borrowed_id), "has the id of another node"),
    "skops: an unknown key": (lambda: planted(plain(1) | {"hook": 1}), "lacks or invents 'hook'"),
    "skops: no node": (lambda: planted([]), "is no node"),  # type: ignore[arg-type]
    "skops: an array of objects": (
        lambda: planted(node("NdArrayNode", "numpy.ndarray", type="json", file="0.npy")),
        "is an array of objects",
    ),
    "skops: an array that is not there": (
        lambda: planted(node("NdArrayNode", "numpy.ndarray", type="numpy", file="../0.npy")),
        "or one that is not there",
    ),
    "skops: an array that nobody asks for": (
        lambda: with_array("z.npy", npy(np.zeros(1))),
        "z.npy in forest.skops belongs to nothing",
    ),
    "skops: a pickle as array": (
        lambda: with_array("0.npy", PICKLE),
        "0.npy in forest.skops is no array",
    ),
    "skops: objects as array": (
        lambda: with_array("0.npy", objects()),
        "0.npy in forest.skops is an array of objects",
    ),
    "skops: 10^12 numbers": (
        lambda: with_array("0.npy", npy_saying("<f8", (HUGE,))),
        "0.npy in forest.skops says that it is an array of float64[1000000000000]",
    ),
    "tree: a circle": (lambda: tree("left_child", 0, 0), "is a tree of which branches meet or run in a circle"),
    "tree: a circle further down": (lambda: tree("right_child", 1, 0), "branches meet or run in a circle"),
    "tree: a child far away": (lambda: tree("left_child", 0, 10**9), "a branch leads to node 1000000000"),
    "tree: a child before the first": (lambda: tree("right_child", 0, -5), "a branch leads to node"),
    "tree: a feature far away": (lambda: tree("feature", 0, 10**9), "a node asks for feature 1000000000"),
    "tree: a feature before the first": (lambda: tree("feature", 0, -2), "a node asks for feature"),
    "tree: a classifier's circle": (lambda: tree("left_child", 0, 0, "trees"), "branches meet or run in a circle"),
    "tree: a long branch": (long_branch, "a branch is longer than 1000 nodes"),
    "tree: no state": (lambda: in_tree(without_state), "has not as many types of keys as keys"),
    "tree: more nodes than it has": (lambda: in_tree(more_nodes), "is a tree whose parts have other sizes"),
    "tree: more outputs than it has": (lambda: in_tree(more_outputs), "is a tree of more than one output"),
    "tree: over more features": (lambda: in_tree(other_width), "a tree of IsolationForest is not over its 3 features"),
    "tree: nodes of another kind": (
        lambda: array(nodes_of, "forest", lambda nodes: nodes["left_child"].copy()),
        "is a tree of which the nodes are int64",
    ),
    "tree: depths of too few nodes": (
        lambda: array(depths_of, "forest", lambda found: found[:1].copy()),
        "_decision_path_lengths of IsolationForest is no array of",
    ),
    "boosting: a circle": (lambda: boosted("left", 0, 0), "a tree of which branches meet or run in a circle"),
    "boosting: a child far away": (lambda: boosted("right", 0, 2**32 - 1), "a branch leads to node 4294967295"),
    "boosting: a feature far away": (lambda: boosted("feature_idx", 0, 10**12), "asks for feature 1000000000000"),
    "boosting: a category": (lambda: boosted("is_categorical", 0, 1), "a node splits by categories"),
    "boosting: trees for many classes": (
        lambda: attribute("boosting", "n_trees_per_iteration_", 10**9),
        "n_trees_per_iteration_ of HistGradientBoostingClassifier is 1000000000",
    ),
    "boosting: as if in training": (lambda: attribute("boosting", "_in_fit", True), "_in_fit of"),
    "two features for three": (
        lambda: signed(manifest(facts("forest", features=("joint", "today_x"))), members("forest")),
        "forest.skops: n_features_in_ of IsolationForest is 3 instead of 2",
    ),
    "a width that is a lie": (
        lambda: attribute("forest", "n_features_in_", 4, features=("a", "b", "c", "d")),
        "_max_features of IsolationForest is 3 instead of 4",
    ),
    "a learner of another release": (
        lambda: signed(
            msgspec.structs.replace(manifest(facts("forest", features=("a", "b"))), versions={"scikit-learn": "0.9"}),
            members("forest"),
        ),
        "; made with scikit-learn 0.9, this is ",
    ),
    "a method replaced": (lambda: attribute("forest", "score_samples", 1), "score_samples of IsolationForest stands"),
    "three classes": (three_classes, "classes_ of LogisticRegression are [0, 1, 2]"),
    "an anomaly that ranks": (lambda: renamed("forest", "trees"), "RandomForestClassifier has no score_samples"),
    "a ranker that finds anomalies": (lambda: renamed("trees", "forest"), "IsolationForest has no predict_proba"),
    "more neighbours than points": (
        lambda: attribute("neighbours", "n_neighbors_", 301),
        "n_neighbors_ of LocalOutlierFactor is 301",
    ),
    "another count of points": (
        lambda: attribute("neighbours", "n_samples_fit_", 10**9),
        "n_samples_fit_ of LocalOutlierFactor",
    ),
    "a metric of one's own": (lambda: attribute("brute", "effective_metric_", "precomputed"), "effective_metric_ of"),
    "a row of means for each row": (
        lambda: array(lambda schema: step(schema, 0)["mean_"], "components", lambda mean: np.tile(mean, (4, 1))),
        "mean_ of StandardScaler is no array of [3] numbers",
    ),
    "NaN in a mean": (
        lambda: array(lambda schema: step(schema, 0)["mean_"], "components", lambda mean: mean * np.nan),
        "mean_ of StandardScaler holds what is not finite",
    ),
    "a division by nothing": (
        lambda: array(lambda schema: step(schema, 0)["scale_"], "components", lambda scale: scale * 0.0),
        "scale_ of StandardScaler divides by nothing",
    ),
    "a matrix of millions": (
        lambda: array(lambda schema: step(schema, 1)["coef_"], "logistic", lambda found: np.zeros((10**6, 3))),
        "coef_ of LogisticRegression is no array of [1, 3] numbers",
    ),
    "components by the thousand": (
        lambda: array(lambda schema: attributes(schema)["means_"], "mixture", lambda found: np.zeros((1000, 3))),
        "GaussianMixture has 1000 components",
    ),
    "a step that is none": (
        lambda: in_steps(lambda steps: steps[0]["content"].__setitem__(1, plain("passthrough"))),
        "Pipeline has str where only the last step may be one",
    ),
    "a pipeline of no steps": (
        lambda: in_steps(lambda steps: steps.clear()),
        "Pipeline has 0 steps",
    ),
    "a step that passes nothing on": (
        lambda: changed("whitened", lambda schema, parts: attributes(schema)["steps"]["content"].reverse()),
        "Pipeline has GaussianMixture where only the last step may be one",
    ),
}
"""A name to how it is made, and what its refusal says."""
