"""What was trained, as a bundle: described, sealed and signed."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detector.app import now
from detector.config_training import TrainingConfig
from detector.errors import TrainingError
from detector.export.dictionary import features_digest
from detector.provenance import release
from detector.training.card import card_of
from detector.training.custom import facts_of, member_of
from detector.training.job import Trained
from models.bundles import BundleError, Manifest, Recipe, dumped, packed_priors, read_private_key, seal

LIBRARIES: Final = ("numpy", "scikit-learn", "skops")
RIVER: Final = "river"


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
    learners = tuple(facts_of(one, fitted) for one, fitted in trained.learners)
    judged = trained.validation
    manifest = Manifest(
        name=name,
        created_at=made.isoformat(timespec="seconds"),
        owner=owner,
        version=release(),
        versions={"python": platform.python_version()} | {one: version(one) for one in _libraries(trained)},
        seed=seed,
        features=features_digest(),
        data=trained.data,
        learners=learners,
        metrics={"average_precision": judged.precision, "by_level": judged.before} if judged is not None else {},
    )
    try:
        members = {member_of(one, fitted): dumped(fitted.estimator) for one, fitted in trained.learners}
        members |= {"priors.npz": packed_priors(trained.priors), "card.md": card_of(manifest, trained).encode()}
        return seal(manifest, members, key)
    except BundleError as error:
        raise TrainingError(f"what was trained cannot be kept: {error}") from error


def name_of(trained: Trained) -> str:
    """A name that tells bundles of other data apart: the last day, and a piece of the digest."""
    both = f"{trained.data['digest']}{trained.data['labels_digest']}".encode()
    return f"{trained.data['last']}-{sha256(both).hexdigest()[:6]}"


def _libraries(trained: Trained) -> tuple[str, ...]:
    online = any(isinstance(fitted.estimator, Recipe) for _, fitted in trained.learners)
    return (*LIBRARIES, RIVER) if online else LIBRARIES


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle that is to be written: where, who answers for it, and the key that signs it."""

    path: Path
    owner: str
    key: Ed25519PrivateKey

    def write(self, trained: Trained, name: str, seed: int) -> bytes:
        """The sealed bundle, which is then in its file, whole or not at all.

        Raises:
            TrainingError: an estimator cannot be kept without pickle, a name is none, or the file cannot be written.
        """
        body = bundle_of(trained, name, self.owner, seed, datetime.fromtimestamp(now(), UTC), self.key)
        draft = self.path.with_name(f".{self.path.name}.draft")
        try:
            with draft.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            raise TrainingError(
                f"{self.path}: cannot be written ({error.strerror}); check the folder and its rights"
            ) from error
        return body


def draft_of(path: Path, config: TrainingConfig, owner: str = "", key: Path | None = None) -> Draft:
    """A bundle that can be written; the configuration says what is not given.

    Raises:
        TrainingError: there is no owner or no key, or the file exists.
        BundleError: the key cannot be read.
    """
    owner, place = owner or config.owner, key or config.key_file
    if not owner:
        raise TrainingError("a bundle has an owner, who answers for it; give an owner, or training.owner")
    if place is None:
        raise TrainingError("a bundle is signed; give a key, as innerwatch bundles key makes one, or training.key_file")
    if path.exists():
        raise TrainingError(f"{path}: exists already; name a file that does not")
    return Draft(path, owner, read_private_key(place))
