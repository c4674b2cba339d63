"""Everything this room raises on purpose.

```
AlertsError
├── ContractError        a value handed to this room breaks its contract
├── SnapshotError        a condenser's snapshot cannot be restored
├── LinesError           a file of alerts cannot be written, or a line of it cannot be read
├── IncidentError        an incident cannot be changed as was asked
│   └── ChangedError         somebody was faster
├── AccessError          a token cannot be given as was asked
├── RegistryError        a bundle cannot be used as was asked
│   └── OvertakenError       somebody was faster
├── ReceiverError        a receiver's configuration or secret cannot be used
├── RefusedError         what a sender says is not taken
│   ├── ForgedError          nobody who knows its secret has sent it
│   ├── StaleError           it was sent too long ago, or is not yet
│   └── MalformedError       it cannot be read
└── StoreError           the database cannot do what was asked; nothing was half written
    ├── UnavailableError     the database is away or busy; doing the same again later is harmless
    ├── StaleOwnerError      the shard has a newer owner
    ├── UnknownSnapshotError no snapshot of the shard has this name
    ├── UnknownContextError  no context has this digest
    ├── UnknownBundleError   no bundle has this name or digest
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


class IncidentError(AlertsError, ValueError):
    """An incident's state does not allow what was asked."""


class ChangedError(IncidentError):
    """An incident is not any more as whoever acts has seen it."""


class AccessError(AlertsError, ValueError):
    """A token cannot be given: its name is taken, reserved or none."""


class RegistryError(AlertsError, ValueError):
    """A bundle's role, owner or name does not allow what was asked."""


class OvertakenError(RegistryError):
    """Somebody has done something with a bundle since whoever acts has looked."""


class ReceiverError(AlertsError, ValueError):
    """A receiver cannot be used as it is configured; the message never repeats a secret."""


class RefusedError(AlertsError, ValueError):
    """What came in is not taken; nothing was changed. The message repeats nothing of it."""


class ForgedError(RefusedError):
    """No signature or secret of the sender is with it."""


class StaleError(RefusedError):
    """The time that it gives is too far from now."""


class MalformedError(RefusedError):
    """It is not in the sender's form."""


class StoreError(AlertsError):
    """The database is full, damaged, foreign or missing, or refuses; the last transaction did not happen."""


class UnavailableError(StoreError):
    """The database is locked, restarting, out of reach, or cut the connection.

    Whether the last transaction happened is not known. Doing the same again is harmless either way, and the
    store works again, without being opened anew, once the database does.
    """


class StaleOwnerError(StoreError):
    """Another owner has acquired the shard since; this one must stop."""


class UnknownSnapshotError(StoreError, LookupError):
    """The store holds no snapshot of this shard and name."""


class UnknownContextError(StoreError, LookupError):
    """The store holds no context of this digest."""


class UnknownBundleError(StoreError, LookupError):
    """The store holds no bundle of this name or digest, or several."""


class UnknownAlertError(StoreError, LookupError):
    """No alert in the store begins with the id."""


class AmbiguousAlertError(StoreError, LookupError):
    """More than one alert in the store begins with the id."""
