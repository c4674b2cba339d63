"""Fitted estimators and the bundles of them: small, seeded, and of every kind that a bundle may hold."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.bundles import FileFacts, LearnerFacts, Manifest, dumped, packed_priors, seal
from models.bundles.archive import packed
from models.bundles.manifest import encoded

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
FEATURES = ("today_exports", "total_exports", "joint")
PRIORS = {"volume.rows[]": np.arange(6.0).reshape(2, 3), "roles": np.array(["claims", "sales"])}
CARD = b"# A bundle\n\nFor tests.\n"

ESTIMATORS: Mapping[str, Any] = {
    "forest": IsolationForest(n_estimators=10, random_state=1),
    "mixture": GaussianMixture(2, random_state=1),
    "spheres": GaussianMixture(2, covariance_type="spherical", random_state=1),
    "neighbours": LocalOutlierFactor(novelty=True),
    "brute": LocalOutlierFactor(n_neighbors=5, algorithm="brute", novelty=True),
    "components": make_pipeline(StandardScaler(), PCA(2)),
    "whitened": make_pipeline(StandardScaler(), PCA(2, whiten=True), GaussianMixture(1, random_state=1)),
    "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=1),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "trees": RandomForestClassifier(5, max_depth=4, random_state=1),
}
SHARES = np.array([0.0, 0.5, 0.9, 0.99, 0.995])
RANKERS = ("boosting", "logistic", "trees")


def days(seed: int, number: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Actor-days (n, 3), and whether a verdict called each one true (n,)."""
    random = np.random.default_rng(seed)
    values = random.gamma(2.0, 3.0, size=(number, 3))
    return values, (values[:, 0] + random.normal(size=number) > 6.0).astype(np.int64)


@cache
def fitted(name: str) -> Any:
    """The estimator of that name, fitted; not to be changed."""
    values, true = days(1)
    estimator = clone(ESTIMATORS[name])
    return estimator.fit(values, true) if name in RANKERS else estimator.fit(values)


@cache
def file(name: str) -> bytes:
    """Its file."""
    return dumped(fitted(name))


@cache
def curve(name: str) -> tuple[float, ...]:
    """Its answers at quantiles of the training data; asked once, since threads add up in any order."""
    values = days(1)[0]
    answers = fitted(name).predict_proba(values)[:, 1] if name in RANKERS else -fitted(name).score_samples(values)
    return tuple(np.quantile(answers, SHARES).tolist())


def facts(name: str, **other: Any) -> LearnerFacts:
    """What is said of it."""
    known = {
        "name": name,
        "kind": "ranker" if name in RANKERS else "anomaly",
        "features": FEATURES,
        "file": f"{name}.skops",
        "scores": curve(name),
        "nats": tuple((-np.log(1.0 - SHARES) + 0.0).tolist()),
        "limit": 6.0,
    }
    return LearnerFacts(**(known | other))


def manifest(*learners: LearnerFacts) -> Manifest:
    return Manifest(
        name="spring-2026",
        created_at="2026-03-01T12:00:00+00:00",
        owner="Data science",
        version="0.1.0",
        versions={"python": "3.11"},
        seed=7,
        features="ab" * 32,
        data={"rows": 300, "first": "2026-01-01", "share": 0.25},
        learners=learners,
        metrics={"auc": 0.9},
    )


def members(*names: str) -> dict[str, bytes]:
    return {"priors.npz": packed_priors(PRIORS), "card.md": CARD} | {f"{name}.skops": file(name) for name in names}


@cache
def sealed(*names: str) -> bytes:
    """A bundle of these learners."""
    return seal(manifest(*map(facts, names)), members(*names), KEY)


def signature(described: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes_raw() + key.sign(described)


def signed(described: Manifest, parts: Mapping[str, bytes], files: Mapping[str, FileFacts] | None = None) -> bytes:
    """What somebody with the key can make: right sizes and hashes, a good signature, and no look at what is sealed."""
    true = {name: FileFacts(sha256=sha256(body).hexdigest(), bytes=len(body)) for name, body in parts.items()}
    return signed_text(encoded(msgspec.structs.replace(described, files=true | dict(files or {}))), parts)


def signed_text(described: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The same with a manifest of any bytes."""
    return packed({**parts, "manifest.json": described, "manifest.sig": signature(described)})
