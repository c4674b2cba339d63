"""``make retraining``: is a retrained bundle worth it? One simulated insurer to learn from, others to be watched.

The insurer is watched by analysts who are mostly right. Its days and their verdicts are exported, and two bundles
are trained, without the verdicts and with them. Then insurers that nothing was learned from are watched from their
first day on, by the online models alone, which have to warm up, and by each bundle, within the same budget.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alerts.lines import alert_line
from detector.app import export
from detector.config import Config
from detector.context import read_context
from detector.evaluation import Evaluation, evaluate
from detector.export.job import LABELS, Order, write_labels
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.shard import SHARD
from detector.simulation import SimulationConfig, simulate
from detector.training.bundle import bundle_of
from detector.training.custom import learners_of
from detector.training.job import Training
from detector.training.reading import Exported
from models.bundles import Bundle, open_bundle
from tests.real.verdicts import TOKENS, WARM_UP_DAYS, replace_actor, watched

STAFF, DAYS, BUDGET = 1_000, 60, 5.0
UNSEEN_STAFF, UNSEEN_DAYS, UNSEEN_WARM_UP = 161, 60, 8
RIGHT: Final = 0.95
"""How often an analyst is right: whoever calls something misuse has it read by a second person."""
SEEDS: Final = (811, 812, 813, 814)
TRAINING_SEED: Final = 801


def config_of(folder: Path, budget: float, state: Path | None = None) -> Config:
    """How an insurer is judged."""
    return Config.model_validate(
        {
            "source": {"paths": [str(folder / "events.jsonl")]},
            "context": {"roster": str(folder / "roster.csv"), "honey": str(folder / "honey.txt")},
            "risk": {"budget": budget, "warm_up_days": WARM_UP_DAYS},
            "state": {"folder": str(state) if state is not None else None, "checkpoint_events": 100_000},
        }
    )


def bundles_of(place: Path, staff: int, days: int, budget: float, right: float) -> dict[str, Bundle]:
    """Two bundles learned from an insurer: without verdicts and with those of its analysts."""
    folder = place / "learned"
    simulate(SimulationConfig(staff, days, TRAINING_SEED, warm_up_days=WARM_UP_DAYS), folder)
    (place / "state").mkdir()
    found = watched(folder, place / "state", budget, right)
    print(f"learned from {staff} staff over {days} days: {found.alerts} alerts, {found.true_alerts} of them true")
    config = config_of(folder, budget, place / "state")
    export(config_of(folder, budget), TOKENS, Order(("features",), place / "features"))
    with closing(Home(config.state, read_only=True)) as home:
        write_labels(Order((LABELS,), place / "labels"), home.store.labels(), config, TOKENS)
    key, made = Ed25519PrivateKey.generate(), datetime(2026, 1, 1, tzinfo=UTC)
    bundles = {}
    for name, labels in (("unlabelled", None), ("labelled", Exported(place / "labels", "labels"))):
        work = Training(config, Exported(place / "features", "features"), labels, 1, learners_of({}))
        trained = work.run(lambda _done, _total: None)
        print(f"{name}: {', '.join(one.name for one, _ in trained.learners)}; {'; '.join(trained.remarks)}")
        if trained.validation is not None:
            print(f"{name}: {trained.validation}")
        bundles[name] = open_bundle(bundle_of(trained, name, "retraining", 1, made, key), [key.public_key()])
    return bundles


def judged(folder: Path, place: Path, budget: float, champion: Bundle | None) -> Evaluation:
    """How good the alerts of an insurer are, judged from its first day on."""
    place.mkdir()
    config = config_of(folder, budget)
    context = replace(read_context(config, TOKENS), champion=champion)
    keeper = Keeper(Setting(config, TOKENS, context), SHARD, place / "letters.jsonl")
    with closing(Feed(config, keeper)) as feed:
        while not feed.finished:
            feed.advance()
        keeper.conclude(None)
        told = [replace_actor(keeper, alert_line(alert)) for alert in keeper.alerts()]
    (place / "told.jsonl").write_bytes(b"".join(told))
    return evaluate(place / "told.jsonl", folder / "labels.jsonl", UNSEEN_WARM_UP)


def main(words: list[str] | None = None) -> int:
    """Print the comparison; 0 when each bundle found more insiders than the online models, and verdicts helped."""
    parser = argparse.ArgumentParser(prog="make retraining", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of the insurers that are watched")
    parser.add_argument("--staff", type=int, default=STAFF, help="of the insurer to learn from")
    parser.add_argument("--days", type=int, default=DAYS, help="of its log")
    parser.add_argument("--budget", type=float, default=BUDGET, help="alerts in 1,000 employee-days, of all insurers")
    parser.add_argument("--right", type=float, default=RIGHT, help="how often its analysts are right")
    parser.add_argument("--unseen-staff", type=int, default=UNSEEN_STAFF, help="of each insurer that is watched")
    chosen = parser.parse_args(words)
    results: dict[str, list[Evaluation]] = {}
    with TemporaryDirectory(prefix="retraining-") as place:
        learned = bundles_of(Path(place), chosen.staff, chosen.days, chosen.budget, chosen.right)
        contestants: dict[str, Bundle | None] = {"online": None, **learned}
        print(f"{'seed':>6} {'judged by':>10} {'alerts':>7} {'true':>5} {'insiders':>9} {'twins':>6}", flush=True)
        for seed in chosen.seeds:
            folder = Path(place) / str(seed)
            size = SimulationConfig(chosen.unseen_staff, UNSEEN_DAYS, seed, warm_up_days=UNSEEN_WARM_UP)
            simulate(size, folder)
            for name, champion in contestants.items():
                found = judged(folder, folder / name, chosen.budget, champion)
                results.setdefault(name, []).append(found)
                print(f"{seed:>6} {row(name, [found])}", flush=True)
    for name, every in results.items():
        print(f"{'all':>6} {row(name, every)}")
    insiders = {name: sum(one.found for one in found) for name, found in results.items()}
    return 0 if insiders["online"] < insiders["unlabelled"] <= insiders["labelled"] else 1


def row(name: str, found: Sequence[Evaluation]) -> str:
    """One line of the table."""
    alerts, true = sum(one.alerts for one in found), sum(one.true_alerts for one in found)
    insiders = f"{sum(one.found for one in found)}/{sum(one.insiders for one in found)}"
    twins = f"{sum(one.flagged for one in found)}/{sum(one.twins for one in found)}"
    return f"{name:>10} {alerts:>7} {true:>5} {insiders:>9} {twins:>6}"


if __name__ == "__main__":
    sys.exit(main())
