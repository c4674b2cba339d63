"""How events arrive: sources give records, formats make AccessEvents, the guard keeps time honest."""

from streams.deadletters import DeadLetters, DeadLetterSource, Letter, count_letters, read_letters, rejected_of
from streams.errors import DeadLetterError, FormatError, MappingError, SourceError, StreamError, TokenError
from streams.event import AccessEvent, Actor, Data, Records, Resource, Session, Src
from streams.formats.explain import Explained, explain_mapping
from streams.formats.format import Format, FormatCounts
from streams.formats.mapped import MappedFormat
from streams.formats.mapping import Mapping, load_mapping
from streams.formats.native import NativeFormat
from streams.formats.table import FORMATS, open_format
from streams.guard import Admitted, Guard, GuardConfig
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.chain import open_sources
from streams.sources.follow import Follow
from streams.sources.framing import Framing
from streams.sources.source import Source
from streams.sources.stdin import STDIN
from streams.tokens import OTHERS, Tokens, load_key, load_or_create_key

__all__ = [
    "FORMATS",
    "OTHERS",
    "STDIN",
    "AccessEvent",
    "Actor",
    "Admitted",
    "Data",
    "DeadLetterError",
    "DeadLetterSource",
    "DeadLetters",
    "Explained",
    "Follow",
    "Format",
    "FormatCounts",
    "FormatError",
    "Framing",
    "Guard",
    "GuardConfig",
    "Letter",
    "MappedFormat",
    "Mapping",
    "MappingError",
    "NativeFormat",
    "Position",
    "Reason",
    "Record",
    "Records",
    "Rejected",
    "Resource",
    "Session",
    "Source",
    "SourceError",
    "Src",
    "StreamError",
    "TokenError",
    "Tokens",
    "count_letters",
    "explain_mapping",
    "load_key",
    "load_mapping",
    "load_or_create_key",
    "open_format",
    "open_sources",
    "read_letters",
    "rejected_of",
]
