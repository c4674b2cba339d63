"""Who is on call, by a calendar that turns."""

from datetime import datetime, timedelta, tzinfo

import msgspec


class Override(msgspec.Struct, frozen=True):
    """A receiver that takes over from `starts` until before `ends`, in the rotation's local time."""

    receiver: str
    starts: datetime
    ends: datetime


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """Receivers that are on call one after the other, each for a `shift` of local time; one of them does at `starts`.

    A shift begins at the same local hour through changes of summer time. The rotation turned before `starts` as well.
    Of overrides at one time the last one counts.
    """

    name: str
    receivers: tuple[str, ...]
    starts: datetime
    shift: timedelta
    zone: tzinfo
    overrides: tuple[Override, ...] = ()

    def on_call(self, now: float) -> str:
        """The receiver that is on call at a time in Unix seconds.

        >>> from datetime import UTC
        >>> week = Rotation(name="first", receivers=("ann", "bo"), starts=datetime(1970, 1, 1), shift=timedelta(days=7),
        ...     zone=UTC)
        >>> [week.on_call(day * 86_400.0) for day in (0, 6.9, 7, 14)]
        ['ann', 'ann', 'bo', 'ann']
        """
        local = datetime.fromtimestamp(now, self.zone).replace(tzinfo=None)
        for one in reversed(self.overrides):
            if one.starts <= local < one.ends:
                return one.receiver
        return self.receivers[(local - self.starts) // self.shift % len(self.receivers)]
