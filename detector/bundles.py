"""Bundles as this program takes them: of a key that is trusted, made of the features that it has."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from alerts.bundles import SHORT, Book
from alerts.store import Store
from detector.config import Config
from detector.config_bundles import BundlesConfig
from detector.errors import RefusedBundleError
from detector.export.dictionary import features_digest
from detector.learned import LEARNABLE
from models.errors import ModelError
from streams import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from detector.context import Context
    from models.bundles import Bundle, Manifest

LEARNERS: Final = "scikit-learn"
RIVER: Final = "river"
"""The packages whose models are in bundles; another minor version of one may read them differently."""
RECIPE: Final = ".npz"
"""How the file of a learner ends that is river's."""
OPENED: Final = 4
"""Bundles that are kept open: opening one takes a third of a second, and each shard asks for its own."""

OLDEST_DAYS: Final = 180
"""The age of a champion from which on it is told as old: work and systems change within half a year."""


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """Bundles in files, which no registry knows of: the one that judges, and the one that is scored beside it."""

    champion: "Path | None" = None
    challenger: "Path | None" = None

    def opened(self, config: BundlesConfig) -> "tuple[Bundle | None, Bundle | None]":
        """Both, as far as they are named.

        Raises:
            RefusedBundleError: as for ``accepted``; the message names the file.
            OSError: one cannot be read.
        """
        paths = self.champion, self.challenger
        champion, challenger = (read_bundle(path, config) if path is not None else None for path in paths)
        return champion, challenger


class _Made(msgspec.Struct, frozen=True):
    created_at: str


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The bytes of a bundle, which are the same where the digest is."""

    digest: str
    body: bytes = field(compare=False, repr=False)


def accepted(body: bytes, digest: str, config: BundlesConfig) -> "Bundle":
    """The bundle in a file whose SHA-256 is ``digest``.

    Raises:
        RefusedBundleError: it is of a key that is not trusted, damaged, of other features or of another scikit-learn.
    """
    try:
        return _opened(_Sealed(digest, body), config.trusted_keys)
    except ModelError as error:
        raise RefusedBundleError(f"bundle {digest[:SHORT]} is refused: {error}") from error


def read_bundle(path: "Path", config: BundlesConfig) -> "Bundle":
    """The bundle in a file.

    Raises:
        RefusedBundleError: as for ``accepted``; the message names the file.
        OSError: it cannot be read.
    """
    body = path.read_bytes()
    try:
        return accepted(body, sha256(body).hexdigest(), config)
    except RefusedBundleError as error:
        raise RefusedBundleError(f"{path}: {error}") from error


def registered(store: Store, digest: str, config: BundlesConfig) -> "Bundle":
    """The bundle of a digest in the registry.

    Raises:
        StoreError: it is not there.
        RefusedBundleError: as for ``accepted``.
    """
    return accepted(store.bundle(digest), digest, config)


def trained_at(created_at: str) -> float:
    """When a bundle was trained, Unix seconds, by what its manifest says.

    >>> trained_at("2026-11-29T00:00:00+00:00")
    1795910400.0
    """
    return datetime.fromisoformat(created_at).timestamp()


def champion_trained(book: Book) -> float | None:
    """When the present champion was trained, Unix seconds; ``None`` if there is none."""
    found = [one.manifest for one in book.records if one.digest == book.roles.champion]
    return trained_at(msgspec.json.decode(found[0], type=_Made).created_at) if found else None


def present_bundles(
    store: Store, config: BundlesConfig, former: "Context | None"
) -> "tuple[Bundle | None, Bundle | None, tuple[str, ...]]":
    """The champion and the challenger of the registry, and why one is refused, in words.

    A challenger that is refused is left out. In the place of a champion that is refused stays the one of ``former``.

    Raises:
        RefusedBundleError: the champion is refused, and ``former`` is ``None``.
    """
    roles, refused = store.bundle_roles(), list[str]()
    had = [one for one in (former.champion, former.challenger) if one is not None] if former is not None else []

    def take(digest: str) -> "Bundle | None":
        known = [one for one in had if one.digest == digest]
        return known[0] if known else registered(store, digest, config) if digest else None

    try:
        champion = take(roles.champion)
    except RefusedBundleError as error:
        if former is None:
            raise RefusedBundleError(
                f"the champion cannot judge here: {error}; or take it back by innerwatch bundles rollback"
            ) from error
        champion = former.champion
        stays = f"bundle {champion.digest[:SHORT]}" if champion is not None else "the online models"
        refused.append(f"the champion cannot judge here, so it stays with {stays}: {error}")
    try:
        challenger = take(roles.challenger)
    except RefusedBundleError as error:
        challenger = None
        refused.append(f"the challenger is left out: {error}")
    return champion, challenger, tuple(refused)


@lru_cache(OPENED)
def _opened(sealed: _Sealed, trusted_keys: "tuple[Path, ...]") -> "Bundle":
    # Importing scikit-learn takes seconds, which those without bundles should not pay.
    from models.bundles import open_bundle, read_public_keys  # noqa: PLC0415

    bundle = open_bundle(sealed.body, read_public_keys(trusted_keys))
    if bundle.digest != sealed.digest:
        raise RefusedBundleError(f"bundle {sealed.digest[:SHORT]} is damaged: its checksum is wrong; restore a backup")
    _require_fitting(bundle.manifest)
    if bundle.priors:
        _require_usable_priors(bundle)
    return bundle


def _require_fitting(manifest: "Manifest") -> None:
    name = f"bundle {manifest.name} is refused"
    if manifest.features != features_digest():
        raise RefusedBundleError(
            f"{name}: it was made of features {manifest.features[:SHORT]} by innerwatch {manifest.version}, and "
            f"this release has {features_digest()[:SHORT]}; export them again and train anew"
        )
    online = any(learner.file.endswith(RECIPE) for learner in manifest.learners)
    for package in (LEARNERS, RIVER) if online else (LEARNERS,):
        theirs, ours = manifest.versions.get(package, "an unknown version"), version(package)
        if _minor(theirs) != _minor(ours):
            raise RefusedBundleError(
                f"{name}: it was made by {package} {theirs}, and here is {ours}; train anew, or install that one"
            )
    for learner in manifest.learners:
        for column in learner.features:
            if column not in LEARNABLE:
                raise RefusedBundleError(
                    f"{name}: its learner {learner.name} wants {column}, which is not known when a day is judged; "
                    "train anew without it"
                )


def _require_usable_priors(bundle: "Bundle") -> None:
    """What a shard would begin with is tried on one that knows nothing, since what fails here would fail there."""
    from detector.context import read_context  # noqa: PLC0415 - which imports this
    from detector.engine import Engine  # noqa: PLC0415

    config, name = Config(), f"bundle {bundle.manifest.name} is refused"
    odd = [key for key, array in bundle.priors.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if odd:
        raise RefusedBundleError(f"{name}: its prior {odd[0]} is not finite; train anew")
    try:
        Engine(config, replace(read_context(config, Tokens(bytes(32))), champion=bundle))
    except (LookupError, TypeError, ValueError, ModelError) as error:
        raise RefusedBundleError(f"{name}: no shard can begin with its priors ({error}); train anew") from error


def _minor(release: str) -> Sequence[str]:
    return release.split(".")[:2]
