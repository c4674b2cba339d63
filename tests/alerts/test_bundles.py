"""What bundles are used for follows from what was done with them, and nobody decides on what has changed since."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.bundles import Book, BundleAct, BundleRecord, Deed, Roles, require_possible
from alerts.errors import OvertakenError, RegistryError, UnknownBundleError
from alerts.registry import Registry
from tests.alerts.samples import Place

NOW = 1_800_000_000.0
A, B, C = (letter * 64 for letter in "abc")


@pytest.fixture
def registry(place: Place) -> Iterator[Registry]:
    with closing(Registry(place.url, place.password_file)) as registry:
        yield registry


def record(digest: str, name: str = "", owner: str = "dana") -> BundleRecord:
    name = name or f"bundle-{digest[0]}"
    return BundleRecord(digest=digest, name=name, owner=owner, manifest="{}", added_at=NOW, added_by="lee")


def added(registry: Registry, *digests: str) -> None:
    for digest in digests:
        registry.add(record(digest), digest.encode())


def do(registry: Registry, deed: Deed, digest: str, by: str = "kim", **fields: str) -> Roles:
    number = registry.book().roles.number + 1
    return registry.perform(BundleAct(number=number, digest=digest, act=deed, at=NOW, by=by, **fields))


def test_a_bundle_that_was_added_is_there_to_the_byte_and_has_no_role(registry: Registry, place: Place) -> None:
    body = bytes(range(256)) * 4_000
    registry.add(record(A), body)
    with closing(Registry(place.url, place.password_file)) as again:
        assert again.body(A) == body
        assert again.book().records == (record(A),)
        assert again.book().roles == Roles(number=1)
    with closing(place.open(read_only=True)) as store:
        assert store.bundle(A) == body
        with pytest.raises(UnknownBundleError, match=r"no bundle bbbbbbbbbbbb.*innerwatch bundles add"):
            store.bundle(B)


def test_a_bundle_is_added_once_and_its_name_is_its_own(registry: Registry) -> None:
    added(registry, A)
    with pytest.raises(RegistryError, match=r"bundle-a \(aaaaaaaaaaaa\) is here already, added by lee"):
        registry.add(record(A, "other"), b"a")
    with pytest.raises(RegistryError, match="another bundle is named 'bundle-a'"):
        registry.add(record(B, "bundle-a"), b"b")
    assert [one.digest for one in registry.book().records] == [A]
    assert registry.book().roles.number == 1


def test_a_champion_gives_way_to_the_next_and_comes_back(registry: Registry, place: Place) -> None:
    added(registry, A, B)
    do(registry, Deed.PROMOTE, A, report="5" * 64)
    do(registry, Deed.SHADOW, B)
    with closing(place.open(read_only=True)) as store:
        roles = store.bundle_roles()
    assert (roles.champion, roles.challenger) == (A, B)
    roles = do(registry, Deed.PROMOTE, B)
    assert (roles.of(A), roles.of(B), roles.challenger) == ("archived", "champion", "")
    roles = do(registry, Deed.ROLLBACK, B, reason="too loud")
    assert (roles.of(A), roles.of(B)) == ("champion", "archived")
    roles = do(registry, Deed.ROLLBACK, A)
    assert (roles.champion, roles.before) == ("", ())
    assert [(one.act, one.reason, one.report) for one in registry.book().acts[2:6:3]] == [
        (Deed.PROMOTE, "", "5" * 64),
        (Deed.ROLLBACK, "too loud", ""),
    ]


@pytest.mark.parametrize(
    ("deed", "digest", "why"),
    [
        (Deed.PROMOTE, A, "is the champion already"),
        (Deed.SHADOW, A, "is the champion; promote another or roll back first"),
        (Deed.ARCHIVE, A, "is the champion; promote another or roll back first"),
        (Deed.SHADOW, B, "is challenger already"),
        (Deed.ROLLBACK, B, "there is no champion to be taken back"),
    ],
)
def test_what_a_role_does_not_allow_is_refused_and_nothing_is_kept(
    registry: Registry, deed: Deed, digest: str, why: str
) -> None:
    added(registry, A, B)
    do(registry, Deed.PROMOTE, A)
    before = do(registry, Deed.SHADOW, B)
    with pytest.raises(RegistryError, match=why):
        do(registry, deed, digest)
    assert registry.book().roles == before


def test_what_was_archived_is_archived_once_and_may_be_taken_up_again(registry: Registry) -> None:
    added(registry, A)
    do(registry, Deed.SHADOW, A)
    assert do(registry, Deed.ARCHIVE, A).of(A) == "archived"
    with pytest.raises(RegistryError, match="is archived already"):
        do(registry, Deed.ARCHIVE, A)
    assert do(registry, Deed.SHADOW, A).of(A) == "challenger"


@pytest.mark.parametrize("approver", ["dana", " Dana ", "DANA"])
def test_nobody_approves_of_a_bundle_of_their_own(registry: Registry, approver: str) -> None:
    added(registry, A)
    with pytest.raises(RegistryError, match="is dana's own, and four eyes are wanted"):
        do(registry, Deed.PROMOTE, A, approver)
    assert registry.book().roles.champion == ""


@pytest.mark.parametrize("by", ["", "  ", "x" * 65])
def test_an_act_of_nobody_is_refused(registry: Registry, by: str) -> None:
    added(registry, A)
    with pytest.raises(RegistryError, match="keeps who acts"):
        do(registry, Deed.SHADOW, A, by)
    with pytest.raises(RegistryError, match="a reason of 4,001 characters"):
        do(registry, Deed.SHADOW, A, reason="x" * 4_001)


def test_whoever_decides_upon_what_has_changed_is_told_who_was_faster(registry: Registry) -> None:
    added(registry, A, B)
    late = BundleAct(number=3, digest=B, act=Deed.PROMOTE, at=NOW, by="kim")
    do(registry, Deed.PROMOTE, A, by="ann")
    with pytest.raises(OvertakenError, match=r"meanwhile ann did promote with bundle-a \(aaaaaaaaaaaa\)"):
        registry.perform(late)
    assert registry.book().roles.champion == A


def test_of_many_that_act_at_once_one_alone_is_first(registry: Registry, place: Place) -> None:
    added(registry, A, B, C)
    number = registry.book().roles.number + 1

    def promote(digest: str) -> str:
        with closing(Registry(place.url, place.password_file)) as own, suppress(OvertakenError):
            own.perform(BundleAct(number=number, digest=digest, act=Deed.PROMOTE, at=NOW, by="kim"))
            return digest
        return ""

    with ThreadPoolExecutor(3) as pool:
        done = [digest for digest in pool.map(promote, (A, B, C)) if digest]
    assert [registry.book().roles.champion] == done
    assert registry.book().roles.number == number


def test_a_bundle_is_found_by_its_name_or_the_beginning_of_its_digest() -> None:
    book = Book(records=(record(A), record(A[:-1] + "b", "second"), record(B, "aa")), acts=())
    assert book.find("second").name == "second"
    assert book.find("BBB").name == "aa"
    assert book.find("aa").digest == B
    for name in ("", "nobody", "aaa"):
        with pytest.raises(UnknownBundleError, match=r"bundles? ha(s|ve) the name"):
            book.find(name)


@given(st.lists(st.tuples(st.sampled_from([*Deed][1:]), st.sampled_from((A, B, C))), max_size=30))
def test_whatever_is_done_there_is_one_champion_at_most_and_a_rollback_undoes_a_promotion(
    wanted: list[tuple[Deed, str]],
) -> None:
    book = Book(records=(record(A), record(B), record(C)), acts=())
    for deed, digest in wanted:
        roles = book.roles
        subject = roles.champion if deed is Deed.ROLLBACK else digest
        act = BundleAct(number=roles.number + 1, digest=subject, act=deed, at=NOW, by="kim")
        try:
            require_possible(book, act)
        except RegistryError:
            continue
        book = Book(records=book.records, acts=(*book.acts, act))
        after = book.roles
        held = [after.of(one) for one in (A, B, C)]
        assert held.count("champion") == bool(after.champion)
        assert held.count("challenger") == bool(after.challenger)
        assert after.challenger == "" or after.challenger not in (after.champion, *after.archived)
        if deed is Deed.PROMOTE:
            assert after.champion == digest
            back = BundleAct(number=after.number + 1, digest=digest, act=Deed.ROLLBACK, at=NOW, by="kim")
            require_possible(book, back)
            undone = after.after(back)
            assert (undone.champion, undone.before) == (roles.champion, roles.before)
            assert undone.of(digest) == "archived"
