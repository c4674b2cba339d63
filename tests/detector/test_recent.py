"""The ring of recent events."""

import numpy as np

from alerts.finding import MAX_EVENT_IDS
from detector.columns import Gather
from detector.config import DataConfig
from detector.features import Feature
from detector.recent import Recent
from tests.detector.office import admit, at, event


def add(recent: Recent, actors: list[int], first: int = 0, **facts: str) -> None:
    events = [
        event(f"E{actor}", at(0, 9.0) + place, "C-1", id=f"ev-{first + place}", **facts)
        for place, actor in enumerate(actors)
    ]
    columns = Gather(lambda them: [int(one.actor.id[1:]) for one in them], DataConfig()).columns(admit(events))
    recent.add(columns, np.full(len(events), 7))


def test_it_names_the_events_of_the_actor_and_day_that_added_to_the_feature() -> None:
    recent = Recent(50)
    add(recent, [1, 2, 1])
    add(recent, [1], 3, action="export")
    assert recent.contributors(1, 7, Feature.EVENTS, 3) == (("ev-0", "ev-2", "ev-3"), 3)
    assert recent.contributors(1, 7, Feature.EVENTS, 2) == (("ev-0", "ev-2"), 2)
    assert recent.contributors(1, 7, Feature.EXPORTS, 3) == (("ev-3",), 1)
    assert recent.contributors(1, 8, Feature.EVENTS, 3) == ((), 0)


def test_it_names_the_latest_and_counts_all() -> None:
    recent = Recent(100)
    add(recent, [1] * 30)
    ids, count = recent.contributors(1, 7, Feature.EVENTS, 29)
    assert count == 30
    assert ids == tuple(f"ev-{place}" for place in range(30))[-MAX_EVENT_IDS:]


def test_it_forgets_the_oldest_and_rows_that_serve_others() -> None:
    recent = Recent(8)
    add(recent, [1] * 6)
    add(recent, [2] * 6, 6)
    assert recent.contributors(1, 7, Feature.EVENTS, 11) == (("ev-4", "ev-5"), 2)
    recent.clear(np.array([2]))
    assert recent.contributors(2, 7, Feature.EVENTS, 11) == ((), 0)


def test_it_goes_on_from_a_snapshot() -> None:
    recent, twin = Recent(8), Recent(8)
    add(recent, [1, 2] * 6)
    twin.restore(recent.snapshot())
    for one in (recent, twin):
        add(one, [1, 1, 2], 12)
    for row in (1, 2):
        assert twin.contributors(row, 7, Feature.EVENTS, 14) == recent.contributors(row, 7, Feature.EVENTS, 14)
    assert twin.count == recent.count == 15
