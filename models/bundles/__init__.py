"""Bundles: one signed file with learners that were trained in batches, and priors for shards that begin.

A bundle is an archive of `manifest.json` (what it is), `manifest.sig` (who says so), `priors.npz`, `card.md` (for
people) and a learner each: `NAME.skops`, or `NAME.npz` of a detector of river. Nothing in it is believed unseen: the
manifest once a trusted key has signed it, a member once its size and SHA-256 are the manifest's, what it holds once
that is of the few known types and in bounds.
"""

from models.bundles.bundle import Bundle, open_bundle, seal
from models.bundles.keys import fingerprint, generate_key, read_private_key, read_public_keys, write_key
from models.bundles.learner import Learner
from models.bundles.manifest import SCHEMA, FileFacts, LearnerFacts, Manifest
from models.bundles.priors import packed_priors
from models.bundles.recipe import DETECTORS, Recipe
from models.bundles.schema import ESTIMATORS
from models.bundles.skops_io import dumped
from models.errors import BundleError

__all__ = [
    "DETECTORS",
    "ESTIMATORS",
    "SCHEMA",
    "Bundle",
    "BundleError",
    "FileFacts",
    "Learner",
    "LearnerFacts",
    "Manifest",
    "Recipe",
    "dumped",
    "fingerprint",
    "generate_key",
    "open_bundle",
    "packed_priors",
    "read_private_key",
    "read_public_keys",
    "seal",
    "write_key",
]
