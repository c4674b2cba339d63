"""Bundles as this program takes them: of a key that is trusted, made of the features that it has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from alerts.bundles import SHORT
from alerts.store import Store
from detector.config_bundles import BundlesConfig
from detector.errors import RefusedBundleError
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from detector.context import Context
    from models.bundles import Bundle, Manifest

LEARNERS: Final = "scikit-learn"
"""The package whose models are in bundles; another minor version of it may read them differently."""
OPENED: Final = 4
"""Bundles that are kept open: opening one takes a third of a second, and each shard asks for its own."""


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
    return bundle


def _require_fitting(manifest: "Manifest") -> None:
    from detector.export.dictionary import features_digest  # noqa: PLC0415

    name = f"bundle {manifest.name} is refused"
    if manifest.features != features_digest():
        raise RefusedBundleError(
            f"{name}: it was made of features {manifest.features[:SHORT]} by innerwatch {manifest.version}, and "
            f"this release has {features_digest()[:SHORT]}; export them again and train anew"
        )
    theirs, ours = manifest.versions.get(LEARNERS, "an unknown version"), version(LEARNERS)
    if _minor(theirs) != _minor(ours):
        raise RefusedBundleError(
            f"{name}: it was made by {LEARNERS} {theirs}, and here is {ours}; train anew, or install that one"
        )


def _minor(release: str) -> Sequence[str]:
    return release.split(".")[:2]
