"""Who may use the API: tokens by name and role, of which only a hash is kept; functions over one transaction."""

import re
from base64 import urlsafe_b64encode
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.errors import AccessError
from alerts.intake import ITSELF

PREFIX: Final = "iwt_"
"""How a token begins, so that scanners for secrets know one."""
FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
SECRET_BYTES: Final = 32
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""A name stands in histories as the author of what was done with the token."""


class Role(StrEnum):
    """What a token lets its bearer do, each all that those before may."""

    READER = "reader"  # looks
    ANALYST = "analyst"  # works on incidents
    ADMIN = "admin"  # sees to it that receivers are told

    def allows(self, wanted: "Role") -> bool:
        """Whether whoever has this role may do what another one is needed for."""
        scale = list(Role)
        return scale.index(self) >= scale.index(wanted)


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Whose it is and what it allows; all times are Unix seconds, `revoked` is None while nobody has revoked it."""

    name: str
    role: Role
    created: float
    expires: float
    revoked: float | None = None

    def valid(self, now: float) -> bool:
        """Whether it lets anybody in."""
        return self.revoked is None and now < self.expires


def written(secret: bytes) -> str:
    """A token as it is shown, once.

    >>> written(bytes(32))
    'iwt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return PREFIX + urlsafe_b64encode(secret).decode().rstrip("=")


def add(connection: sa.Connection, token: Token, secret: bytes) -> str:
    """Keep a token of a new secret of `SECRET_BYTES` random bytes; the token as it is shown, once.

    The caller keeps others from it until the transaction ends.

    Raises:
        AccessError: the name is none, or somebody's who has a token that is valid.
    """
    if not NAME.fullmatch(token.name) or token.name.lower() == ITSELF:
        raise AccessError(
            f"{token.name!r} is no name for a token; give up to 64 letters, digits and . _ @ -, other than {ITSELF}"
        )
    if len(secret) != SECRET_BYTES:
        raise AccessError(f"a secret of {len(secret)} bytes; give {SECRET_BYTES} random ones")
    if any(one.valid(token.created) for one in listed(connection) if one.name == token.name):
        raise AccessError(f"{token.name} has a token that is valid; revoke that one first, or give another name")
    shown = written(secret)
    connection.execute(sa.insert(tables.tokens).values(**msgspec.structs.asdict(token), sha256=_hash(shown)))
    return shown


def bearer(connection: sa.Connection, shown: str, now: float) -> Token | None:
    """Whose token this is, None where it is nobody's, has ended or was revoked.

    The row is found by a hash, so how long that takes says nothing of a secret.
    """
    hashed, row = _hash(shown), tables.tokens
    found = connection.execute(sa.select(row).where(row.c.sha256 == hashed)).mappings().one_or_none()
    if found is None or not compare_digest(str(found["sha256"]), hashed):
        return None
    token = _token(found)
    return token if token.valid(now) else None


def listed(connection: sa.Connection) -> list[Token]:
    """All tokens there ever were, by name, the oldest of a name first."""
    row = tables.tokens
    return [_token(one) for one in connection.execute(sa.select(row).order_by(row.c.name, row.c.number)).mappings()]


def revoke(connection: sa.Connection, name: str, now: float) -> bool:
    """Let nobody in by this name's token any more; whether there was one that is valid."""
    row = tables.tokens
    this = (row.c.name == name) & row.c.revoked.is_(None) & (row.c.expires > now)
    return connection.execute(sa.update(row).where(this).values(revoked=now)).rowcount > 0


def _hash(shown: str) -> str:
    return sha256(shown.encode()).hexdigest()


def _token(row: Any) -> Token:
    return msgspec.convert({name: row[name] for name in Token.__struct_fields__}, Token)
