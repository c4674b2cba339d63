"""The tables of the store, in SQL that SQLite and PostgreSQL both understand.

They are made and changed by `alerts/migrations`; a test holds the two together. Times are texts in UTC of one
width, so that their order as texts is their order in time.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import Double

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
"""The schema's versions, oldest first, as the files of `alerts/migrations/versions` are numbered."""

metadata = MetaData()


def ordered(length: int | None = None) -> String:
    """A text that sorts by its bytes, as in SQLite; PostgreSQL would follow the language of the database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", ordered(20), primary_key=True),
    Column("actor", String, nullable=False, index=True),
    Column("opened_at", ordered(32), nullable=False, index=True),
    Column("updated_at", ordered(32), nullable=False),
    Column("risk", Double, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)

# A shard that is acquired but has nothing committed yet has an epoch and no position.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("shard", ordered(), primary_key=True),
    Column("position", String),
    Column("snapshot", String),
    Column("sha256", String(64)),
    Column("counters", Text),
    Column("epoch", Integer, nullable=False),
    Column("former", String),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("shard", ordered(), primary_key=True),
    Column("name", ordered(), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

contexts = Table(
    "contexts",
    metadata,
    Column("digest", ordered(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

context_changes = Table(
    "context_changes",
    metadata,
    Column("shard", ordered(), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", String, nullable=False),
    Column("digest", ordered(64), nullable=False),
)

# A sequence that was deleted is never given again: a late word about it must not meet another row.
outbox = Table(
    "outbox",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("receiver", String, nullable=False),
    Column("shard", String, nullable=False),
    Column("alert_id", ordered(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("actor", String, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("receiver", "alert_id", "revision", name="uq_outbox_receiver_alert_id_revision"),
    Index("ix_outbox_receiver_shard_sequence", "receiver", "shard", "sequence"),
    sqlite_autoincrement=True,
)

incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", ordered(20), primary_key=True),
    Column("actor", ordered(), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("severity", String(8), nullable=False),
    Column("risk", Double, nullable=False),
    Column("opened_at", ordered(32), nullable=False),
    Column("updated_at", ordered(32), nullable=False),
    Column("owner", String, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("merged_into", String(20), nullable=False, server_default=text("''")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("unanswered_since", Double, nullable=False, server_default=text("0")),
)

incident_alerts = Table(
    "incident_alerts",
    metadata,
    Column("alert_id", ordered(20), primary_key=True),
    Column("incident_id", ordered(20), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("gist", Text, nullable=False),
)

incident_log = Table(
    "incident_log",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("incident_id", ordered(20), nullable=False, index=True),
    Column("time", Double, nullable=False),
    Column("author", String, nullable=False),
    Column("act", String(16), nullable=False),
    Column("text", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("alert_id", ordered(20), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("stage", ordered(16), primary_key=True),
    Column("reason", String(24), nullable=False),
    Column("detail", Text, nullable=False),
    Column("time", Double, nullable=False),
)

# One row for each alert and receiver says what it is to be told and what it was told: a newer revision takes the place
# of the one before, so the rows are as many as the alerts, however long a receiver is away.
deliveries = Table(
    "deliveries",
    metadata,
    Column("receiver", ordered(64), primary_key=True),
    Column("alert_id", ordered(20), primary_key=True),
    Column("incident_id", ordered(20), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("phase", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Double, nullable=False),
    Column("since", Double, nullable=False),
    Column("detail", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("admitted", Double, nullable=False, server_default=text("0")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("answer", String(16), nullable=False, server_default=text("''")),
    Column("answered", Double, nullable=False, server_default=text("0")),
    Index("ix_deliveries_state_due", "state", "due"),
    Index("ix_deliveries_admitted", "admitted"),
)

silences = Table(
    "silences",
    metadata,
    Column("silence_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("matcher", Text, nullable=False),
    Column("owner", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("ended_by", String, nullable=False, server_default=text("''")),
)

# The number is never given again: a shard's state names what it has learned from by it.
feedback = Table(
    "feedback",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("incident_id", ordered(20), nullable=False, index=True),
    Column("actor", ordered(), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("detections", Text, nullable=False),
    Column("risk", Double, nullable=False),
    Column("author", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("given", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("withdrawn", Double, nullable=True),
    Column("withdrawn_by", String, nullable=False),
    sqlite_autoincrement=True,
)

# Of a token there is only what its secret hashes to; a name may have had several.
tokens = Table(
    "tokens",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("name", ordered(64), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("revoked", Double, nullable=True),
)

# What senders said, by a digest of their own id for it, for as long as they may say it again.
heard = Table(
    "heard",
    metadata,
    Column("receiver", ordered(64), primary_key=True),
    Column("event", ordered(40), primary_key=True),
    Column("time", Double, nullable=False, index=True),
)

# Until when everything that a receiver has to say was read, where it is asked.
cursors = Table(
    "cursors",
    metadata,
    Column("receiver", ordered(64), primary_key=True),
    Column("time", Double, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("digest", ordered(64), primary_key=True),
    Column("name", ordered(64), nullable=False, unique=True),
    Column("owner", String, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("added_at", Double, nullable=False),
    Column("added_by", String, nullable=False),
)

# What was done with them, in order; their roles follow from this alone.
bundle_acts = Table(
    "bundle_acts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", ordered(64), nullable=False),
    Column("act", String(16), nullable=False),
    Column("at", Double, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("report", String(64), nullable=False),
)

# One statement, so that of two that are the first at once the second counts on instead of failing.
ACQUIRE = text(
    "INSERT INTO checkpoints (shard, epoch) VALUES (:shard, 1) "
    "ON CONFLICT (shard) DO UPDATE SET epoch = checkpoints.epoch + 1 RETURNING epoch"
)

# Whoever else does this waits until the transaction ends; the epoch stays as it was.
HOLD = text(
    "INSERT INTO checkpoints (shard, epoch) VALUES (:shard, 0) "
    "ON CONFLICT (shard) DO UPDATE SET epoch = checkpoints.epoch"
)


def time_text(time: datetime) -> str:
    """An aware time as it is stored: RFC 3339 in UTC with six decimals.

    >>> time_text(datetime(2026, 3, 2, 1, 14, tzinfo=UTC))
    '2026-03-02T01:14:00.000000+00:00'
    """
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """The aware time that was stored as this text.

    >>> time_of('2026-03-02T01:14:00.000000+00:00')
    datetime.datetime(2026, 3, 2, 1, 14, tzinfo=datetime.timezone.utc)
    """
    return datetime.fromisoformat(text)
