"""Pooling: what the rows of a group have in common, and how far apart they lie."""

import numpy as np

from models.contract import Floats, Ints

ORG_ROWS = 2.0  # pseudo-rows at the organisation's mean that a group is shrunk with
SPREAD_ROWS = 5.0  # pseudo-rows of the organisation's spread


def pooled(
    values: Floats, trust: Floats, groups: Ints, n_groups: int, prior_spread: Floats | float
) -> tuple[Floats, Floats, Floats]:
    """Return each group's mean and between-row variance, (n_groups, F), shrunk to the organisation's (third).

    Method of moments for the hierarchical model (Gelman et al., Bayesian Data Analysis 3rd ed., section 5.4).

    Args:
        values: one value a row and column, (rows, F).
        trust: weight of each row, (rows, 1) or (rows, F), 0 to 1.
        groups: the group of each row, (rows,).
        n_groups: groups in all.
        prior_spread: between-row variance before any row is known.
    """
    trust = np.broadcast_to(trust, values.shape)
    weight, total, spread = (np.zeros((n_groups, values.shape[1])) for _ in range(3))
    np.add.at(weight, groups, trust)
    np.add.at(total, groups, trust * values)
    org_mean = total.sum(0) / np.maximum(weight.sum(0), 1e-9)
    mean = (total + ORG_ROWS * org_mean) / (weight + ORG_ROWS)
    np.add.at(spread, groups, trust * (values - mean[groups]) ** 2)
    org_spread = (spread.sum(0) + 2.0 * prior_spread) / (weight.sum(0) + 2.0)
    organisation = np.stack([org_mean, org_spread])
    return mean, (spread + SPREAD_ROWS * org_spread) / (weight + SPREAD_ROWS), organisation
