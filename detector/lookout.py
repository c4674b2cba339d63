"""Looks at what is known beside the events, again and again, for a run that does not end."""

from collections.abc import Callable

from alerts.errors import AlertsError
from detector.context import Context
from detector.errors import DetectorError
from streams import StreamError


class Lookout:
    """The context as it was last seen; a look that fails leaves it as it was.

    Args:
        read: reads it.
        first: what was read before.
        refresh_s: between two looks.
        clock: seconds that never go back.
    """

    def __init__(
        self, read: Callable[[], Context], first: Context, refresh_s: float, clock: Callable[[], float]
    ) -> None:
        self.context = first
        self.trouble = ""
        """Why the last look failed, in words; "" if it did not."""
        self._read, self._refresh_s, self._clock = read, refresh_s, clock
        self._looked = clock()

    def look(self, recent_s: float | None = None) -> bool:
        """Look again, unless the last look is more recent than this, or than ``refresh_s``; whether it was done."""
        now = self._clock()
        if now - self._looked < (self._refresh_s if recent_s is None else min(recent_s, self._refresh_s)):
            return False
        self._looked = now
        try:
            self.context, self.trouble = self._read(), ""
        except (StreamError, DetectorError, AlertsError) as error:
            self.trouble = str(error)
        return True
