"""The tables that leave the house: every column with its type, unit, window, null rule and when it was known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from alerts.finding import Finding
from detector.detections import DETECTIONS
from detector.features import Feature, Peak
from detector.measures import Measure, Surprise

Dtype = Literal["bool", "int32", "int64", "float64", "string", "category", "time", "strings"]

DAY: Final = "the accounting day, from 04:00 local time"
NOW: Final = "the event"
EPISODE: Final = "the episode, up to known_at"
NEVER: Final = "never null"
AT_EVENT: Final = "known when the event was read"
AT_CLOSE: Final = "known when the day closed; uses no event of a later day"
BEFORE: Final = "known before the day: learned from days that had closed and waited"
TOLD: Final = "known at known_at, when the alert last changed; the outcome of the day that it is about"
GIVEN: Final = "known at known_at, never before; no input of a model"
PEAK_WINDOWS: Final = {
    Peak.EXPORTED_HOUR: "the fullest clock hour of the day",
    Peak.TOUCHES_HOUR: "the fullest clock hour of the day",
    Peak.EVENTS_TEN_MINUTES: "the fullest ten minutes of the day",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: unique in its table.
        dtype: of its values; ``time`` is microseconds in UTC, ``category`` a text of which there are few different.
        unit: of its values, "" where they have none.
        window: what it is about.
        nulls: when it is null.
        known: from when on its value was known, and what that means for training.
        meaning: in one sentence.
    """

    name: str
    dtype: Dtype
    unit: str
    window: str
    nulls: str
    known: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what its rows are, in which order, and its columns."""

    name: str
    rows: str
    columns: tuple[Column, ...]


def _events() -> Iterator[Column]:
    for name, dtype, unit, nulls, meaning in (
        ("event_id", "string", "", NEVER, "the producer's id of the event"),
        ("time", "time", "", NEVER, "when it happened, as the event says"),
        ("known_at", "time", "", NEVER, "how far the log had come when it was read: the latest time up to then"),
        ("actor", "string", "", NEVER, "pseudonym of who acted"),
        ("actor_type", "category", "", NEVER, "employee, agent, contractor or service"),
        ("action", "category", "", NEVER, "what was done"),
        ("system", "category", "", NEVER, "in which system"),
        ("resource_type", "category", "", "null where the event says none", "on what kind of thing"),
        ("outcome", "category", "", NEVER, "success, denied, failure or unknown"),
        ("data_class", "category", "", "null where the event says none", "the class of the data"),
        ("records", "int64", "records", "null where the event says none", "customers' records disclosed"),
        ("bytes", "int64", "bytes", "null where the event says none", "bytes disclosed"),
        ("masked", "bool", "", "null where the event does not say", "whether the data was masked"),
        ("channel", "category", "", "null where the event says none", "ui, api, sql, file, usb, print, email or web"),
        ("host", "category", "", "null where the event says none", "keyed token of the host"),
        ("address", "category", "", "null where the event says none", "keyed token of the address"),
        ("customers", "int32", "customers", NEVER, "how many customers it names, at most 10,000"),
        ("subjects", "strings", "", "never null; empty without customers", "keyed tokens of these customers"),
        ("explained", "bool", "", NEVER, "whether a purpose is stated"),
        ("late", "bool", "", NEVER, "came after the lateness bound, so its day was not learned"),
        ("crowd", "bool", "", NEVER, "there was no room for a profile, so there is no row of features"),
        ("shard", "category", "", NEVER, "which log"),
        ("log", "category", "", NEVER, "the file or partition that the record is in"),
        ("offset", "int64", "", NEVER, "where in it"),
    ):
        yield Column(name, dtype, unit, NOW, nulls, AT_EVENT, meaning)  # type: ignore[arg-type]


def _features() -> Iterator[Column]:
    def own(name: str, dtype: Dtype, meaning: str, known: str = AT_CLOSE, nulls: str = NEVER) -> Column:
        return Column(name, dtype, "nats" if dtype == "float64" else "", DAY, nulls, known, meaning)

    at_end = "null where the log's end closed the day"
    yield own("actor", "string", "pseudonym of who acted")
    yield own("peer_group", "category", "the role with which the person was compared")
    yield own("department", "category", "the person's department", nulls="null where none is known")
    yield own("service", "bool", "whether it is a service account")
    yield Column("active_days", "int32", "days", "all before the day", NEVER, BEFORE, "active days before this one")
    yield Column("level_before", "float64", "nats", "all before the day", NEVER, BEFORE, "the decayed level of them")
    yield own("settled", "bool", "the shard had enough of a past for levels to count")
    yield own("level", "float64", "the accumulated measures fused, with the joint picture; 0 while unsettled")
    yield Column("risk", "float64", "0 to 100", DAY, NEVER, AT_CLOSE, "of the larger of level and level_before")
    yield own("joint", "float64", "how unusual the combination of measures is")
    yield own("learned", "float64", "how much of the level the champion's learners added; 0 without a champion")
    yield own("hours", "int64", "bit h is set for activity in hour h of a working day, bit 24 + h for one of a day off")
    yield own("episode", "bool", "an episode of the person was open, so that no calibration learned the day")
    yield own("late", "bool", "a late event is among the day's, so it is never learned")
    yield own("gate_open", "bool", "the gate let the day be learned; whether it was depends on later alerts")
    yield own("known_at", "time", "how far the log had come when the day closed")
    yield own("shard", "category", "which log")
    yield own("log", "category", "the file or partition of the record that closed the day", nulls=at_end)
    yield own("offset", "int64", "where in it", nulls=at_end)
    for feature in Feature:
        yield Column(_name("sum", feature), "int32", feature.unit, DAY, NEVER, AT_CLOSE, feature.meaning)
    for peak in Peak:
        window = PEAK_WINDOWS.get(peak, DAY)
        yield Column(_name("peak", peak), "int32", peak.unit, window, NEVER, AT_CLOSE, peak.meaning)
    for detection in DETECTIONS.values():
        for measure in detection.measures:
            yield from _measure(measure, detection.name)


def _name(prefix: str, counted: Feature | Peak) -> str:
    return f"{prefix}_{counted.name.lower()}"


def _measure(measure: Measure, detection: str) -> Iterator[Column]:
    name, unit = measure.name, measure.unit
    yield Column(f"value_{name}", "float64", unit, DAY, NEVER, AT_CLOSE, f"measure of {detection}: {unit}")
    if not isinstance(measure, Surprise):
        past = "learned days, those long ago weighing less"
        none = "null without any"
        yield Column(f"normal_{name}", "float64", unit, past, none, BEFORE, f"what is normal for this person: {unit}")
        yield Column(f"peers_{name}", "float64", unit, past, none, BEFORE, f"what is normal for the peers: {unit}")
    odd = "-ln of how often a day like this is at least so odd"
    yield Column(f"score_{name}", "float64", "nats", DAY, NEVER, AT_CLOSE, f"the model's own score of {name}")
    yield Column(f"today_{name}", "float64", "nats", DAY, NEVER, AT_CLOSE, f"{odd} in {name}, freed of habit")
    days = "this day and those before, with decay"
    yield Column(f"total_{name}", "float64", "nats", days, NEVER, AT_CLOSE, f"{odd} in what {name} has accumulated")


def _alerts() -> Iterator[Column]:
    for name, dtype, unit, nulls, meaning in (
        ("alert_id", "string", "", NEVER, "its id"),
        ("actor", "string", "", NEVER, "pseudonym of whom it is about"),
        ("opened_at", "time", "", NEVER, "when the episode began"),
        ("known_at", "time", "", NEVER, "when it last changed; the row is as it stood then"),
        ("risk", "float64", "0 to 100", NEVER, "the highest of the episode"),
        ("severity", "category", "", NEVER, "low, medium, high or critical"),
        ("findings", "int32", "findings", NEVER, "how many rows of findings it has"),
        ("detections", "strings", "", NEVER, "the detections among them"),
        ("role", "category", "", "null where none is known", "the actor's role"),
        ("department", "category", "", "null where none is known", "the actor's department"),
        ("shard", "category", "", NEVER, "which log"),
        ("position", "string", "", NEVER, "where in it the episode began"),
    ):
        yield Column(name, dtype, unit, EPISODE, nulls, TOLD, meaning)  # type: ignore[arg-type]


FINDING_DTYPES: Final[dict[str, Dtype]] = {
    "p_value": "float64", "observed": "float64", "expected": "float64", "peer_expected": "float64",
    "threshold": "float64", "event_ids": "strings", "event_count": "int32", "sample_size": "int32",
    "peer_sample_size": "int32", "certain": "bool", "customers": "int64", "records": "int64", "exported": "int64",
}  # fmt: skip
FINDING_NULLS: Final = {
    "expected": "null without a past", "peer_expected": "null without peers", "data_class": "null where none is known",
    "threshold": "null where no single number decides", "customers": "null in the crowd",
    "records": "null in the crowd", "exported": "null in the crowd",
}  # fmt: skip
FINDING_MEANINGS: Final = {
    "detection": "what judged",
    "p_value": "how often an innocent working day looks at least this odd",
    "observed": "the number itself, in unit",
    "expected": "what is normal for the person, in unit",
    "peer_expected": "what is normal for the peers, in unit",
    "unit": "of the numbers",
    "event_ids": "some of the events that contributed, at most 20",
    "event_count": "how many there were",
    "technique": "MITRE ATT&CK id",
    "sentence": "the finding in words",
    "sample_size": "days of the person's past",
    "peer_sample_size": "how many peers",
    "threshold": "what would just not have been told, in unit",
    "model_version": "of the models that judged",
    "certain": "needs no statistics: a planted customer was touched",
    "customers": "customers touched that day up to then, estimated",
    "records": "records disclosed that day up to then",
    "exported": "of those, taken out",
    "data_class": "the most sensitive class of data disclosed that day up to then",
}


def _findings() -> Iterator[Column]:
    yield Column("alert_id", "string", "", EPISODE, NEVER, TOLD, "the alert that it is in")
    yield Column("actor", "string", "", EPISODE, NEVER, TOLD, "pseudonym of whom it is about")
    yield Column("known_at", "time", "", DAY, NEVER, TOLD, "the moment judged")
    yield Column("shard", "category", "", EPISODE, NEVER, TOLD, "which log")
    for name in Finding.__struct_fields__:
        if name != "time":
            dtype = FINDING_DTYPES.get(name, "string")
            nulls = FINDING_NULLS.get(name, NEVER)
            yield Column(name, dtype, "", "the day, up to known_at", nulls, TOLD, FINDING_MEANINGS[name])


def _labels() -> Iterator[Column]:
    still = "null where it was not taken back by the end of the export's last day"
    for name, dtype, nulls, meaning in (
        ("alert_id", "string", NEVER, "the alert that was judged"),
        ("actor", "string", NEVER, "pseudonym of whom it is about"),
        ("incident_id", "string", NEVER, "the incident that was closed"),
        ("verdict", "category", NEVER, "true_positive, benign_positive, false_positive or undetermined"),
        ("opened_at", "time", NEVER, "when the alert's episode began, in the time of the log"),
        ("known_at", "time", NEVER, "when the verdict was given, by the clock"),
        ("withdrawn_at", "time", still, "when it was taken back, by the clock"),
    ):
        yield Column(name, dtype, "", EPISODE, nulls, GIVEN, meaning)  # type: ignore[arg-type]


TABLES: Final = {
    table.name: table
    for table in (
        Table("events", "one for each admitted event, in the order of the log", tuple(_events())),
        Table("features", "one for each actor and day, as it was judged when the day closed", tuple(_features())),
        Table("alerts", "one for each alert, in the partition of the day on which it opened", tuple(_alerts())),
        Table("findings", "one for each finding of an alert, in the partition of its day", tuple(_findings())),
        Table("labels", "one for each verdict and alert, in the partition of the day it was given", tuple(_labels())),
    )
}
"""By name. ``day`` is the partition of each, and no column of its files."""
