"""Bundles sealed and opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Final

import msgspec
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from numpy.typing import NDArray

from models.bundles.archive import packed, unpacked
from models.bundles.keys import fingerprint
from models.bundles.learner import Learner
from models.bundles.manifest import (
    CARD,
    MEMBER,
    PRIORS,
    RECIPE,
    SIGNATURE,
    FileFacts,
    LearnerFacts,
    Manifest,
    decoded,
    encoded,
)
from models.bundles.priors import read_priors
from models.bundles.recipe import read_recipe
from models.bundles.skops_io import loaded
from models.errors import BundleError

WHAT: Final = "the bundle"
MOST_MEMBERS: Final = 32
MOST_CARD: Final = 2**20
_KEY: Final = 32
_SIGNED: Final = 96
"""Bytes of `manifest.sig`: the public key, and the signature of `manifest.json` by it."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was opened: signed by a trusted key, whole, and nothing in it that is not known.

    `digest` is the SHA-256 of the whole file, in hexadecimal; arrays of `priors` are not to be written to; `card` is
    Markdown.
    """

    manifest: Manifest
    digest: str
    learners: tuple[Learner, ...]
    priors: Mapping[str, NDArray[Any]]
    card: str


def seal(manifest: Manifest, members: Mapping[str, bytes], key: Ed25519PrivateKey) -> bytes:
    """A bundle of `members`: `priors.npz`, `card.md` and the file of each learner. The same input gives the same bytes.

    Args:
        manifest: what it is; `files` is filled in here.
        members: by name.
        key: signs it.

    Raises:
        BundleError: it could not be opened again; says why.
    """
    files = {name: FileFacts(sha256=sha256(body).hexdigest(), bytes=len(body)) for name, body in members.items()}
    described = encoded(msgspec.structs.replace(manifest, files=files))
    signature = key.public_key().public_bytes_raw() + key.sign(described)
    body = packed({**members, MEMBER: described, SIGNATURE: signature})
    open_bundle(body, [key.public_key()])
    return body


def open_bundle(body: bytes, trusted: Sequence[Ed25519PublicKey]) -> Bundle:
    """The bundle in `body`, if one of the `trusted` keys has signed it and everything in it is as its manifest says.

    Raises:
        BundleError: says which member is not as it should be; nothing of it was executed.
    """
    members = unpacked(body, WHAT, MOST_MEMBERS)
    described = members.pop(MEMBER, None)
    signature = members.pop(SIGNATURE, None)
    if described is None or signature is None:
        raise BundleError(f"{WHAT} lacks {MEMBER} or {SIGNATURE}: give a file that `innerwatch train` wrote")
    _check_signature(described, signature, trusted)
    manifest = decoded(described)
    _check_members(manifest, members)
    return Bundle(
        manifest=manifest,
        digest=sha256(body).hexdigest(),
        learners=_learners(manifest, members),
        priors=read_priors(members[PRIORS], PRIORS),
        card=_card(members[CARD]),
    )


def _check_signature(described: bytes, signature: bytes, trusted: Sequence[Ed25519PublicKey]) -> None:
    if len(signature) != _SIGNED:
        raise BundleError(
            f"{SIGNATURE} has {len(signature)} bytes instead of {_SIGNED}: the bundle is not signed, do not use it"
        )
    raw = signature[:_KEY]
    key = next((known for known in trusted if known.public_bytes_raw() == raw), None)
    if key is None:
        by = fingerprint(Ed25519PublicKey.from_public_bytes(raw))
        raise BundleError(
            f"{SIGNATURE} is by the key {by}, which is not trusted: ask its owner, and trust that key if it is theirs"
        )
    try:
        key.verify(signature[_KEY:], described)
    except InvalidSignature as error:
        raise BundleError(
            f"{MEMBER} is not what was signed by the key {fingerprint(key)}: it was changed since, do not use it"
        ) from error


def _check_members(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    odd = sorted(set(manifest.files) ^ set(members))
    if odd:
        raise BundleError(f"{odd[0]} is in {WHAT} or in its {MEMBER} but not in both: do not use it")
    for name, facts in manifest.files.items():
        if len(members[name]) != facts.bytes:
            raise BundleError(f"{name} has {len(members[name])} bytes, {MEMBER} says {facts.bytes}: do not use it")
        if sha256(members[name]).hexdigest() != facts.sha256:
            raise BundleError(f"{name} has another SHA-256 than {MEMBER} says: it was changed, do not use it")


def _learners(manifest: Manifest, members: Mapping[str, bytes]) -> tuple[Learner, ...]:
    try:
        return tuple(_learner(facts, members[facts.file]) for facts in manifest.learners)
    except BundleError as error:
        made, here = manifest.versions.get("scikit-learn", "?"), version("scikit-learn")
        raise BundleError(
            f"{error}; made with scikit-learn {made}, this is {here}: train it again, or ask who signed it"
        ) from error


def _learner(facts: LearnerFacts, body: bytes) -> Learner:
    """The learner, asked once: it must answer, and the same however its rows are cut."""
    read = read_recipe if facts.file.endswith(RECIPE) else loaded
    estimator = read(body, len(facts.features), facts.file)
    asked = ("predict_proba",) if facts.kind == "ranker" else ("score_samples", "decision_function")
    if not any(hasattr(estimator, name) for name in asked):
        raise BundleError(
            f"{facts.file}: {type(estimator).__name__} has no {' or '.join(asked)}, which a learner needs"
        )
    learner = Learner(facts, estimator)
    width = len(facts.features)
    rows = np.vstack([np.zeros(width), np.arange(width), np.full(width, 1e6), np.full(width, np.nan)])
    whole = learner.nats_many(rows)
    if not np.array_equal(whole, np.concatenate([learner.nats_many(row[None]) for row in rows])):
        raise BundleError(f"{facts.file}: its answer for a row depends on the rows beside it, which no learner may")
    return learner


def _card(body: bytes) -> str:
    try:
        card = body.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"{CARD} is no text in UTF-8: write it again") from error
    if len(body) > MOST_CARD or not all(letter.isprintable() or letter in "\n\t" for letter in card):
        raise BundleError(f"{CARD} is too long or holds what could steer a terminal: write it again")
    return card
