"""The configuration of bundles."""

from pathlib import Path

from detector.section import Section


class BundlesConfig(Section):
    """Whose bundles are taken: those that the private half of one of these keys has signed."""

    trusted_keys: tuple[Path, ...] = ()
