"""The rows of tables, made from what a shard shows while it works. Nothing is computed again: it is read off."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from alerts.alert import Alert
from alerts.finding import Finding
from alerts.labels import Label
from detector.columns import CROWD, NO_DATA, NOTHING, NOWHERE, Columns
from detector.daybook import SLOTS
from detector.engine import Engine
from detector.export.arrow import microseconds, table_of
from detector.features import Feature, Peak
from detector.measures import Surprise
from detector.risk import risk_of
from detector.shard import Shard, place_of
from detector.tap import Closing
from streams import Admitted, Position, Tokens

CACHED: Final = 65_536
"""Names that are kept at hand; more can be invented."""


class Names:
    """What stands in rows for people, places and files.

    Args:
        shard: whose rows.
        tokens: make the tokens of places.
        paths: the inputs, to what files are named relative.
    """

    def __init__(self, shard: Shard, tokens: Tokens, paths: Sequence[str]) -> None:
        self.shard = shard.name
        self.actor: Callable[[str], str] = lru_cache(CACHED)(shard.pseudonym)
        self._token, self._paths = lru_cache(CACHED)(tokens.token), paths
        self._log = lru_cache(CACHED)(self._log_of)

    def token(self, kind: str, value: str | None) -> str | None:
        """The keyed token of a place; none of none."""
        return self._token(kind, value) if value is not None else None

    def place(self, position: Position) -> tuple[str, int]:
        """The log of a position as alerts name it, and the offset in it."""
        return self._log(position.source), position.offset

    def _log_of(self, source: str) -> str:
        name = place_of(Position(source, 0), self._paths).rpartition("@")[0]
        return name.encode("utf-8", "backslashreplace").decode()  # names of files need not be UTF-8


def event_rows(names: Names, admitted: Sequence[Admitted], columns: Columns, known: NDArray[np.float64]) -> pa.Table:
    """A row for each of n scored events; ``known`` is how far the log had come with each, (n,)."""
    events = [item.event for item in admitted]
    sources = [event.src or NOWHERE for event in events]
    records = [event.records or NOTHING for event in events]
    places = [names.place(item.record.position) for item in admitted]
    return table_of(
        "events",
        {
            "event_id": [event.event_id for event in events],
            "time": microseconds(columns.times),
            "known_at": microseconds(known),
            "actor": [names.actor(event.actor.id) for event in events],
            "actor_type": [event.actor.type for event in events],
            "action": [event.action for event in events],
            "system": [event.resource.system for event in events],
            "resource_type": [event.resource.type for event in events],
            "outcome": [event.outcome for event in events],
            "data_class": [(event.data or NO_DATA).class_ for event in events],
            "records": [one.count for one in records],
            "bytes": [one.bytes for one in records],
            "masked": [event.masked for event in events],
            "channel": [source.channel for source in sources],
            "host": [names.token("host", source.host) for source in sources],
            "address": [names.token("address", source.ip) for source in sources],
            "customers": [len(event.subjects) for event in events],
            "subjects": [event.subjects for event in events],
            "explained": ~columns.unexplained,
            "late": columns.late,
            "crowd": columns.rows == CROWD,
            "shard": [names.shard] * len(events),
            "log": [log for log, _ in places],
            "offset": [offset for _, offset in places],
        },
    )


def feature_rows(names: Names, engine: Engine, closing: Closing, known: float, part: slice) -> pa.Table:
    """A row for each of a part of a closing day's actors; ``known`` is how far the log has come."""
    rows, slot, people = closing.rows[part], closing.day % SLOTS, engine.people
    sums, peaks = engine.daybook.sums[rows, slot], engine.daybook.peaks[rows, slot]
    level, past, late = closing.levels[part], closing.past[part], engine.daybook.late[rows, slot]
    log, offset = names.place(closing.by.record.position) if closing.by is not None else (None, None)
    return table_of(
        "features",
        {
            "actor": [names.actor(people.ids[row]) for row in rows.tolist()],
            "peer_group": [people.group_names[group] for group in people.groups[rows].tolist()],
            "department": [
                one.department or None if one else None for one in map(people.persons.__getitem__, rows.tolist())
            ],
            "service": people.services[rows],
            "active_days": people.active_days[rows] - 1,
            "level_before": past,
            "settled": [engine.settled] * len(rows),
            "level": level,
            "risk": [risk_of(one) for one in np.maximum(level, past).tolist()],
            "joint": closing.judged.joint[part],
            "learned": closing.judged.learned[part].sum(axis=1),
            "hours": engine.daybook.hours[rows, slot].astype(np.int64),
            "episode": closing.episodes[part],
            "late": late,
            "gate_open": engine.gate.open[rows, slot] & ~late,
            "known_at": np.full(len(rows), microseconds(np.array(known))),
            "shard": [names.shard] * len(rows),
            "log": [log] * len(rows),
            "offset": [offset] * len(rows),
            **{f"sum_{one.name.lower()}": sums[:, one].astype(np.int32) for one in Feature},
            **{f"peak_{one.name.lower()}": peaks[:, one].astype(np.int32) for one in Peak},
            **_measured(engine, closing, part, sums.astype(np.float64), peaks.astype(np.float64)),
        },
    )


def _measured(
    engine: Engine, closing: Closing, part: slice, sums: NDArray[np.float64], peaks: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """The columns of each measure: sums (n, ``N_FEATURES``) and peaks (n, ``N_PEAKS``) are the days'."""
    baselines, judged, rows = engine.baselines, closing.judged, closing.rows[part]
    own, peers, _ = baselines.normal_many(rows, engine.people.groups[rows])
    columns: dict[str, NDArray[np.float64]] = {}
    for index, measure in enumerate(baselines.measures):
        columns[f"value_{measure.name}"] = baselines.observed_many(index, sums, peaks)
        if not isinstance(measure, Surprise):
            columns[f"normal_{measure.name}"] = own[:, index]
            columns[f"peers_{measure.name}"] = peers[:, index]
        columns[f"score_{measure.name}"] = closing.scores[part, index]
        columns[f"today_{measure.name}"] = judged.today[part, index]
        columns[f"total_{measure.name}"] = judged.accumulated[part, index]
    return columns


def alert_rows(names: Names, alerts: Sequence[Alert]) -> pa.Table:
    """A row for each alert as it stands."""
    return table_of(
        "alerts",
        {
            "alert_id": [alert.alert_id for alert in alerts],
            "actor": [alert.actor for alert in alerts],
            "opened_at": [alert.opened_at for alert in alerts],
            "known_at": [alert.updated_at for alert in alerts],
            "risk": [alert.risk for alert in alerts],
            "severity": [alert.severity.value for alert in alerts],
            "findings": [len(alert.findings) for alert in alerts],
            "detections": [sorted({finding.detection for finding in alert.findings}) for alert in alerts],
            "role": [alert.role for alert in alerts],
            "department": [alert.department for alert in alerts],
            "shard": [names.shard] * len(alerts),
            "position": [alert.position.encode("utf-8", "backslashreplace").decode() for alert in alerts],
        },
    )


def finding_rows(names: Names, found: Sequence[tuple[Alert, Finding]]) -> pa.Table:
    """A row for each finding of an alert."""
    findings: dict[str, list[Any]] = {
        name: [getattr(finding, name) for _, finding in found] for name in Finding.__struct_fields__
    }
    times = findings.pop("time")
    ours = {
        "alert_id": [alert.alert_id for alert, _ in found],
        "actor": [alert.actor for alert, _ in found],
        "known_at": times,
        "shard": [names.shard] * len(found),
    }
    return table_of("findings", ours | findings)


def label_rows(labels: Sequence[Label]) -> pa.Table:
    """A row for each verdict on an alert."""
    columns = {name: [getattr(label, name) for label in labels] for name in Label.__struct_fields__}
    given = np.array(columns.pop("given"), np.float64)
    withdrawn = columns.pop("withdrawn")
    return table_of(
        "labels",
        columns
        | {
            "known_at": microseconds(given),
            "withdrawn_at": [None if one is None else round(one * 1e6) for one in withdrawn],
        },
    )
