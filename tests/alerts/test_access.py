"""Tokens let in whom they were given to, for as long as they were, and are nowhere to be read; over both databases."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from alerts.access import FORM, Role, Token, written
from alerts.desk import Desk
from alerts.errors import AccessError
from tests.alerts.samples import Place

NOW = 1_800_000_000.0
SECRET = bytes(range(32))


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    with closing(Desk(place.url, place.password_file)) as desk:
        yield desk


def token(name: str = "lee", role: Role = Role.ANALYST, created: float = NOW, days: float = 1.0) -> Token:
    return Token(name=name, role=role, created=created, expires=created + days * 86_400.0)


def test_a_token_lets_in_whom_it_was_given_to(desk: Desk) -> None:
    shown = desk.add_token(token(), SECRET)
    assert FORM.fullmatch(shown)
    assert desk.bearer(shown, NOW) == token()
    assert desk.bearer(written(bytes(32)), NOW) is None


def test_a_token_that_was_revoked_is_refused_and_only_once_revoked(desk: Desk) -> None:
    shown = desk.add_token(token(), SECRET)
    other = desk.add_token(token("kim"), bytes(32))
    assert desk.revoke_token("lee", NOW + 1)
    assert not desk.revoke_token("lee", NOW + 2)
    assert not desk.revoke_token("nobody", NOW + 2)
    assert desk.bearer(shown, NOW + 2) is None
    assert desk.bearer(other, NOW + 2) is not None
    assert [(one.name, one.revoked) for one in desk.tokens()] == [("kim", None), ("lee", NOW + 1)]


def test_a_token_that_has_ended_is_refused(desk: Desk) -> None:
    shown = desk.add_token(token(days=1), SECRET)
    assert desk.bearer(shown, NOW + 86_399) is not None
    assert desk.bearer(shown, NOW + 86_400) is None
    assert not desk.revoke_token("lee", NOW + 86_400)


def test_a_name_has_one_token_that_is_valid_and_may_have_another_afterwards(desk: Desk) -> None:
    former = desk.add_token(token(), SECRET)
    with pytest.raises(AccessError, match="lee has a token that is valid; revoke that one first"):
        desk.add_token(token(), bytes(32))
    desk.revoke_token("lee", NOW + 1)
    shown = desk.add_token(token(role=Role.READER, created=NOW + 2), bytes(32))
    assert desk.bearer(former, NOW + 3) is None
    found = desk.bearer(shown, NOW + 3)
    assert found is not None
    assert found.role is Role.READER
    assert len(desk.tokens()) == 2


@pytest.mark.parametrize("name", ["", "innerwatch", "Innerwatch", "a b", "-a", "a\n", "x" * 65, "\N{SNOWMAN}"])
def test_a_name_that_would_mislead_in_a_history_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(AccessError, match="is no name for a token"):
        desk.add_token(token(name), SECRET)


def test_a_secret_that_is_short_is_refused(desk: Desk) -> None:
    with pytest.raises(AccessError, match="a secret of 16 bytes"):
        desk.add_token(token(), SECRET[:16])


def test_neither_the_token_nor_its_secret_is_in_the_database(desk: Desk, place: Place) -> None:
    shown = desk.add_token(token(), SECRET)
    rows = repr(place.rows("SELECT * FROM tokens"))
    assert "lee" in rows
    for part in (shown, shown.removeprefix("iwt_"), SECRET.hex(), repr(SECRET)[2:-1]):
        assert part not in rows


def test_each_role_may_do_what_those_before_it_may() -> None:
    allowed = [[one.allows(wanted) for wanted in Role] for one in Role]
    assert allowed == [[True, False, False], [True, True, False], [True, True, True]]
