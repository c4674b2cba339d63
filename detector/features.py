"""What is counted of every event: the literal table of features.

A feature is a whole number that an event adds to its actor's working day. Sums of whole numbers are exact, so the order
in which batches are cut cannot show in them.

An act for which a business reason is stated (`purpose`) is what people are paid for: most features leave it out. On
simulated insurers that turned three flagged benign twins of six into less than one, and found more insiders.
"""

from enum import IntEnum, auto
from typing import Final

MAX_SUM: Final = 2.0**24 - 1
"""The largest day's sum that float32 keeps exactly; a sum stops there."""


class Feature(IntEnum):
    """Columns of a day's sums: what one event adds. Those from ``UNEXPLAINED_EVENTS`` on leave out explained acts."""

    EVENTS = 0  # 1
    EXPORTED = auto()  # records disclosed by acts that take data out of the system
    TOUCHES = auto()  # 1 if it names subjects
    MASKABLE = auto()  # 1 if it says whether the data was masked
    DISCLOSED = auto()  # records disclosed; subjects touched where no count is given; 0 unless it succeeded
    OFF_HOURS = auto()  # 1 outside the shift, or where none is known from 20:00 to 07:00 and on days off
    ODDNESS = auto()  # hundredths of a decade: how rare this hour is for this person
    NEWNESS = auto()  # hundredths of a decade: how surprising the places are that it is the day's first to show
    HONEY = auto()  # 1 if it touched a planted subject
    PAUSES = auto()  # 1 if it follows the event before within 10 minutes
    PAUSE_SUM = auto()  # for those, 4 log2 of twice the pause in seconds, rounded
    PAUSE_SQUARES = auto()  # and its square
    UNEXPLAINED_EVENTS = auto()  # 1
    UNEXPLAINED = auto()  # 1 if it names subjects
    UNEXPLAINED_EXPORTED = auto()  # records disclosed by acts that take data out of the system
    RECORDS = auto()  # records disclosed
    KILOBYTES = auto()  # bytes disclosed, in thousands
    EXPORTS = auto()  # 1 for an act that takes data out of the system
    REMOVALS = auto()  # 1 for one of them that carries data off: print, send, share, copy; usb, email, web
    FIRST_TOUCHES = auto()  # 1 if its first subject was not touched by this actor on an earlier day
    UNMASKED = auto()  # 1 if it says that the data was not masked, and succeeded
    SENSITIVE = auto()  # 1 for data of a sensitive class
    STEPS = auto()  # 1 if its subject's number is 1 to 3 away from the one before
    BURSTS = auto()  # 1 if it follows the event before within 2 seconds
    DIRECT = auto()  # 1 past the application: channel sql or api
    CHANGES = auto()  # 1 for update, create, delete, grant
    SEARCHES = auto()  # 1 for search
    REFUSED = auto()  # 1 for denied or failure


UNEXPLAINED_FROM: Final = Feature.UNEXPLAINED_EVENTS
"""This feature and those after it leave out acts with a stated business reason."""


class Peak(IntEnum):
    """Columns of a day's largest values so far: of its windows, and of its estimate of distinct customers."""

    EXPORTED_HOUR = 0  # records taken out in one clock hour without a stated purpose
    TOUCHES_HOUR = auto()  # events with subjects in one clock hour without a stated purpose
    EVENTS_TEN_MINUTES = auto()  # events in ten minutes without a stated purpose
    CUSTOMERS = auto()  # distinct subjects so far this day, estimated
    CLASS = (
        auto()
    )  # place of the most sensitive class of data disclosed so far this day, 1 the mildest, 0 for none known


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
