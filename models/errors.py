"""Everything this room raises on purpose.

```
ModelError
├── InputError       an array or a parameter handed to a model breaks its contract
└── SnapshotError    a snapshot is not this model's, not this version's, or damaged
```
"""


class ModelError(Exception):
    """The root of the family; the message says what, where and what to do."""


class InputError(ModelError, ValueError):
    """A shape, an index, a value or a parameter is outside the documented bounds."""


class SnapshotError(ModelError, ValueError):
    """A snapshot cannot be restored into this model; the model is as it was before."""
