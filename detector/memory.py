"""Giving memory back to the system."""

import ctypes
import gc
from typing import Final

MMAP_THRESHOLD: Final = -3
"""glibc's ``M_MMAP_THRESHOLD``, a parameter of ``mallopt``."""
MAPPED_BYTES: Final = 1 << 20
"""Above the arrays of a batch, below the filters and tables of a shard."""


def map_large_arrays() -> None:
    """Give the large arrays of shards pages of their own, which return to the system when they are freed.

    glibc raises its threshold for that whenever such an array is freed, up to 32 MiB; from then on what stays of one
    shard pins the space that another leaves on the heap, and each shard that comes and goes costs some megabytes.
    """
    _ask_libc("mallopt", MMAP_THRESHOLD, MAPPED_BYTES)


def give_back() -> None:
    """Free what nobody refers to, and return it to the system where the C library can (glibc's ``malloc_trim``).

    A shard and its keeper refer to each other, so that only the collector frees them; and what numpy has freed the
    allocator keeps, which a process that takes and lets go of shards for weeks would feel.
    """
    gc.collect()
    _ask_libc("malloc_trim", 0)


def _ask_libc(name: str, *numbers: int) -> None:
    try:
        getattr(ctypes.CDLL(None), name)(*numbers)
    except (AttributeError, OSError):
        return  # another C library
