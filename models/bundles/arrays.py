"""Arrays as members: NumPy's own format, read by its header and never by pickle."""

import io
import math
import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import BundleError

KINDS: Final = "biufUV"
"""Of numbers, texts and records of numbers; what is left out holds objects or has no use here."""

MOST_HEADER: Final = 4096
MOST_AXES: Final = 8
MOST_LENGTH: Final = 2**26


def npy(array: NDArray[Any]) -> bytes:
    """`array` in NumPy's format; BundleError when it holds objects."""
    target = io.BytesIO()
    try:
        np.lib.format.write_array(target, np.ascontiguousarray(array) if array.ndim else array, (1, 0), False)
    except ValueError as error:
        raise BundleError(f"an array of {array.dtype} cannot be kept ({error}): give numbers or texts") from error
    return target.getvalue()


def array_of(body: bytes, what: str) -> NDArray[Any]:
    """The array that `npy` wrote, not to be written to.

    The header is believed only if it speaks of exactly the bytes that follow, so nothing is allocated on its word.

    Raises:
        BundleError: it is none, holds objects, or says another size than it has.
    """
    source = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(source)
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(source, max_header_size=MOST_HEADER)
    except Exception as error:  # whatever NumPy's parser of headers meets
        raise BundleError(f"{what} is no array that NumPy reads ({_short(error)}): do not use it") from error
    if version != (1, 0):
        raise BundleError(f"{what} is an array in NumPy's format {version}, which was not written here: do not use it")
    if dtype.hasobject:
        raise BundleError(f"{what} is an array of objects, which could only be read by executing it: do not use it")
    if dtype.kind not in KINDS or not dtype.isnative or dtype.itemsize == 0 or (dtype.kind == "V" and not dtype.names):
        raise BundleError(f"{what} is an array of {dtype}, which nothing here has a use for: do not use it")
    rest = len(body) - source.tell()
    possible = len(shape) <= MOST_AXES and all(0 <= length <= MOST_LENGTH for length in shape)
    if not possible or math.prod(shape) * dtype.itemsize != rest:
        raise BundleError(
            f"{what} says that it is an array of {dtype}{list(shape)}, but has {rest} bytes: do not use it"
        )
    array = np.frombuffer(body, dtype, offset=source.tell())
    if dtype.kind == "U" and array.size and array.view(np.uint32).max() > sys.maxunicode:
        raise BundleError(f"{what} holds what are no letters: do not use it")
    return array.reshape(shape, order="F" if by_column else "C")


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
