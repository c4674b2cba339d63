"""Service accounts: batch jobs and robots with machine cadence on known hosts."""

from typing import NamedTuple

import numpy as np

from detector.simulation.calendar import HOUR_S
from detector.simulation.steps import PROBE, Step
from detector.simulation.world import Access, World


class Job(NamedTuple):
    """What a service account runs: hours, mean accesses a run, seconds between them, and the step."""

    begin_h: float
    accesses: int
    pause_s: float
    step: Step


READ_POLICY = Step("read", "policy", "policy", channel="api")
UPDATE_CLAIM = Step("update", "claims", "claim", level="C3", fields="health", channel="api")
LOAD = PROBE._replace(level="C3", fields="contact", rows=30_000, spread=0.6, name="t_load")
READ_ACCOUNT = Step("read", "billing", "account", level="C4", fields="bank", channel="api", unmasked=0.9)
SEND_MESSAGE = Step("send", "mail", "message", fields="contact", channel="email")
INDEX_FILE = Step("read", "fileshare", "file", level="C1", fields="none", channel="file", reach="none")
JOBS: tuple[Job, ...] = (
    Job(1.0, 220, 9.0, READ_POLICY),
    Job(8.5, 260, 110.0, UPDATE_CLAIM),
    Job(2.5, 24, 300.0, LOAD),
    Job(22.0, 160, 20.0, READ_ACCOUNT),
    Job(7.0, 120, 45.0, SEND_MESSAGE),
    Job(3.5, 200, 4.0, INDEX_FILE),
)
"""One job for each service account, in the order of the roster."""


def service_day(world: World, day: int, rng: np.random.Generator) -> list[Access]:
    """The accesses of all service accounts on one day; a run fails and repeats now and then."""
    accesses = []
    services = [person for person in world.people if person.type == "service"]
    for person, job in zip(services, JOBS, strict=True):
        runs = 1 + int(rng.random() < 0.03)
        count = int(rng.poisson(job.accesses * rng.gamma(25.0, 1 / 25.0))) * runs
        begin = world.calendar.moment_s(day, job.begin_h) + rng.exponential(0.1) * HOUR_S
        times = begin + np.cumsum(job.pause_s * rng.gamma(30.0, 1 / 30.0, count))
        rows = np.maximum(job.step.rows * np.exp(job.step.spread * rng.normal(size=count)), 1).astype(np.int64)
        subjects = world.customers(person.index, count, rng)
        masked = rng.random(count) > job.step.unmasked
        place = world.place(person.index, day)
        for at in range(count):
            touched = (int(subjects[at]),) if job.step.reach == "case" else ()
            access = Access(
                float(times[at]),
                person.index,
                job.step,
                touched,
                int(rows[at]),
                "success",
                bool(masked[at]),
                "",
                place,
                0,
            )
            accesses.append(access)
    return accesses
