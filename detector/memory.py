"""Giving memory back to the system."""

import ctypes
import gc


def give_back() -> None:
    """Free what nobody refers to, and return it to the system where the C library can (glibc's ``malloc_trim``).

    A shard and its keeper refer to each other, so that only the collector frees them; and what numpy has freed the
    allocator keeps, which a process that takes and lets go of shards for weeks would feel.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return  # another C library
