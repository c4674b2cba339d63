"""A live run: rounds of reading and telling, and what the outside is told about them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from alerts.alert import Alert
from alerts.lines import send_alerts
from detector.config import RunConfig
from detector.feed import Feed
from detector.keeper import Keeper, no_clock
from detector.memory import give_back
from detector.metrics import Metrics

if TYPE_CHECKING:
    from detector.lookout import Lookout
    from detector.worker import Worker


class Log(Protocol):
    """Takes what happened, one event with its facts at a time; a structlog logger is one."""

    def info(self, event: str, **facts: Any) -> Any:
        """Note an ordinary event."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Note one that a person should look at."""


class Live:
    """Reads and tells, round by round.

    Args:
        hand: takes in records.
        config: when to worry.
        out: gets a line for each alert that opened or changed, after its commit.
        log: gets what operators should know.
        clock: seconds that never go back.
        now: Unix seconds, which events' times are compared with.
    """

    def __init__(
        self,
        hand: "Feed | Worker",
        config: RunConfig,
        out: BinaryIO,
        log: Log,
        clock: Callable[[], float],
        now: Callable[[], float] = no_clock,
    ) -> None:
        self.metrics = Metrics(now)
        self._hand, self._config, self._out, self._log, self._clock = hand, config, out, log, clock
        self._beat = clock()
        self._heard: dict[str, float] = {}  # when each shard that is here last had a record
        self._silent: set[str] = set()
        self._here: list[Keeper] = []
        self._unready = ""
        self._refused = 0
        self._context = ""  # its digest
        self._complaints: tuple[str, ...] = ("",)  # what was said of it last

    def round(self) -> int:
        """Read what there is and tell what follows; how many records there were."""
        began = self._beat = self._clock()
        count, changed = self._hand.advance()
        self._meet()
        self._listen()
        if not isinstance(self._hand, Feed):
            self._look_after(self._hand)
        if self._hand.lookout is not None:
            self._look_at(self._hand.lookout)
        if count or changed:
            self._tell(changed, self._clock() - began)
        return count

    def settle(self) -> None:
        """Commit what has been read, and tell what that made safe to tell."""
        self._tell(self._hand.settle(), 0.0)

    def conclude(self, arrived: float) -> None:
        """The log has ended: judge to its end."""
        if isinstance(self._hand, Feed):
            self._tell(self._hand.keeper.conclude(arrived), 0.0)

    def alive(self) -> str:
        """Why a supervisor should end this process, in words; "" while its rounds come round."""
        waited = self._clock() - self._beat
        return f"no round for {waited:.0f} s" if waited > self._config.watchdog_s else ""

    def ready(self) -> str:
        """Why it is not reading at the moment, in words; "" when it is."""
        return self._unready

    def _meet(self) -> None:
        here = self._hand.keepers
        for keeper in here:
            if keeper not in self._here:
                self._log.info("shard is here", shard=keeper.shard.name, resumed_at=keeper.position)
                if keeper.resumed is not None and keeper.resumed.fallback:
                    self._log.warning("the newest state was damaged; going on from the one before")
        gone = [keeper.shard.name for keeper in self._here if keeper not in here]
        self._here = here
        for name in gone:
            self._log.info("shard is gone", shard=name)
        if gone:
            give_back()
        if self._hand.unready and self._hand.unready != self._unready:
            self._log.warning("not ready", why=self._hand.unready)
        self._unready = self._hand.unready

    def _listen(self) -> None:
        now = self._clock()
        names = {keeper.shard.name: bool(keeper.fresh) for keeper in self._here}
        self._heard = {name: now if fresh else self._heard.get(name, now) for name, fresh in names.items()}
        silent = {name for name, heard in self._heard.items() if now - heard >= self._config.silence_s}
        for name in sorted(silent - self._silent):
            self._log.warning("shard is silent", shard=name, seconds=round(now - self._heard[name]))
        for name in sorted(self._silent & set(names) - silent):
            self._log.info("shard is heard again", shard=name)
        self._silent = silent
        self.metrics.update_presence(
            {name: now - heard for name, heard in self._heard.items()},
            {keeper.shard.name: keeper.uncommitted_s for keeper in self._here},
        )

    def _look_after(self, worker: "Worker") -> None:
        self.metrics.update_worker(worker)
        if worker.events["refused"] > self._refused:
            self._refused = worker.events["refused"]
            self._log.warning("a commit was refused, since the shard has a newer owner", refused=self._refused)

    def _look_at(self, lookout: "Lookout") -> None:
        context, trouble = lookout.context, lookout.trouble
        if context.digest != self._context:
            self._context = context.digest
            facts = {"people": len(context.roster), "planted": len(context.honey), "lessons": len(context.lessons)}
            used = {"champion": context.champion, "challenger": context.challenger}
            bundles = {role: one.digest[:12] for role, one in used.items() if one is not None}
            self._log.info("context", digest=context.digest[:12], **facts, **bundles)
        complaints = trouble, *context.complaints
        self.metrics.update_complaints(sum(map(bool, complaints)))
        for words in complaints if complaints != self._complaints else ():
            if words:
                self._log.warning("context", why=words)
        self._complaints = complaints

    def _tell(self, changed: list[Alert], seconds: float) -> None:
        # The metrics come first, so that whoever reads an alert finds it counted.
        self.metrics.update(self._hand.keepers, seconds)
        send_alerts(self._out, changed)
        for alert in changed:
            self._log.info("alert", alert_id=alert.alert_id, severity=alert.severity.value, actor=alert.actor)
