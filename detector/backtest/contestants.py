"""Who is compared: bundles in files or in the registry, the present champion, or the online models alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alerts.store import Store
from detector.backtest.match import ONLINE, Contestant
from detector.bundles import read_bundle, registered
from detector.config_bundles import BundlesConfig
from detector.errors import BacktestError

CHAMPION: Final = "champion"
"""The word for the bundle that the registry has as champion, if any."""


def contestants_of(words: Sequence[str], config: BundlesConfig, store: Store | None) -> list[Contestant]:
    """The champion and the challenger.

    Args:
        words: one or two, the challenger last: a file, ``ONLINE``, ``CHAMPION``, or a name or digest in the registry.
            One alone is compared with the online models.
        config: says whose bundles are taken.
        store: has the registry; ``None`` without one.

    Raises:
        BacktestError: there is no such bundle, or nothing to compare.
        RefusedBundleError, StoreError: a bundle cannot be taken here.
    """
    if not 1 <= len(words) <= 2:
        raise BacktestError(f"{len(words)} bundles are named; name the challenger, or the champion and then it")
    found = [_contestant(word, config, store) for word in ((ONLINE, *words) if len(words) == 1 else words)]
    if found[0].digest == found[1].digest:
        raise BacktestError(f"{found[0].name} would be compared with itself; name another bundle by --bundle")
    return found


def _contestant(word: str, config: BundlesConfig, store: Store | None) -> Contestant:
    if word == ONLINE:
        return Contestant()
    if Path(word).is_file():
        return Contestant(read_bundle(Path(word), config))
    if store is None and word == CHAMPION:
        return Contestant()
    if store is None:
        raise BacktestError(f"{word}: no such file, and no state whose registry could have it; name one by --state")
    book = store.bundle_book()
    digest = book.roles.champion if word == CHAMPION else book.find(word).digest
    return Contestant(registered(store, digest, config) if digest else None)
