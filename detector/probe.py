"""Asks a process of innerwatch on this machine how it is, as a supervisor does."""

from http.client import HTTPConnection, HTTPException
from typing import Final, Literal

from detector.config import MetricsConfig
from detector.errors import MetricsError

ANSWER_S: Final = 5.0
ANSWERS: Final = (200, 503)


def probed(config: MetricsConfig, path: Literal["livez", "readyz"]) -> str:
    """What is wrong with the process that serves the endpoint, in words; "" when all is well.

    Raises:
        MetricsError: nobody answers there, or somebody else.
    """
    place = f"{config.host}:{config.port}"
    connection = HTTPConnection(config.host, config.port, timeout=ANSWER_S)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        status, words = answer.status, answer.read(1 << 10).decode("utf-8", "replace").strip()
    except (OSError, HTTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise MetricsError(f"{place}: no answer ({why}); does the process run, with metrics.enabled?") from error
    finally:
        connection.close()
    if status not in ANSWERS:
        raise MetricsError(f"{place}: /{path} answers {status}, so it is no process of innerwatch; check metrics.port")
    return words if status != ANSWERS[0] else ""
