"""Changes signed learners at random and asks them, in a process that may die of it: `... .fuzz SEED NUMBER`.

Each is refused with a BundleError, or judges any row: a finite number within its limit. Writes how many did which.
"""

import io
import json
import sys
from copy import deepcopy
from typing import Any

import numpy as np

from models.bundles import BundleError, open_bundle
from models.bundles.archive import packed, unpacked
from models.bundles.arrays import npy
from tests.models.bundles.hostile import learner
from tests.models.bundles.samples import ESTIMATORS, KEY, days, file

VALUES = (0, 1, -1, 2, 3, 2**31, -(2**63), 10**30, 0.5, 1e300, None, True, "", "x", "euclidean", "brute", "kd_tree")


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a schema."""
    pairs = enumerate(tree) if isinstance(tree, list) else tree.items() if isinstance(tree, dict) else ()
    return [place for key, child in pairs for place in [(tree, key), *places(child)]]


def changed_schema(schema: dict[str, Any], random: np.random.Generator) -> None:
    every = places(schema)
    into, key = every[random.integers(len(every))]
    other, of = every[random.integers(len(every))]
    how = random.integers(4)
    if how == 0:
        into[key] = deepcopy(other[of])
    elif how == 1 and isinstance(into, dict) and key != "__id__":
        into.pop(key)
    elif isinstance(into[key], dict) and "content" in into[key] and into[key]["__loader__"] == "JsonNode":
        into[key]["content"] = json.dumps(VALUES[random.integers(len(VALUES))])
        into[key]["__id__"] = 10**6
    elif how == 2:
        into[key] = VALUES[random.integers(len(VALUES))]


def changed_array(body: bytes, random: np.random.Generator) -> bytes:
    if random.integers(4) == 0:
        flipped = bytearray(body)
        flipped[random.integers(len(body))] ^= int(random.integers(1, 256))
        return bytes(flipped)
    try:
        array = np.load(io.BytesIO(body))
    except ValueError:  # changed before, and none any more
        return body
    if array.size == 0 or random.integers(4) == 0:
        return npy(array[: len(array) // 2].copy() if array.ndim else array.reshape(1, 1))
    fields = array.dtype.names
    column = array[fields[random.integers(len(fields))]] if fields else array
    place = tuple(random.integers(length) for length in column.shape)
    with np.errstate(all="ignore"):
        column[place] = np.array([0, 1, -1, -2, 7, 1e9, -1e9, 1e300, np.nan, np.inf])[random.integers(10)].astype(
            column.dtype
        )
    return npy(array)


def main(seed: int, number: int) -> None:
    random = np.random.default_rng(seed)
    rows = np.vstack([days(4, 20)[0], random.normal(size=(20, 3)) * 1e6, np.full((1, 3), -1e12)])
    refused = judged = 0
    for turn in range(number):
        name = list(ESTIMATORS)[turn % len(ESTIMATORS)]
        parts = unpacked(file(name), "it", 10_000)
        schema = json.loads(parts.pop("schema.json"))
        for _ in range(random.integers(1, 4)):
            if random.integers(2):
                changed_schema(schema, random)
            else:
                which = sorted(parts)[random.integers(len(parts))]
                parts[which] = changed_array(parts[which], random)
        try:
            body = packed(parts | {"schema.json": json.dumps(schema).encode()})
            nats = open_bundle(learner(body, name), [KEY.public_key()]).learners[0].nats_many(rows)
        except BundleError:
            refused += 1
        else:
            assert np.isfinite(nats).all()
            assert np.abs(nats).max() <= 6.0
            judged += 1
    print(json.dumps({"refused": refused, "judged": judged}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
