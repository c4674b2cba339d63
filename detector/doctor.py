"""Looks at everything that a run needs and changes nothing: what must be mended before, and what should be."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from alerts.errors import AlertsError
from detector.config import Config, load_config
from detector.doctor_files import (
    look_at_certificates,
    look_at_context,
    look_at_key,
    look_at_secrets,
    look_at_snapshots,
    look_at_source,
    look_at_state,
)
from detector.doctor_services import (
    look_at_broker,
    look_at_bundles,
    look_at_database,
    look_at_ports,
    look_at_receivers,
)
from detector.errors import ConfigError, DetectorError
from detector.examination import Check, Grade, Patient
from streams import StreamError

LOOKS: Final[dict[str, Callable[[Patient], Iterator[Check]]]] = {
    "key": look_at_key,
    "secrets": look_at_secrets,
    "certificates": look_at_certificates,
    "source": look_at_source,
    "context": look_at_context,
    "state": look_at_state,
    "database": look_at_database,
    "snapshots": look_at_snapshots,
    "bundles": look_at_bundles,
    "broker": look_at_broker,
    "receivers": look_at_receivers,
    "metrics": look_at_ports,
}


def examined(file: Path, key_path: Callable[[Config], Path], now: Callable[[], float]) -> Iterator[Check]:
    """What there is to say of a configuration and of what it names, one thing after the other.

    Args:
        file: the configuration.
        key_path: where the key of a configuration is.
        now: gives Unix seconds.
    """
    try:
        config = load_config(file)
    except ConfigError as error:
        yield Check("configuration", Grade.FAIL, str(error))
        return
    yield Check("configuration", Grade.OK, f"{file}: every key is known and in range")
    patient = Patient(config, key_path(config), now)
    for name, look in LOOKS.items():
        try:
            yield from look(patient)
        except (AlertsError, DetectorError, StreamError) as error:
            yield Check(name, Grade.FAIL, str(error))
        except OSError as error:
            yield Check(name, Grade.FAIL, f"{error.filename}: {error.strerror}; check the path and who may use it")
