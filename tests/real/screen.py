"""One screen for a group at work: what is produced, who has which partition, and the alerts as they are told."""

import time
from typing import Any, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from tests.real.stream import Look, Stream

LINES: Final = 8
"""Of the latest news that stay in view."""
SPELL_S: Final = 4.0
"""Between two lines of figures where there is no terminal."""


class Screen:
    """News, and figures that change in place on a terminal; lines, with figures now and then, elsewhere.

    Args:
        console: where to.
        total: events that will be produced.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._began = self._shown = time.monotonic()
        self._alerts: list[tuple[float, str]] = []
        self._owners: dict[int, str] = {}
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Something has happened."""
        self._console.print(
            f"{time.monotonic() - self._began:6.1f} s  {text}", highlight=False, markup=False, soft_wrap=True
        )

    def tell(self, alert: dict[str, Any], revision: int) -> None:
        """An alert has arrived in its topic."""
        news = "opened" if revision == 1 else f"revision {revision}"
        what = alert["findings"][0]["detection"]
        text = f"alert {alert['alert_id'][:12]}  {alert['severity']:<8} {alert['actor']}  {what}, {news}"
        self._alerts = [*self._alerts, (time.monotonic(), text)][-LINES:]
        if self._live is None and revision == 1:
            self.say(text)

    def show(self, stream: Stream, look: Look) -> None:
        """How it stands now."""
        for number in sorted(look.owners.keys() | self._owners.keys()):
            before, now = self._owners.get(number), look.owners.get(number)
            if now != before:
                self.say(f"partition {number}: {before or 'nobody'} -> {now or 'nobody'}")
        self._owners = look.owners
        if self._live is not None:
            self._live.update(self._picture(stream, look), refresh=True)
        elif time.monotonic() - self._shown >= SPELL_S:
            self._shown = time.monotonic()
            lags = ", ".join(f"{number}: {lag:,}" for number, lag in sorted(look.lags.items()))
            self.say(f"{stream.sent:,} of {self._total:,} events produced; waiting in partition {lags}")

    def _picture(self, stream: Stream, look: Look) -> Group:
        now = time.monotonic()
        share = stream.sent / max(self._total, 1)
        bar = "#" * round(40 * share) + "." * (40 - round(40 * share))
        table = Table("partition", "worker", "waiting", box=None, padding=(0, 2))
        for number, lag in sorted(look.lags.items()):
            table.add_row(str(number), look.owners.get(number, "nobody"), f"{lag:,}")
        told = [f"{now - moment:6.1f} s ago  {text}" for moment, text in reversed(self._alerts)]
        head = f"\n{now - self._began:6.1f} s  {bar}  {stream.sent:,} of {self._total:,} events produced"
        return Group(head, table, "latest alerts", *told)
