"""Archives with one form: the same members make the same bytes, and only those bytes are read again.

A ZIP file can say one thing in many ways, which programs read differently. Here there is one: members in order of their
names, not compressed, of one date, without comments or extra fields. Whatever differs from what `packed` would write of
the same members is refused, so nothing hides between, before or behind them, and nothing grows when it is read.
"""

import io
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from models.errors import BundleError

MOST_BYTES: Final = 64 * 2**20
"""Of a bundle in all, and so of every archive in it; an IsolationForest of 200 trees takes 7 MB."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\[\]-]{0,99}\Z")
"""Of a member: no folder, no path, nothing hidden, nothing that steers a terminal."""

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = 46
"""Bytes of an entry in the directory, beside its name."""


def packed(members: Mapping[str, bytes]) -> bytes:
    """The archive of `members`: the same for the same members, whatever their order here."""
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(members):
            info = ZipInfo(name, _DATE)
            info.create_system = 3
            info.external_attr = 0o600 << 16
            archive.writestr(info, members[name])
    return target.getvalue()


def unpacked(body: bytes, what: str, most_members: int) -> dict[str, bytes]:
    """The members of an archive that `packed` made, and of no other.

    Args:
        body: the archive.
        what: its name, for errors.
        most_members: more are refused before they are looked at.

    Raises:
        BundleError: it is none, or says anything in another way than `packed` does.
    """
    if len(body) > MOST_BYTES:
        raise BundleError(
            f"{what} has {len(body)} bytes and may have {MOST_BYTES}: train with fewer or smaller learners"
        )
    _bounded(body, what, most_members)
    try:
        with ZipFile(io.BytesIO(body)) as archive:
            infos = archive.infolist()
            _check_plain(infos, what)
            members = {info.filename: archive.read(info) for info in infos}
    except BundleError:
        raise
    except Exception as error:  # whatever zipfile meets in bytes that are none
        raise BundleError(f"{what} is damaged ({error}): fetch or train it again") from error
    if packed(members) != body:
        raise BundleError(
            f"{what} holds bytes that belong to none of its members, or writes them otherwise than innerwatch does: "
            "it is damaged or tampered with, do not use it"
        )
    return members


def _bounded(body: bytes, what: str, most_members: int) -> None:
    """See to it that the directory at the end is there and small, before zipfile makes objects of it."""
    if len(body) < _END.size or not body.endswith(b"\0\0") or body[-_END.size :][:4] != b"PK\5\6":
        raise BundleError(f"{what} is no whole archive: fetch or train it again")
    _, _, _, _, count, size, _, _ = _END.unpack(body[-_END.size :])
    if count > most_members or size > count * (_ENTRY + 100):
        raise BundleError(f"{what} says that it has {count} members and may have {most_members}: do not use it")
    if body[-_END.size - 20 :][:4] == b"PK\6\7":
        raise BundleError(f"{what} is an archive of another form (ZIP64): it was not made by innerwatch, do not use it")


def _check_plain(infos: Sequence[ZipInfo], what: str) -> None:
    """Refuse members that `packed` would not have written, in words for the usual tricks."""
    for info in infos:
        _check_member(info, what)
    if len({info.filename for info in infos}) != len(infos):
        raise BundleError(f"{what} holds two members of one name: it was not made by innerwatch, do not use it")


def _check_member(info: ZipInfo, what: str) -> None:
    name = info.orig_filename
    if not NAME.match(name) or name != info.filename:
        raise BundleError(
            f"{what} holds a member with the name {name[:100]!r}, which may lead elsewhere: do not use it"
        )
    if info.flag_bits & 1:
        raise BundleError(f"{name} in {what} is encrypted: it was not made by innerwatch, do not use it")
    if info.compress_type != ZIP_STORED or info.compress_size != info.file_size:
        raise BundleError(
            f"{name} in {what} is compressed and could grow when it is read: innerwatch did not make it, do not use it"
        )
    if info.file_size > MOST_BYTES:
        raise BundleError(f"{name} in {what} says that it has {info.file_size} bytes: do not use it")
