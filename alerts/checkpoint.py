"""How far a shard's owner has come."""

from collections.abc import Mapping

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A position in a shard's log and the state that belongs to it.

    `position` is where to read on. `snapshot` names the state written before this checkpoint and `sha256`
    is its checksum in hexadecimal; `former` names the snapshot before that one, if there is one. `counters`
    are the shard's totals so far. `epoch` is what `Store.acquire` gave the owner that commits; a stored
    checkpoint carries the epoch of the last owner to acquire the shard.
    """

    position: str
    snapshot: str
    sha256: str
    counters: Mapping[str, int]
    epoch: int
    former: str | None = None
