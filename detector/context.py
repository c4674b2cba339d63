"""What is known beside the events: who works here, which records are planted, whose holidays count."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.calendar import Calendar, read_overrides
from detector.config import Config
from detector.errors import ContextError
from detector.roster import Person, read_roster, read_subjects
from streams import Tokens


@dataclass(frozen=True)
class Context:
    """The context of one shard, read once.

    Attributes:
        roster: people by actor id; empty if there is no roster.
        honey: tokens of planted subjects as numbers, sorted, (h,) uint64.
        calendar: local time and working days.
    """

    roster: Mapping[str, Person]
    honey: NDArray[np.uint64]
    calendar: Calendar


def read_context(config: Config, tokens: Tokens) -> Context:
    """Read every context file that the configuration names.

    Raises:
        ContextError: a file cannot be read, or a line is malformed; the message names file, line and column.
    """
    files, time = config.context, config.time
    honey = read_subjects(files.honey) if files.honey is not None else ()
    if files.vips is not None:
        read_subjects(files.vips)
    if files.assignments is not None and not files.assignments.is_file():
        raise ContextError(f"{files.assignments}: no such file of assignments; check context.assignments")
    return Context(
        roster=read_roster(files.roster) if files.roster is not None else {},
        honey=np.unique(np.array([int(tokens.token("subject", subject), 16) for subject in honey], np.uint64)),
        calendar=Calendar(
            time.zone, time.country, read_overrides(time.calendar) if time.calendar is not None else None
        ),
    )
