"""Changes of context are met where they were recorded, and nowhere else."""

from collections.abc import Sequence

import pytest

from alerts.contexts import ContextChange
from detector.config import Config
from detector.context import Context, read_context
from detector.errors import CheckpointError, RefusedBundleError
from detector.trail import History, Trail
from streams import Position, Record, Tokens

A, B, C = (read_context(Config(), Tokens(bytes(16) + bytes([n]))) for n in range(3))


class Recorded(History):
    """What a store would have recorded."""

    def __init__(self, *changes: tuple[str, Context]) -> None:
        self.known = {context.digest: context for _, context in changes}
        self.made = [
            ContextChange(number=number, position=position, digest=context.digest)
            for number, (position, context) in enumerate(changes, 1)
        ]

    def changes(self, shard: str, above: int = 0) -> list[ContextChange]:
        return [change for change in self.made if change.number > above]

    def context(self, digest: str) -> Context:
        return self.known[digest]


def records(source: str, offsets: Sequence[int]) -> list[Record]:
    return [Record(b"", Position(source, offset)) for offset in offsets]


def cut(trail: Trail, given: list[Record], position: str) -> list[tuple[Context | None, list[int]]]:
    return [(context, [record.position.offset for record in piece]) for context, piece in trail.pieces(given, position)]


def begun(*changes: tuple[str, Context]) -> Trail:
    trail = Trail("s", A, None, Recorded(*changes))
    trail.begin()
    return trail


def test_a_shard_begins_with_what_is_known_and_records_it_without_haste() -> None:
    trail = Trail("s", A, Recorded())
    trail.begin()
    assert [(one.number, one.position, one.digest, one.body) for one in trail.taken] == [(1, "", A.digest, A.body)]
    assert not trail.hurried
    assert trail.state() == {"context": A.digest, "changes": 1}
    assert not trail.adopt(A, "log@5")
    assert trail.adopt(B, "log@5")
    assert trail.hurried
    assert [(one.number, one.position) for one in trail.taken] == [(1, ""), (2, "log@5")]


def test_where_nothing_is_kept_nothing_is_recorded() -> None:
    trail = Trail("s", A)
    trail.begin()
    assert trail.adopt(B, "log@5")
    assert trail.taken == []


def test_records_are_cut_where_recorded_changes_lie() -> None:
    trail = begun(("", A), ("log@3", B), ("log@3", C), ("log@5", A), ("log@90", B))
    assert trail.context is A
    assert cut(trail, records("log", range(3)), "") == [(None, [0, 1, 2])]
    assert cut(trail, records("log", range(3, 8)), "log@3") == [(B, []), (C, [3, 4]), (A, [5, 6, 7])]
    assert trail.context is A
    assert trail.ahead == 1
    assert list(trail.rest("log@89")) == []
    assert list(trail.rest("log@90")) == [B]
    assert trail.ahead == 0


def test_a_change_where_no_record_is_comes_before_the_next_one() -> None:
    assert cut(begun(("", A), ("log@4", B)), records("log", [2, 3, 6]), "log@2") == [(None, [2, 3]), (B, [6])]


def test_a_change_at_the_end_of_a_file_comes_before_the_next_file() -> None:
    trail = begun(("", A), ("a@40", B), ("b@10", C))
    both = records("a", [0, 20]) + records("b", [0, 10])
    assert cut(trail, both, "") == [(None, [0, 20]), (B, [0]), (C, [10])]
    trail = begun(("", A), ("a@40", B))
    assert cut(trail, records("b", [0]), "a@40") == [(B, [0])]


def test_nothing_else_is_taken_over_while_changes_lie_ahead_nor_in_a_repeated_run() -> None:
    own = Recorded(("", A), ("log@3", B))
    trail = Trail("s", C, own)
    trail.resume({"context": A.digest, "changes": 1})  # the newest snapshot was damaged
    assert trail.context is A
    assert not trail.adopt(C, "log@2")
    assert cut(trail, records("log", [2, 3]), "log@2") == [(None, [2]), (B, [3])]
    assert trail.taken == []  # it is recorded already
    assert trail.adopt(C, "log@4")
    assert [(one.number, one.position) for one in trail.taken] == [(3, "log@4")]
    assert not begun(("", A)).adopt(B, "log@4")


def test_a_state_from_before_contexts_were_recorded_takes_the_present_one_over() -> None:
    trail = Trail("s", A, Recorded())
    trail.resume({"letters": 0})
    assert trail.adopt(A, "log@7")
    assert [(one.number, one.position) for one in trail.taken] == [(1, "log@7")]
    assert not trail.adopt(A, "log@8")


@pytest.mark.parametrize("changes", [[], [("log@3", A)]])
def test_what_says_nothing_of_the_beginning_cannot_be_repeated(changes: list[tuple[str, Context]]) -> None:
    with pytest.raises(CheckpointError, match=r"no context is recorded for the beginning of shard 's'; name"):
        begun(*changes)


class Lost(Recorded):
    """Whose bundles cannot be had any more."""

    def context(self, digest: str) -> Context:
        raise RefusedBundleError("no longer trusted")

    def without_bundles(self, digest: str) -> Context:
        return self.known[digest]


def test_a_shard_whose_bundle_cannot_be_had_goes_by_another_context_or_says_why_not() -> None:
    trail = Trail("s", B, Lost(("", A)))
    trail.resume({"context": A.digest, "changes": 1})
    assert str(trail.stranded) == "no longer trusted"
    assert trail.state() == {"context": A.digest, "changes": 1}
    assert trail.adopt(B, "log@7")
    assert trail.stranded is None
    assert [(one.number, one.position, one.digest) for one in trail.taken] == [(2, "log@7", B.digest)]


def test_leaving_a_lost_bundle_is_a_change_even_where_nothing_else_differs() -> None:
    own = Lost(("", A))
    own.known["with a bundle"] = A
    trail = Trail("s", A, own)
    trail.resume({"context": "with a bundle", "changes": 1})
    assert trail.state()["context"] == "with a bundle"
    assert trail.adopt(A, "log@7")
    assert [(one.number, one.digest) for one in trail.taken] == [(2, A.digest)]
