"""Priors of a bundle: named arrays, in an archive that NumPy can read as well."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from numpy.typing import NDArray

from models.bundles.archive import NAME, packed, unpacked
from models.bundles.arrays import array_of, npy
from models.errors import BundleError

MOST_ARRAYS: Final = 4096
SUFFIX: Final = ".npy"


def packed_priors(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """`arrays`, which hold numbers or texts, as the member `priors.npz`; `np.load` reads it.

    Raises:
        BundleError: a name is none for a member, or an array holds objects.
    """
    for name in arrays:
        if not NAME.match(name + SUFFIX):
            raise BundleError(f"priors cannot have the name {name!r}: use letters, digits, '_', '.', '-' and '[]'")
    return packed({name + SUFFIX: npy(array) for name, array in arrays.items()})


def read_priors(body: bytes, what: str) -> Mapping[str, NDArray[Any]]:
    """The arrays that `packed_priors` packed, not to be written to; BundleError for anything else."""
    members = unpacked(body, what, MOST_ARRAYS)
    for name in members:
        if not name.endswith(SUFFIX):
            raise BundleError(f"{name} in {what} is no array: do not use it")
    return MappingProxyType(
        {name.removesuffix(SUFFIX): array_of(member, f"{name} in {what}") for name, member in members.items()}
    )
