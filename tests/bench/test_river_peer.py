"""The peer is a fair one: it counts what the engine counts, and it finds things."""

from pathlib import Path

import msgspec
import pytest

from detector.daybook import SLOTS
from detector.features import Feature
from streams import Admitted
from tests.bench.load import Intake, batches, configuration, drive, fresh_engine, make_log
from tests.bench.river_peer import RiverPeer

pytestmark = pytest.mark.slow

EVENTS = 20_000
OWN_MEMORY = {"ODDNESS", "NEWNESS", "FIRST_TOUCHES"}
"""What depends on earlier days: the two sides have memories of the same kind, not the same memory."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def admitted(folder: Path) -> list[Admitted]:
    log = make_log(folder, EVENTS)
    intake = Intake()
    return [item for records in batches(log) for item in intake.admit(records)]


def test_the_peer_counts_of_every_day_what_the_engine_counts(folder: Path, admitted: list[Admitted]) -> None:
    engine, context = fresh_engine(configuration(folder))
    drive(engine, admitted)
    peer = RiverPeer(context, engine.config.time.zone)
    for item in admitted:
        peer.process_one(item.event)
    compared = 0
    for actor, row in ((actor, engine.people.find(actor)) for actor in peer.people):
        day = peer.people[actor].today
        assert row is not None
        if day.number < engine.oldest:
            continue
        sums = engine.daybook.sums[row, day.number % SLOTS]
        theirs = {feature.name: float(sums[feature]) for feature in Feature if feature.name not in OWN_MEMORY}
        assert {name: day.sums[name] for name in theirs} == theirs, actor
        compared += 1
    assert compared > 30


def test_the_peer_tells_of_a_planted_customer_and_of_nothing_before_its_warm_up(
    folder: Path, admitted: list[Admitted]
) -> None:
    _, context = fresh_engine(configuration(folder))
    peer = RiverPeer(context, "Asia/Shanghai")
    ordinary = admitted[:1_000]
    assert [one for item in ordinary if (one := peer.process_one(item.event)) is not None] == []
    planted = msgspec.structs.replace(
        ordinary[-1].event, subjects=(f"{context.honey[0]:016x}",), serials=(7,), purpose=None
    )
    found = peer.process_one(planted)
    assert found is not None
    assert found.actor == planted.actor.id
