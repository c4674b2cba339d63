"""What was trained, as a bundle: described, sealed and signed."""

import platform
from datetime import datetime
from importlib.metadata import version
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detector.bundles import features_digest
from detector.errors import TrainingError
from detector.provenance import release
from detector.training.card import card_of
from detector.training.job import Trained
from models.bundles import BundleError, LearnerFacts, Manifest, dumped, packed_priors, seal

LIBRARIES: Final = ("numpy", "scikit-learn", "skops")


def bundle_of(trained: Trained, name: str, owner: str, seed: int, made: datetime, key: Ed25519PrivateKey) -> bytes:
    """The sealed bundle. The same input gives the same bytes.

    Args:
        trained: what it holds.
        name: of the bundle.
        owner: who answers for it.
        seed: that it was trained with.
        made: when, in UTC.
        key: signs it.

    Raises:
        TrainingError: an estimator cannot be kept without pickle, or a name is none.
    """
    learners = tuple(
        LearnerFacts(
            name=one.name,
            kind=one.kind,  # type: ignore[arg-type]
            features=one.columns,
            file=f"{one.name}.skops",
            scores=fitted.scores,
            nats=fitted.nats,
            limit=one.limit,
        )
        for one, fitted in trained.learners
    )
    judged = trained.validation
    manifest = Manifest(
        name=name,
        created_at=made.isoformat(timespec="seconds"),
        owner=owner,
        version=release(),
        versions={"python": platform.python_version()} | {one: version(one) for one in LIBRARIES},
        seed=seed,
        features=features_digest(),
        data=trained.data,
        learners=learners,
        metrics={"average_precision": judged.precision, "by_level": judged.before} if judged is not None else {},
    )
    try:
        members = {f"{one.name}.skops": dumped(fitted.estimator) for one, fitted in trained.learners}
        members |= {"priors.npz": packed_priors(trained.priors), "card.md": card_of(manifest, trained).encode()}
        return seal(manifest, members, key)
    except BundleError as error:
        raise TrainingError(f"what was trained cannot be kept: {error}") from error
