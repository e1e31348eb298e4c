"""Asymmetric numeral systems with a table: close to the entropy where a symbol is worth less than a bit.

A state is a number from 0 up to the table's size. Each has a symbol; a symbol has as many states as its share of the
table. To decode is to look up the state's symbol, and to make the next state of the entry and of some more bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding.bits import Damaged, Reader, packed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

#: The sizes of tables that are tried, as powers of two.
POWERS: Final = (8, 10, 12, 14)
#: More symbols than this are Huffman's business.
MOST_SYMBOLS: Final = 4096
#: In an entry of the table, the bits of the number of bits to read.
LENGTH_BITS: Final = 5


@dataclass(frozen=True)
class Decoding:
    """What decoding looks up, for each state.

    :param symbols: the state's symbol.
    :param entries: the next state without the bits that are read, and how many these are.
    """

    symbols: NDArray[np.uint16]
    entries: NDArray[np.int32]


def shares(counts: Integers, power: int) -> NDArray[np.int64]:
    """Of a table with 2 to the ``power`` of states, near the counts; a symbol that occurs has one at least."""
    import numpy as np

    size, total = 1 << power, int(counts.sum())
    wanted = counts.astype(np.float64) * size / total
    found = np.where(counts > 0, np.maximum(1, np.rint(wanted)), 0).astype(np.int64)
    while (missing := size - int(found.sum())) != 0:
        step = 1 if missing > 0 else -1
        able = (counts > 0) if step > 0 else (found > 1)
        # What one state more or less does to the size of the code.
        with np.errstate(divide="ignore"):
            loss = -counts * np.log2(np.maximum(found + step, 1) / np.maximum(found, 1))
        loss = np.where(able, loss, np.inf)
        places = np.argsort(loss, kind="stable")[: max(1, min(abs(missing) // 8, int(able.sum())))]
        found[places] += step
    return found


def bits_needed(counts: Integers, found: Integers, power: int) -> float:
    """About so many bits are all symbols together."""
    import numpy as np

    used = counts > 0
    return float((counts[used] * (power - np.log2(found[used]))).sum())


def _spread(found: Integers, power: int) -> NDArray[np.int64]:
    """The symbol of each state: a symbol's states lie far apart."""
    import numpy as np

    size = 1 << power
    step = (size >> 1) + (size >> 3) + 3
    places = (np.arange(size, dtype=np.int64) * step) & (size - 1)
    symbols = np.empty(size, np.int64)
    symbols[places] = np.repeat(np.arange(len(found)), found)
    return symbols


def decoding_table(found: Integers, power: int) -> Decoding:
    """What :func:`shares` says, as tables."""
    import numpy as np

    symbols = _spread(found, power)
    order = np.argsort(symbols, kind="stable")
    firsts = np.cumsum(found) - found
    numbers = np.empty(len(symbols), np.int64)
    numbers[order] = np.arange(len(symbols)) - firsts[symbols[order]] + found[symbols[order]]
    lengths = power - _floor_log(numbers)
    entries = (((numbers << lengths) - len(symbols)) << LENGTH_BITS) | lengths
    return Decoding(symbols.astype(np.uint16), entries.astype(np.int32))


def encoded(symbols: Integers, found: Integers, power: int) -> tuple[Any, Any, Any]:
    """Of a matrix of symbols, each column for itself: bits and how many, for each symbol, and each column's state.

    -1 stands for no symbol; in the last row alone.
    """
    import numpy as np

    size = 1 << power
    order = np.argsort(_spread(found, power), kind="stable")
    firsts = np.cumsum(found) - found
    most = np.where(found > 0, power - _floor_log(np.maximum(found, 1)), 0)
    bits, widths = np.zeros(symbols.shape, np.int64), np.zeros(symbols.shape, np.int64)
    state = np.full(symbols.shape[1], size, np.int64)
    for row in range(len(symbols) - 1, -1, -1):
        there = symbols[row] >= 0
        now = np.where(there, symbols[row], symbols[0])
        width = most[now]
        width = width - ((state >> width) < found[now])
        bits[row] = np.where(there, state & ((1 << width) - 1), 0)
        widths[row] = np.where(there, width, 0)
        state = np.where(there, size + order[firsts[now] + (state >> width) - found[now]], state)
    return bits, widths, state - size


def _floor_log(numbers: Integers) -> NDArray[np.int64]:
    import numpy as np

    return np.asarray(np.frexp(numbers.astype(np.float64))[1] - 1, np.int64)


def write_shares(found: Integers) -> bytes:
    """Each share, plus one, as its binary digits behind as many zeros, less one."""
    import numpy as np

    values = found.astype(np.int64) + 1
    return packed(values, 2 * _floor_log(values) + 1)


def read_shares(reader: Reader, symbols: int, power: int) -> NDArray[np.int64]:
    """What :func:`write_shares` wrote in a block."""
    import numpy as np

    text = "".join(f"{byte:08b}" for byte in reader.block())
    found, place = [], 0
    for _ in range(symbols):
        first = text.find("1", place)
        end = 2 * first - place + 1
        if first < 0 or end > len(text) or first - place > power:
            raise Damaged("the shares of a table are cut short")
        found.append(int(text[first:end], 2) - 1)
        place = end
    if sum(found) != 1 << power or "1" in text[place:] or len(text) - place > 7:
        raise Damaged("the shares of a table do not fill it")
    return np.array(found, np.int64)
