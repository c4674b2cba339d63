"""Everything this room raises on purpose.

```
ModelError
├── InputError       an array or a parameter handed to a model breaks its contract
├── SnapshotError    a snapshot is not this model's, not this version's, or damaged
└── BundleError      a bundle, or a key for one, is not what it should be: damaged, foreign, unsigned, hostile
```
"""


class ModelError(Exception):
    """The root of the family; the message says what, where and what to do."""


class InputError(ModelError, ValueError):
    """A shape, an index, a value or a parameter is outside the documented bounds."""


class SnapshotError(ModelError, ValueError):
    """A snapshot cannot be restored into this model; the model is as it was before."""


class BundleError(ModelError, ValueError):
    """A bundle cannot be sealed or opened, or a key for one not read; nothing of it was executed."""
