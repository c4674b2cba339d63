"""What is counted of every event: the literal table of features.

A feature is a whole number that an event adds to its actor's working day. Sums of whole numbers are exact, so the order
in which batches are cut cannot show in them.

An act for which a business reason is stated (`purpose`) is what people are paid for: most features leave it out. On
simulated insurers that turned three flagged benign twins of six into less than one, and found more insiders.
"""

from enum import IntEnum, auto
from typing import Final, Self

MAX_SUM: Final = 2.0**24 - 1
"""The largest day's sum that float32 keeps exactly; a sum stops there."""


class _Counted(IntEnum):
    """A column of whole numbers that says what it counts: ``NAME = unit, meaning``, numbered from 0.

    Attributes:
        unit: what one is, in the plural.
        meaning: what is counted.
    """

    unit: str
    meaning: str

    def __new__(cls, unit: str, meaning: str) -> Self:
        """The next column."""
        number = len(cls.__members__)
        member = int.__new__(cls, number)
        member._value_ = number
        member.unit, member.meaning = unit, meaning
        return member


class Feature(_Counted):
    """Columns of a day's sums: what one event adds. Those from ``UNEXPLAINED_EVENTS`` on leave out explained acts."""

    EVENTS = "events", "all events"
    EXPORTED = "records", "records disclosed by acts that take data out of the system"
    TOUCHES = "events", "events that name customers"
    MASKABLE = "events", "events that say whether the data was masked"
    DISCLOSED = "records", "records disclosed; customers touched where no count is given; 0 unless it succeeded"
    OFF_HOURS = "events", "events outside the shift, or where none is known from 20:00 to 07:00 and on days off"
    ODDNESS = "hundredths of a decade", "how rare the hours are for this person, summed over the events"
    NEWNESS = "hundredths of a decade", "how surprising the places are that an event is the day's first to show"
    HONEY = "events", "events that touched a planted customer"
    PAUSES = "events", "events that follow the one before within 10 minutes"
    PAUSE_SUM = "quarters of a doubling", "of those, 4 log2 of twice the pause in seconds, rounded"
    PAUSE_SQUARES = "squared quarters of a doubling", "of those, the square of that"
    UNEXPLAINED_EVENTS = "events", "events without a stated purpose"
    UNEXPLAINED = "events", "events without a stated purpose that name customers"
    UNEXPLAINED_EXPORTED = "records", "records disclosed without a stated purpose by acts that take data out"
    RECORDS = "records", "records disclosed without a stated purpose"
    KILOBYTES = "kB", "bytes disclosed without a stated purpose, in thousands"
    EXPORTS = "events", "acts without a stated purpose that take data out of the system"
    REMOVALS = "events", "of those, acts that carry data off: print, send, share, copy; usb, email, web"
    FIRST_TOUCHES = "events", "events without a stated purpose whose first customer was touched on no earlier day"
    UNMASKED = "events", "events without a stated purpose that show data unmasked, and succeeded"
    SENSITIVE = "events", "events without a stated purpose on data of a sensitive class"
    STEPS = "events", "events without a stated purpose whose customer number is 1 to 3 away from the one before"
    BURSTS = "events", "events without a stated purpose within 2 seconds of the one before"
    DIRECT = "events", "events without a stated purpose past the application: channel sql or api"
    CHANGES = "events", "update, create, delete and grant without a stated purpose"
    SEARCHES = "events", "searches without a stated purpose"
    REFUSED = "events", "events without a stated purpose that were denied or failed"


UNEXPLAINED_FROM: Final = Feature.UNEXPLAINED_EVENTS
"""This feature and those after it leave out acts with a stated business reason."""


class Peak(_Counted):
    """Columns of a day's largest values so far: of its windows, and of its estimate of distinct customers."""

    EXPORTED_HOUR = "records", "most records taken out in one clock hour without a stated purpose"
    TOUCHES_HOUR = "events", "most events that name customers in one clock hour without a stated purpose"
    EVENTS_TEN_MINUTES = "events", "most events in ten minutes without a stated purpose"
    CUSTOMERS = "customers", "distinct customers, estimated"
    CLASS = "place in data.classes", "the most sensitive class of data disclosed, 1 the mildest, 0 for none known"


N_FEATURES: Final = len(Feature)
N_PEAKS: Final = len(Peak)


class Kind(IntEnum):
    """What can be new about the place an event comes from or goes to."""

    HOST = 0
    ADDRESS = auto()
    CHANNEL = auto()
    AGENT = auto()
    ACTION = auto()  # system and action
    RESOURCE = auto()  # system and resource type


N_KINDS: Final = len(Kind)
