"""What a bundle says of itself: what it was made of, by whom, and what its learners are."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec

from models.bundles.archive import MOST_BYTES
from models.errors import BundleError

SCHEMA: Final = "innerwatch-bundle/1"
FAMILY: Final = "innerwatch-bundle/"
MEMBER: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
PRIORS: Final = "priors.npz"
CARD: Final = "card.md"
RECIPE: Final = ".npz"
"""How the file of a learner ends that is no file of skops but a recipe."""
MOST_MANIFEST: Final = 2**20
MOST_NATS: Final = 12.0
"""That a learner may move a level by, so that none is a verdict of its own."""

Text = Annotated[str, msgspec.Meta(max_length=1000)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Column = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}\Z")]
Scores = Annotated[tuple[Annotated[float, msgspec.Meta(ge=-1e38, le=1e38)], ...], msgspec.Meta(max_length=4096)]
Nats = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0.0, le=1e6)], ...], msgspec.Meta(max_length=4096)]


class FileFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a member is known by."""

    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]


class LearnerFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a learner is and how its estimator's answers become nats.

    `features` are the columns that the estimator takes, in order. `scores` are its answers at quantiles of the training
    data, ascending and high = worse, and `nats` what each is worth, as many and ascending from 0 or more: of an anomaly
    learner -ln P(score >= that), of a ranker the level that as many days reached. `limit` is the most that the learner
    moves a level.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
    kind: Literal["anomaly", "ranker"]
    features: Annotated[tuple[Column, ...], msgspec.Meta(min_length=1, max_length=512)]
    file: Annotated[str, msgspec.Meta(max_length=40)]
    scores: Scores
    nats: Nats
    limit: Annotated[float, msgspec.Meta(gt=0.0, le=MOST_NATS)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle is: its schema, its makers and their versions, its training data, its learners, its other members.

    `created_at` is ISO 8601 in UTC; `versions` are of the machine that made it; `features` is the SHA-256 of the
    dictionary of features that it was trained on; `data` and `metrics` are facts for people; `seal` fills in `files`.
    """

    schema: str = SCHEMA
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\Z")]
    created_at: Annotated[str, msgspec.Meta(max_length=40)]
    owner: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    version: Annotated[str, msgspec.Meta(max_length=100)]
    versions: Annotated[dict[Text, Text], msgspec.Meta(max_length=64)]
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    features: Sha256
    data: Annotated[dict[Text, Text | int | float], msgspec.Meta(max_length=256)]
    learners: Annotated[tuple[LearnerFacts, ...], msgspec.Meta(max_length=16)] = ()
    files: Annotated[dict[Text, FileFacts], msgspec.Meta(max_length=32)] = {}
    metrics: Annotated[dict[Text, float], msgspec.Meta(max_length=1024)] = {}


class _Opening(msgspec.Struct):
    schema: str


def encoded(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`, for people as well; the same for the same facts."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def decoded(body: bytes) -> Manifest:
    """The manifest in `body`, if its schema is known and all that it says is possible; else BundleError says why."""
    if len(body) > MOST_MANIFEST:
        raise BundleError(f"{MEMBER} has {len(body)} bytes and may have {MOST_MANIFEST}: do not use it")
    try:
        schema = msgspec.json.decode(body, type=_Opening).schema
        if schema != SCHEMA:
            raise BundleError(_foreign(schema))
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{MEMBER} is not as it should be ({str(error)[:300]}): train the bundle again") from error
    _check(manifest)
    return manifest


def _foreign(schema: str) -> str:
    if schema.startswith(FAMILY) and schema.isprintable():
        return (
            f"{MEMBER} has the schema {schema[:40]!r}, this release reads {SCHEMA!r}: upgrade innerwatch, or train anew"
        )
    return f"{MEMBER} has the schema {schema[:40]!r}, which is no bundle's: give a file that `innerwatch train` wrote"


def _check(manifest: Manifest) -> None:
    """What types do not say."""
    for text in _texts(msgspec.to_builtins(manifest)):
        if not text.isprintable():
            raise BundleError(f"{MEMBER} holds the text {text[:60]!r}, which could steer a terminal: do not use it")
    try:
        utc = datetime.fromisoformat(manifest.created_at).utcoffset() == timedelta(0)
    except ValueError:
        utc = False
    if not utc:
        raise BundleError(
            f"{MEMBER}: created_at is {manifest.created_at!r}: give {datetime(2026, 1, 1, tzinfo=UTC).isoformat()!r}"
        )
    names = [facts.name for facts in manifest.learners]
    if len(set(names)) != len(names):
        raise BundleError(f"{MEMBER}: two learners have one name: give each its own")
    for facts in manifest.learners:
        _check_learner(facts)
    wanted = {PRIORS, CARD, *(facts.file for facts in manifest.learners)}
    odd = sorted(wanted ^ set(manifest.files))
    if odd:
        raise BundleError(f"{MEMBER}: {odd[0]} is named without use, or used and not named: seal the bundle anew")


def _check_learner(facts: LearnerFacts) -> None:
    where = f"{MEMBER}: learner {facts.name}"
    if facts.file not in (f"{facts.name}.skops", f"{facts.name}{RECIPE}"):
        raise BundleError(f"{where}: its file is {facts.file!r}: call it {facts.name}.skops")
    if len(set(facts.features)) != len(facts.features):
        raise BundleError(f"{where}: a feature comes twice: name each once")
    if len(facts.scores) < 2 or len(facts.scores) != len(facts.nats):
        raise BundleError(
            f"{where}: {len(facts.scores)} scores and {len(facts.nats)} nats: give two or more, as many of each"
        )
    if not (_ascending(facts.scores) and _ascending(facts.nats)):
        raise BundleError(f"{where}: scores or nats fall: give both ascending")


def _ascending(values: Sequence[float]) -> bool:
    return all(before <= after for before, after in pairwise(values))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))
