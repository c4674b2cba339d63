"""What can go wrong at the door, in words.

```
StreamError              everything below
├── SourceError          an input cannot be opened, read or resumed
├── FormatError          an unknown format was asked for
│   └── MappingError     a mapping file cannot be used; carries the file and the key
├── TokenError           the key that turns identifiers into tokens cannot be used
└── DeadLetterError      the file of rejected records cannot be written or read
```

A bad *record* is never an error: it is a `Rejected`, and the stream goes on.
"""

from __future__ import annotations


class StreamError(Exception):
    """Anything that stops a stream; the message says what, where, and what to do."""


class SourceError(StreamError):
    """An input cannot be opened, read or resumed."""


class FormatError(StreamError):
    """No such format."""


class MappingError(FormatError):
    """A mapping file cannot be used: `file` and `key` say which line to mend."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")
        self.file = file
        self.key = key


class TokenError(StreamError):
    """The token key is missing, short, or readable by others."""


class DeadLetterError(StreamError):
    """The dead letters cannot be written or read."""
