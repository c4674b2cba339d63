"""State that is not numbers, kept among arrays: MessagePack as bytes."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


def packed_values(value: Any) -> NDArray[np.uint8]:
    """Plain values as an array of bytes; infinities are kept.

    >>> unpacked_values(packed_values({"watermark": float("-inf"), "ids": ["a"]}))
    {'watermark': -inf, 'ids': ['a']}
    """
    return np.frombuffer(msgspec.msgpack.encode(value), np.uint8)


def unpacked_values(array: NDArray[np.uint8]) -> Any:
    """What ``packed_values`` packed."""
    return msgspec.msgpack.decode(array.tobytes())
