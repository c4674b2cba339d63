"""Logins before and logouts after the work of each part of a day."""

import numpy as np

from detector.simulation.steps import LOGIN, LOGOUT
from detector.simulation.world import Access, Place, World

MISTYPED, MISTYPED_TWICE = 0.07, 0.015  # shares of logins
LOGGED_OUT = 0.7  # share of sessions; the others expire


def session_ends(world: World, accesses: list[Access], rng: np.random.Generator) -> list[Access]:
    """A login before the first access of each employee and part of a day, and most logouts."""
    spans: dict[tuple[int, int], tuple[float, float, Place]] = {}
    for access in accesses:
        key = (access.person, access.part)
        first, last, place = spans.get(key, (access.time_s, access.time_s, access.place))
        where = access.place if access.time_s <= first else place
        spans[key] = (min(first, access.time_s), max(last, access.time_s), where)
    ends = []
    for (person, part), (first, last, place) in spans.items():
        if world.people[person].type == "service":
            continue
        draw = rng.random(3).tolist()
        for miss in range((draw[0] < MISTYPED) + (draw[0] < MISTYPED_TWICE)):
            moment = first - 60.0 + 12.0 * miss
            ends.append(Access(moment, person, LOGIN, (), 0, "failure", True, "", place, part))
        moment = first - 5.0 - 25.0 * draw[1]
        ends.append(Access(moment, person, LOGIN, (), 0, "success", True, "", place, part))
        if draw[2] < LOGGED_OUT:
            moment = last + 60.0 + 300.0 * draw[1]
            ends.append(Access(moment, person, LOGOUT, (), 0, "success", True, "", place, part))
    return ends
