"""``make verdicts``: do analysts' verdicts spare them false alerts? Simulated insurers, with and without verdicts."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from alerts.desk import DESK, Desk
from alerts.incident import State, Verdict
from alerts.lines import alert_line
from alerts.work import By, Close
from detector.config import Config
from detector.context import read_context, with_lessons
from detector.deliver import open_desk
from detector.evaluation import GRACE, Evaluation, Label, evaluate
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.shard import SHARD
from detector.simulation import SimulationConfig, simulate
from streams import Tokens

STAFF, DAYS, WARM_UP_DAYS = 161, 80, 20
SEEDS: Final = (601, 602, 603, 604)
BUDGET: Final = 15.0
"""Alerts in 1,000 employee-days: two and a half a day, enough to show what is told again and again."""
RIGHT: Final = 0.9
READS_AFTER: Final = timedelta(days=1)
TOKENS: Final = Tokens(b"verdicts of the simulated analysts"[:32])


@dataclass
class Analysts:
    """People who read each incident a day after it opened and close it, most of them rightly.

    Args:
        labels: what really happened.
        desk: where the incidents are.
        right: how often a verdict is right.
    """

    labels: Sequence[Label]
    desk: Desk
    right: float = RIGHT

    def work(self, keeper: Keeper, now: float) -> int:
        """Close what is old enough; how many verdicts were given."""
        while self.desk.take_in([], [], now):
            pass
        ripe = datetime.fromtimestamp(now, UTC) - READS_AFTER
        old = [one for one in self.desk.incidents([State.OPEN]) if one.opened_at <= ripe]
        for incident in old:
            alerts = self.desk.incident(incident.incident_id).alerts
            moments = [moment for alert in alerts for moment in (alert.opened_at, alert.updated_at)]
            really = self.is_misuse(keeper.shard.known[incident.actor].id, moments)
            said = really if chance(incident.incident_id) < self.right else not really
            verdict = Verdict.TRUE_POSITIVE if said else Verdict.FALSE_POSITIVE
            self.desk.act(incident.incident_id, Close(verdict, "read"), By("analyst", now))
        return len(old)

    def is_misuse(self, actor: str, moments: Sequence[datetime]) -> bool:
        """Whether alerts on an actor at these moments match an insider's story."""
        mine = [label for label in self.labels if label.kind == "insider" and label.actor == actor]
        return any(label.start <= moment <= label.end + GRACE for label in mine for moment in moments)


def chance(name: str) -> float:
    """A draw from [0, 1) that depends on the name alone."""
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest(), "big") / 2**56


def watched(folder: Path, state: Path, budget: float, right: float | None, tokens: Tokens = TOKENS) -> Evaluation:
    """How good the alerts of an insurer are with analysts who are so often right; without any if that is None."""
    config = Config.model_validate(
        {
            "source": {"paths": [str(folder / "events.jsonl")]},
            "context": {"roster": str(folder / "roster.csv"), "honey": str(folder / "honey.txt")},
            "risk": {"budget": budget, "warm_up_days": WARM_UP_DAYS},
            "state": {"folder": str(state), "checkpoint_events": 100_000},
        }
    )
    labels = [msgspec.json.decode(line, type=Label) for line in (folder / "labels.jsonl").read_bytes().splitlines()]
    with ExitStack() as stack:
        home = stack.enter_context(closing(Home(config.state)))
        context = read_context(config, tokens)
        keeper = Keeper(Setting(config, tokens, context, home, receivers=(DESK,)), SHARD)
        feed = stack.enter_context(closing(Feed(config, keeper)))
        analysts = Analysts(labels, stack.enter_context(closing(open_desk(config))), right or 0.0)
        shift = 0
        while not feed.finished:
            feed.advance()
            now = keeper.shard.engine.watermark
            if right is not None and now // 21_600 != shift:
                shift = now // 21_600
                if analysts.work(keeper, now):
                    keeper.adopt(with_lessons(context, home.store))
        keeper.conclude(None)
        told = [replace_actor(keeper, line) for line in map(alert_line, home.store.alerts())]
    (state / "told.jsonl").write_bytes(b"".join(told))
    return evaluate(state / "told.jsonl", folder / "labels.jsonl")


def replace_actor(keeper: Keeper, line: bytes) -> bytes:
    """An alert's line with the actor's real id, as labels have it."""
    alert = msgspec.json.decode(line)
    return msgspec.json.encode(alert | {"actor": keeper.shard.known[alert["actor"]].id}) + b"\n"


def main(words: list[str] | None = None) -> int:
    """Print the comparison; 0 when verdicts spared false alerts and lost no insider in all."""
    parser = argparse.ArgumentParser(prog="make verdicts", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--staff", type=int, default=STAFF, help="of each insurer")
    parser.add_argument("--days", type=int, default=DAYS, help="of each log")
    parser.add_argument("--budget", type=float, default=BUDGET, help="alerts in 1,000 employee-days")
    parser.add_argument("--right", type=float, default=RIGHT, help="how often an analyst is right")
    chosen = parser.parse_args(words)
    results: dict[str, list[Evaluation]] = {"without": [], "with": []}
    print(f"{'seed':>6} {'verdicts':>8} {'alerts':>7} {'false':>6} {'insiders':>9} {'twins':>6}", flush=True)
    for seed in chosen.seeds:
        with TemporaryDirectory(prefix="verdicts-") as place:
            folder = Path(place)
            simulate(SimulationConfig(chosen.staff, chosen.days, seed, warm_up_days=WARM_UP_DAYS), folder)
            for name, right in (("without", None), ("with", chosen.right)):
                (folder / name).mkdir()
                found = watched(folder, folder / name, chosen.budget, right)
                results[name].append(found)
                print(f"{seed:>6} {row(name, [found])}", flush=True)
    for name, every in results.items():
        print(f"{'all':>6} {row(name, every)}")
    false = {name: sum(one.alerts - one.true_alerts for one in found) for name, found in results.items()}
    insiders = {name: sum(one.found for one in found) for name, found in results.items()}
    print(f"false alerts: {100.0 * (1.0 - false['with'] / max(false['without'], 1)):.0f} % fewer with verdicts")
    return 0 if false["with"] < false["without"] and insiders["with"] >= insiders["without"] else 1


def row(name: str, found: Sequence[Evaluation]) -> str:
    """One line of the table."""
    alerts, true = sum(one.alerts for one in found), sum(one.true_alerts for one in found)
    insiders = f"{sum(one.found for one in found)}/{sum(one.insiders for one in found)}"
    twins = f"{sum(one.flagged for one in found)}/{sum(one.twins for one in found)}"
    return f"{name:>8} {alerts:>7} {alerts - true:>6} {insiders:>9} {twins:>6}"


if __name__ == "__main__":
    sys.exit(main())
