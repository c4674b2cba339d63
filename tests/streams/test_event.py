from __future__ import annotations

import msgspec
import pytest

from streams import AccessEvent, Actor
from streams.event import ACTIONS, ACTOR_TYPES, CHANNELS, LEFT_OUT, OUTCOMES
from tests.streams.hostile import event


@pytest.mark.parametrize(("words", "count"), [(ACTIONS, 19), (OUTCOMES, 4), (ACTOR_TYPES, 4), (CHANNELS, 8)])
def test_the_lists_of_words_are_those_of_the_contract(words: tuple[str, ...], count: int) -> None:
    assert len(set(words)) == count


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_read(action: str) -> None:
    assert msgspec.convert(event(action=action), AccessEvent).action == action


def test_an_actor_is_an_employee_unless_it_says_otherwise() -> None:
    assert Actor("E1").type == "employee"
    said = msgspec.json.decode(b'{"id": "E1", "type": "employee"}', type=Actor)
    assert said == Actor("E1")
    assert said.type is not LEFT_OUT
    assert msgspec.json.decode(b'{"id": "E1"}', type=Actor).type is LEFT_OUT


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        msgspec.convert(event(), AccessEvent).action = "read"  # type: ignore[misc]


def test_an_event_survives_json() -> None:
    one = msgspec.convert(event(), AccessEvent)
    assert msgspec.json.decode(msgspec.json.encode(one), type=AccessEvent) == one
