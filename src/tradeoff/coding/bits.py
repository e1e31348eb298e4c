"""Numbers as bits, the highest first, and small numbers as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

_LONGEST: Final = 9


class Damaged(BadInput):
    """A container that is cut short, was changed, or was never one."""


def packed(values: Integers, widths: Integers) -> bytes:
    """Each value in its own number of bits, 32 at most, one after the other; the last byte is filled with zeros."""
    import numpy as np

    if not len(values):
        return b""
    ends = np.cumsum(widths, dtype=np.int64)
    starts = ends - widths
    shifts = (64 - (starts & 31) - widths).astype(np.uint64)
    # A shift by 64 is of a value without bits, where 63 does the same.
    placed = values.astype(np.uint64) << np.minimum(shifts, np.uint64(63))
    words = starts >> 5
    count = int(ends[-1] >> 5) + 2
    # Sums below 2 to the power of 32 are exact as floats.
    high = np.bincount(words, weights=(placed >> np.uint64(32)).astype(np.float64), minlength=count)
    low = np.bincount(words + 1, weights=(placed & np.uint64(0xFFFFFFFF)).astype(np.float64), minlength=count)
    whole = (high + low[:count]).astype(np.uint64).astype(">u4").tobytes()
    return whole[: (int(ends[-1]) + 7) // 8]


def unpacked(data: bytes, width: int, count: int) -> NDArray[np.int64]:
    """Numbers that all have the same width."""
    import numpy as np

    if not width:
        return np.zeros(count, np.int64)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=width * count).reshape(count, width)
    weights: NDArray[np.int64] = np.int64(1) << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits @ weights


class Writer(bytearray):
    """Bytes that grow by numbers, texts and blocks."""

    def number(self, value: int) -> None:
        """Seven bits to a byte, the lowest first; the top bit says that more follow."""
        while value > 0x7F:
            self.append(value & 0x7F | 0x80)
            value >>= 7
        self.append(value)

    def block(self, data: bytes) -> None:
        """Bytes with their length before them."""
        self.number(len(data))
        self += data


class Reader:
    """Reads what :class:`Writer` wrote; whatever leads out of the data is an error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self, most: int | None = None) -> int:
        """A number, which may not be above ``most``."""
        value = 0
        for count in range(_LONGEST):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if most is not None and value > most:
                    raise Damaged(f"a number is {value}, and {most} is the most that makes sense there")
                return value
        raise Damaged("a number has no end")

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if count > len(self._data) - self._place:
            raise Damaged("it is cut short")
        self._place += count
        return self._data[self._place - count : self._place]

    def block(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.number())

    def end(self) -> None:
        """Nothing may be left."""
        if self._place != len(self._data):
            raise Damaged(f"{len(self._data) - self._place} bytes stand behind its end")
