"""The section of the configuration about ``innerwatch train``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from detector.section import Section

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class LearnerConfig(Section):
    """A learner: an estimator of scikit-learn, what it sees, and how far it moves a level."""

    kind: Literal["anomaly", "ranker"]
    features: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1)]
    limit: Annotated[float, Field(gt=0, le=12)] = 4.0
    estimator: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class TrainingConfig(Section):
    """What is fitted beside the online models."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1
    owner: Annotated[str, Field(max_length=200)] = ""
    key_file: Path | None = None
    learners: dict[Name, LearnerConfig] = Field(default_factory=dict)
