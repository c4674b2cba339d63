"""Events that are put into a log while it is read: each before the first record that comes after it in time."""

from streams import Record


class Planted(Record, frozen=True, gc=False):
    """A record that is not in the log: its event as JSON, sealed already. Its position is that of the next that is."""
