"""Bundles for tests: signed, fitting this program unless a test says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest

from alerts.bundles import BundleAct, BundleRecord, Deed
from alerts.registry import Registry
from detector.config_bundles import BundlesConfig
from detector.export.dictionary import features_digest
from models.bundles import LearnerFacts, Manifest, dumped, packed_priors, read_private_key, seal, write_key

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Signer:
    """Somebody with a pair of keys."""

    path: Path

    @property
    def trusted(self) -> BundlesConfig:
        return BundlesConfig(trusted_keys=(self.path.with_name(f"{self.path.name}.pub"),))

    def seal(self, name: str, members: Mapping[str, bytes] | None = None, **facts: Any) -> bytes:
        """A bundle; without further members and facts, one that has no learners."""
        usual: dict[str, Any] = {
            "created_at": "2026-11-29T00:00:00+00:00",
            "owner": "dana",
            "version": version("innerwatch"),
            "versions": {"scikit-learn": version("scikit-learn")},
            "seed": 7,
            "features": features_digest(),
            "data": {"first": "2026-03-02", "last": "2026-05-29", "rows": 4_000},
        }
        manifest = Manifest(name=name, **usual | facts)
        every = {"priors.npz": packed_priors({}), "card.md": f"# {name}\n".encode(), **(members or {})}
        return seal(manifest, every, read_private_key(self.path))

    def seal_alarmed(self, name: str, nats: float, column: str = "active_days") -> bytes:
        """A bundle whose only learner finds every day as odd as this."""
        forest = IsolationForest(n_estimators=1, random_state=7).fit(np.arange(8.0)[:, None])
        learner = LearnerFacts(
            name="alarmed",
            kind="anomaly",
            features=(column,),
            file="alarmed.skops",
            scores=(0.0, 1.0),
            nats=(nats, nats),
            limit=nats,
        )
        return self.seal(name, {"alarmed.skops": dumped(forest)}, learners=(learner,))


def signer_in(folder: Path, name: str = "training.key") -> Signer:
    """Makes a pair of keys in a folder."""
    write_key(folder / name)
    return Signer(folder / name)


def digest_of(body: bytes) -> str:
    return sha256(body).hexdigest()


def add(registry: Registry, name: str, body: bytes, owner: str = "dana") -> str:
    """Put a bundle into the registry, unseen; its digest."""
    manifest = '{"data": {}, "created_at": "2026-11-29T00:00:00+00:00"}'
    record = BundleRecord(
        digest=digest_of(body), name=name, owner=owner, manifest=manifest, added_at=NOW, added_by="lee"
    )
    registry.add(record, body)
    return record.digest


def act(registry: Registry, deed: Deed, digest: str, by: str = "kim") -> None:
    """Do something with a bundle, whatever was done before."""
    number = registry.book().roles.number + 1
    registry.perform(BundleAct(number=number, digest=digest, act=deed, at=NOW, by=by))
