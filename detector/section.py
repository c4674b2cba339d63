"""A section of the configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
