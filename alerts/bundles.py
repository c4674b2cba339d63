"""The registry of bundles: which there are and what was done with them; functions over one transaction.

The store knows no more of a bundle than its bytes, their digest and what its manifest says. What a bundle is used for,
its role, stands nowhere: it follows from the acts, in their order.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.errors import OvertakenError, RegistryError, UnknownBundleError

LONGEST_TEXT: Final = 4_000
LONGEST_NAME: Final = 64
SHORT: Final = 12
"""Characters of a digest by which people are told of it."""


class Deed(StrEnum):
    """What is done with a bundle."""

    ADD = "add"
    SHADOW = "shadow"  # it becomes the challenger, which is scored and never tells
    PROMOTE = "promote"  # it becomes the champion, which judges
    ROLLBACK = "rollback"  # it is the champion no more; the one before it is again, or none
    ARCHIVE = "archive"  # it is not used


class BundleAct(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the registry's history, which is never changed.

    `number` counts them from 1. `at` is Unix seconds, `by` who has done it, of a promotion who has approved it.
    `report` is the SHA-256 of the report that a promotion rests on, "" for none.
    """

    number: int
    digest: str
    act: Deed
    at: float
    by: str
    reason: str = ""
    report: str = ""


class BundleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was added, without its bytes: whose it is, its manifest as JSON, and who added it when."""

    digest: str
    name: str
    owner: str
    manifest: str
    added_at: float
    added_by: str


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """What bundles are used for after the act of this number, by their digests; "" is none.

    `before` are the champions before the present one, to which rollbacks lead back, the last one first to be taken;
    the oldest is "", the online models alone.
    """

    number: int = 0
    champion: str = ""
    challenger: str = ""
    before: tuple[str, ...] = ()
    archived: frozenset[str] = frozenset()

    def of(self, digest: str) -> str:
        """The role of one bundle; "" where it has none.

        >>> Roles(champion="a").of("a"), Roles(champion="a").of("b")
        ('champion', '')
        """
        if digest in (self.champion, self.challenger):
            return "champion" if digest == self.champion else "challenger"
        return "archived" if digest in self.archived else ""

    def after(self, act: BundleAct) -> "Roles":
        """The roles after one more act, which is possible."""
        champion, challenger, before, archived = self.champion, self.challenger, self.before, self.archived
        if act.act is Deed.SHADOW:
            challenger = act.digest
        elif act.act is Deed.PROMOTE:
            champion, before, archived = act.digest, (*before, champion), archived | {champion}
        elif act.act is Deed.ROLLBACK:
            champion, before, archived = before[-1], before[:-1], archived | {champion}
        elif act.act is Deed.ARCHIVE:
            challenger, archived = "" if challenger == act.digest else challenger, archived | {act.digest}
        if challenger == champion:
            challenger = ""
        unused = archived - {champion, challenger, ""}
        return Roles(number=act.number, champion=champion, challenger=challenger, before=before, archived=unused)


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """All bundles by when they were added, and all acts, as they are at one moment."""

    records: tuple[BundleRecord, ...]
    acts: tuple[BundleAct, ...]

    @property
    def roles(self) -> Roles:
        """What the bundles are used for."""
        return roles_of(self.acts)

    def find(self, name: str) -> BundleRecord:
        """The bundle of this name, or whose digest is, or alone begins with, `name`.

        Raises:
            UnknownBundleError: none, or several.
        """
        named = [one for one in self.records if one.name == name]
        found = named or [one for one in self.records if name and one.digest.startswith(name.lower())]
        if len(found) != 1:
            how_many = "no bundle has" if not found else f"{len(found)} bundles have"
            raise UnknownBundleError(
                f"{how_many} the name or the beginning of a digest {name!r}; see innerwatch bundles list"
            )
        return found[0]

    def name_of(self, digest: str) -> str:
        """The name of a bundle for people, with the beginning of its digest; "none" for ""."""
        name = next((one.name for one in self.records if one.digest == digest), "a bundle that is not here")
        return f"{name} ({digest[:SHORT]})" if digest else "none"


def roles_of(acts: Iterable[BundleAct]) -> Roles:
    """What bundles are used for after these acts, which are in order."""
    roles = Roles()
    for act in acts:
        roles = roles.after(act)
    return roles


def book_of(connection: sa.Connection) -> Book:
    """Everything but the bytes."""
    row = tables.bundles
    fields = [row.c[name] for name in BundleRecord.__struct_fields__]
    found = connection.execute(sa.select(*fields).order_by(row.c.added_at, row.c.digest)).mappings()
    return Book(records=tuple(BundleRecord(**one) for one in found), acts=tuple(acts_of(connection)))


def acts_of(connection: sa.Connection) -> list[BundleAct]:
    """All acts, in order."""
    row = tables.bundle_acts
    found = connection.execute(sa.select(row).order_by(row.c.number)).mappings()
    return [msgspec.convert({name: one[name] for name in BundleAct.__struct_fields__}, BundleAct) for one in found]


def body_of(connection: sa.Connection, digest: str) -> bytes | None:
    """The bytes of a bundle, or None where there is none of this digest."""
    row = tables.bundles
    body = connection.execute(sa.select(row.c.body).where(row.c.digest == digest)).scalar()
    return None if body is None else bytes(body)


def add(connection: sa.Connection, record: BundleRecord, body: bytes) -> None:
    """Keep a bundle, which has no role yet. The caller keeps others from it until the transaction ends.

    Raises:
        RegistryError: it is there already, or another of its name is.
    """
    book = book_of(connection)
    for one in book.records:
        if one.digest == record.digest:
            raise RegistryError(f"bundle {book.name_of(one.digest)} is here already, added by {one.added_by}")
        if one.name == record.name:
            raise RegistryError(f"another bundle is named {one.name!r}; train this one again under a name of its own")
    connection.execute(sa.insert(tables.bundles).values(**msgspec.structs.asdict(record), body=body))
    number = book.roles.number + 1
    _write(
        connection,
        BundleAct(number=number, digest=record.digest, act=Deed.ADD, at=record.added_at, by=record.added_by),
    )


def perform(connection: sa.Connection, act: BundleAct) -> Roles:
    """Do something with a bundle that was added; the roles after that.

    `act.number` is one above that of the last act that whoever acts has seen. The caller keeps others from it until the
    transaction ends.

    Raises:
        OvertakenError: there is a later act by now.
        RegistryError: the bundle's role does not allow it, or whoever approves of it owns it.
    """
    book = book_of(connection)
    roles = book.roles
    if act.number != roles.number + 1:
        last = book.acts[-1]
        raise OvertakenError(
            f"nothing was done: meanwhile {last.by} did {last.act.value} with {book.name_of(last.digest)}; look at "
            "innerwatch bundles list and decide again"
        )
    require_possible(book, act)
    _write(connection, act)
    return roles.after(act)


def require_possible(book: Book, act: BundleAct) -> None:
    """Refuse, by a `RegistryError`, an act that the roles do not allow, or by which somebody approves of their own."""
    roles = book.roles
    name, role = book.name_of(act.digest), roles.of(act.digest)
    if act.act is Deed.ROLLBACK:
        if not roles.champion or act.digest != roles.champion:
            raise RegistryError("there is no champion to be taken back; the online models judge alone")
        return
    if role == "champion":
        more = "; promote another or roll back first" if act.act is not Deed.PROMOTE else ""
        raise RegistryError(f"bundle {name} is the champion{more or ' already'}")
    if (act.act, role) in ((Deed.SHADOW, "challenger"), (Deed.ARCHIVE, "archived")):
        raise RegistryError(f"bundle {name} is {role} already")
    owner = next(one.owner for one in book.records if one.digest == act.digest)
    if act.act is Deed.PROMOTE and act.by.strip().casefold() == owner.strip().casefold():
        raise RegistryError(
            f"bundle {name} is {owner}'s own, and four eyes are wanted; let somebody else approve of it"
        )


def _write(connection: sa.Connection, act: BundleAct) -> None:
    if not act.by.strip() or len(act.by) > LONGEST_NAME:
        raise RegistryError(f"the registry keeps who acts; give a name of up to {LONGEST_NAME} characters")
    if len(act.reason) > LONGEST_TEXT:
        raise RegistryError(f"a reason of {len(act.reason):,} characters; keep it to {LONGEST_TEXT:,}")
    connection.execute(sa.insert(tables.bundle_acts).values(**msgspec.structs.asdict(act) | {"act": act.act.value}))
