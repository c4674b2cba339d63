"""Alerts as JSON lines: one alert a line, in a file or on a stream."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

import msgspec

from alerts.alert import Alert
from alerts.errors import LinesError
from alerts.escape import escape


def alert_line(alert: Alert) -> bytes:
    """The alert as one line of UTF-8 JSON with its newline; keys in the order of `Alert`.

    Times are RFC 3339 with their offset. No character in it can steer a terminal: see `escape`.
    """
    return escape(msgspec.json.encode(alert).decode()).encode() + b"\n"


def send_alerts(stream: BinaryIO, alerts: Iterable[Alert]) -> None:
    """Write the alerts to a binary stream in the order given, and flush it."""
    stream.writelines(alert_line(alert) for alert in alerts)
    stream.flush()


def write_alerts(path: Path, alerts: Iterable[Alert]) -> None:
    """Replace the file at `path` by the alerts, all or nothing, also through a power cut; mode 0600.

    Raises:
        LinesError: the folder is missing, full or not writable; a file that was there is as before.
    """
    temporary: Path | None = None
    try:
        descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            send_alerts(file, alerts)
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise LinesError(f"{path}: cannot write alerts ({error.strerror}); check the folder and its space") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def read_alerts(path: Path) -> list[Alert]:
    """The alerts of a file, in its order; blank lines are passed over.

    Raises:
        LinesError: the file cannot be read, or a line is not an alert; names the file and the line.
    """
    decoder = msgspec.json.Decoder(Alert)
    alerts = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    alerts.append(_decoded(decoder, line, f"{path}:{number}"))
    except OSError as error:
        raise LinesError(f"{path}: cannot read alerts ({error.strerror}); check the path") from error
    return alerts


def _decoded(decoder: msgspec.json.Decoder[Alert], line: bytes, where: str) -> Alert:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LinesError(f"{where}: not an alert ({error}); mend or remove the line") from error


def _sync_folder(folder: Path) -> None:
    # The rename itself lasts only once the folder's entry is on disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
