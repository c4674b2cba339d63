"""The isolation forest: how easily a day is told apart from all others."""

from typing import Any, Final

import numpy as np

from models.batch.fitted import Fitted, alone, curve_of
from models.contract import Floats

TREES: Final = 100
SAMPLES: Final = 1_024
"""Days in each tree; its paper finds 256 enough, and more tell finer what is rare in a large house."""


def fit_forest(X: Floats, seed: int, estimator: Any = None) -> Fitted:  # noqa: N803 - as in scikit-learn
    """Fit an isolation forest (Liu, Ting, Zhou 2008) to days ``X`` (n, d); its answers are worth -ln of their tail.

    Args:
        X: the days.
        seed: of the forest.
        estimator: to be fitted instead: has ``fit`` and ``score_samples`` or ``decision_function``, low = anomalous.
    """
    if estimator is None:
        # It takes longer to load than the rest of the program, and most of that never trains.
        from sklearn.ensemble import IsolationForest  # type: ignore[import-untyped] # noqa: PLC0415

        estimator = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(X)), random_state=seed)
    alone(estimator).fit(X)
    ask = getattr(estimator, "score_samples", None) or estimator.decision_function
    ranks = np.arange(len(X), 0, -1)
    return Fitted(estimator, *curve_of(-np.asarray(ask(X), np.float64), -np.log(ranks / (len(X) + 1.0))))
