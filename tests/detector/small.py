"""A small log that has everything: a dozen people, insiders among them, and records that are rejected."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detector.config import Config
from detector.context import read_context
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting, no_clock
from detector.shard import SHARD
from detector.simulation import SimulationConfig, simulate
from streams import Tokens

KEY = b"0123456789abcdef0123456789abcdef"
PEOPLE = 12


@dataclass(frozen=True)
class SmallLog:
    folder: Path
    events: Path
    roster: Path
    honey: Path
    labels: Path

    def config(self, **sections: object) -> Config:
        tree = {
            "source": {"paths": [str(self.events)]},
            "context": {"roster": str(self.roster), "honey": str(self.honey)},
            "risk": {"warm_up_days": 3, "budget": 60.0},
            "profiles": {"recent_events": 4096},
            **sections,
        }
        return Config.model_validate(tree)


def make_small_log(folder: Path) -> SmallLog:
    simulate(SimulationConfig(staff=40, days=25, seed=5, warm_up_days=3), folder)
    labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
    people = {label["actor"] for label in labels}
    people = set(sorted(people)[:PEOPLE])
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["actor"]["id"] in people]
    for place in range(300, len(kept), 900):
        kept[place] = kept[place][:40] + "\n"  # a torn line, every now and then
    events = folder / "small.jsonl"
    events.write_text("".join(kept))
    return SmallLog(folder, events, folder / "roster.csv", folder / "honey.txt", folder / "labels.jsonl")


def feed_of(config: Config, tokens: Tokens, letters: Path, clock: Callable[[], float] = no_clock) -> Feed:
    """A feed of a log of files, with state where the configuration names any."""
    home = Home(config.state) if config.state.kept else None
    try:
        return Feed(config, Keeper(Setting(config, tokens, read_context(config, tokens), home, clock), SHARD, letters))
    except BaseException:
        if home is not None:
            home.close()
        raise


def close_feed(feed: Feed) -> None:
    feed.close()
    if feed.keeper._setting.home is not None:
        feed.keeper._setting.home.close()
