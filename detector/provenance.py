"""What a result depended on beside its input: the release, and the configuration as far as judgements rest on it."""

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from detector.config import Config

DECIDING: Final = ("time", "intake", "profiles", "learning", "risk", "detections", "data")
"""Sections of the configuration that judgements depend on."""


def configuration_digest(config: Config) -> str:
    """The SHA-256 of what judgements depend on, wherever the inputs lie."""
    tree = config.model_dump(mode="json", include=set(DECIDING))
    tree["time"].pop("calendar", None)  # which is part of the contexts
    return sha256(msgspec.json.encode(tree, order="sorted")).hexdigest()


def release(package: str = "innerwatch") -> str:
    """The version of this program or of another package, "" of a checkout."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
