"""An engine that has read a log to its end."""

from contextlib import closing
from dataclasses import replace

from detector.config import Config
from detector.context import read_context
from detector.engine import Engine
from detector.feed import Feed
from detector.keeper import Keeper, Setting
from detector.replaying import NoLetters
from detector.shard import SHARD
from models.bundles import Bundle
from streams import Tokens
from tests.detector.small import KEY


def fed(config: Config, champion: Bundle | None = None, challenger: Bundle | None = None) -> Engine:
    """The engine of the log that the configuration names, judged by a champion, at its end."""
    tokens = Tokens(KEY)
    context = replace(read_context(config, tokens), champion=champion, challenger=challenger)
    keeper = Keeper(Setting(config, tokens, context, letters=NoLetters()), SHARD)
    with closing(Feed(config, keeper)) as feed:
        while not feed.finished:
            feed.advance()
        keeper.conclude(None)
        return keeper.shard.engine
