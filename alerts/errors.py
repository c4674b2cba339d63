"""Everything this room raises on purpose.

```
AlertsError
├── ContractError        a value handed to this room breaks its contract
├── SnapshotError        a condenser's snapshot cannot be restored
├── LinesError           a file of alerts cannot be written, or a line of it cannot be read
└── StoreError           the database cannot do what was asked; nothing was half written
    ├── StaleOwnerError      the shard has a newer owner
    ├── UnknownAlertError    no alert has this id
    └── AmbiguousAlertError  several alerts begin with this id
```
"""


class AlertsError(Exception):
    """The root of the family; the message says what, where and what to do."""


class ContractError(AlertsError, ValueError):
    """A finding, an alert or a configuration breaks its documented bounds."""


class SnapshotError(AlertsError, ValueError):
    """A snapshot of the condenser is of an unknown version or not a snapshot."""


class LinesError(AlertsError):
    """A file of alerts cannot be written or read; the message names the file and the line."""


class StoreError(AlertsError):
    """The database is locked, full, damaged, foreign or missing; the last transaction did not happen."""


class UnavailableError(StoreError):
    """The database is away or busy; whether the transaction happened is not known, and the same may be done again."""


class StaleOwnerError(StoreError):
    """Another owner has acquired the shard since; this one must stop."""


class UnknownAlertError(StoreError, LookupError):
    """No alert in the store begins with the id."""


class AmbiguousAlertError(StoreError, LookupError):
    """More than one alert in the store begins with the id."""
