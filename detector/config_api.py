"""The configuration of the API."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from detector.section import Section

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class ApiConfig(Section):
    """Where ``innerwatch serve`` listens; beyond this machine only over TLS, since tokens are in every request."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8464
    certificate_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _encrypted(self) -> "ApiConfig":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together; name both or none")
        if self.host not in LOOPBACK and self.certificate_file is None:
            raise ValueError(
                f"host {self.host!r} is not a loopback address, and tokens would cross the network in the clear; name "
                "certificate_file and key_file, or put a reverse proxy with TLS in front of 127.0.0.1"
            )
        return self
