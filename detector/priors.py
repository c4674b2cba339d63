"""What a shard that begins takes over from others' days: the shared part of every online model, and nothing of anybody.

Groups go by name, so that a prior fits a shard whose groups have other numbers. What others have learned counts for a
few weeks' observations at most; a shard's own days then count for more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.budget import Budget
from detector.measures import Baselines
from detector.risk import Risk
from models.hour_of_week import HourOfWeek
from models.state import within

REFINED, REFINED_GROUPS = "refined.actors", "refined.groups"
"""Beside the models: pseudonyms of people whose role is several kinds of work, and the group of each."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Shared:
    """The models of a shard that have something to share."""

    baselines: Baselines
    hours: HourOfWeek
    risk: Risk
    budget: Budget


def priors_of(shared: Shared, names: Sequence[str], groups: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What models have learned, as arrays by name.

    Args:
        shared: the models.
        names: of the peer groups, by index.
        groups: the group of each row, (rows,).
    """
    parts: dict[str, Arrays] = {
        "baselines": shared.baselines.prior(groups),
        "hours": shared.hours.prior(),
        "risk": shared.risk.prior(),
        "budget": {"learned": np.array(shared.budget.learned)},
    }
    arrays = {f"{name}.{key}": array for name, part in parts.items() for key, array in part.items()}
    return {"groups": np.array(list(names), np.str_)} | arrays


def seed(shared: Shared, groups: NDArray[np.int64], priors: Arrays) -> None:
    """Let models that have learned nothing begin with priors; ``groups`` (g,) are the indices of its groups here."""
    shared.baselines.seed(groups, within("baselines", priors))
    shared.hours.seed(groups, within("hours", priors))
    shared.risk.seed(within("risk", priors))
    shared.budget.seed(float(priors["budget.learned"]))


def inherit(shared: Shared, parts: Mapping[int, int]) -> None:
    """Let peer groups of which nothing was learned begin as the groups that they are parts of."""
    if parts:
        groups, parents = np.array(list(parts)), np.array(list(parts.values()))
        shared.baselines.inherit(groups, parents)
        shared.hours.inherit(groups, parents)
