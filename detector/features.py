"""What is counted of every event: the literal table of features.

A feature is a whole number that an event adds to its actor's working day. Sums of whole numbers are exact, so the order
in which batches are cut cannot show in them.
"""

from enum import IntEnum, auto
from typing import Final

MAX_SUM: Final = 2.0**24 - 1
"""The largest day's sum that float32 keeps exactly; a sum stops there."""


class Feature(IntEnum):
    """Columns of a day's sums; the unit of each is its name, and one event adds what the comment says."""

    EVENTS = 0  # 1
    RECORDS = auto()  # records disclosed; subjects touched where no count is given; 0 unless it succeeded
    EXPORTED = auto()  # the same, of acts that take data out of the system
    EXPORTS = auto()  # 1 for an act that takes data out of the system
    TOUCHES = auto()  # 1 if it names subjects
    UNEXPLAINED = auto()  # 1 if it names subjects and gives no purpose
    MASKABLE = auto()  # 1 if it says whether the data was masked
    UNMASKED = auto()  # 1 if it says that the data was not, and succeeded
    OFF_HOURS = auto()  # 1 outside the shift, or where none is known from 20:00 to 07:00 and on days off
    CHANGES = auto()  # 1 for update, create, delete, grant
    SEARCHES = auto()  # 1 for search
    REFUSED = auto()  # 1 for denied or failure
    REMOVALS = auto()  # 1 for an act that carries data off: print, send, share, copy; usb, email, web
    STEPS = auto()  # 1 if its subject's number follows the one before by 1 to 3
    BURSTS = auto()  # 1 if it follows the event before within 2 seconds
    DIRECT = auto()  # 1 past the application: channel sql or api
    SENSITIVE = auto()  # 1 for data of class C3 or above
    KILOBYTES = auto()  # bytes disclosed, in thousands
    FIRST_TOUCHES = auto()  # 1 if its first subject was not touched by this actor on an earlier day
    PAUSES = auto()  # 1 if it follows the event before within 10 minutes
    PAUSE_SUM = auto()  # for those, 16 log2 of the pause in seconds, rounded
    PAUSE_SQUARES = auto()  # and its square
    ODDNESS = auto()  # hundredths of a decade: how rare this hour is for this person
    HONEY = auto()  # 1 if it touched a planted subject
    NEWNESS = auto()  # hundredths of a decade: how surprising the places are that it is the day's first to show


class Peak(IntEnum):
    """Columns of a day's largest values so far: of its windows, and of its estimate of distinct customers."""

    EXPORTED_HOUR = 0  # records taken out in one clock hour
    TOUCHES_HOUR = auto()  # events with subjects in one clock hour
    EVENTS_TEN_MINUTES = auto()
    CUSTOMERS = auto()  # distinct subjects so far this day, estimated


N_FEATURES: Final = len(Feature)
N_PEAKS: Final = len(Peak)


class Kind(IntEnum):
    """What can be new about the place an event comes from or goes to."""

    HOST = 0
    ADDRESS = auto()
    ACTION = auto()  # system and action
    RESOURCE = auto()  # system and resource type
    CHANNEL = auto()
    AGENT = auto()


N_KINDS: Final = len(Kind)
