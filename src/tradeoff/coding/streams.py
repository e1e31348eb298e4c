"""Streams of symbols: many short lanes side by side, so that NumPy can decode all of them in step.

Symbol ``i`` of a stream with ``L`` lanes stands in lane ``i % L``. A stream is written as what it needs to be decoded
(its table, and how many bits each lane has) and its lanes' bits, one lane after the other without gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding import ans, huffman
from tradeoff.coding.bits import Damaged, Reader, Writer, packed, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

EMPTY, CONSTANT, HUFFMAN, ANS = range(4)
CODERS: Final = ("empty", "constant", "huffman", "ans")
#: What may be asked for.
CHOICES: Final = ("auto", "huffman", "ans")
#: The symbols that a stream may have.
MOST_SYMBOLS: Final = 1 << 16
#: A lane has so many symbols, and as many more as it takes to have this many bits: each lane costs a byte or two.
_LANE_SYMBOLS: Final = 1024
_LANE_BITS: Final = 4096
#: Huffman's words are decoded sooner; with their lanes they are then within one per cent of the entropy.
_NEAR: Final = 1.007
_LONGEST_LANE: Final = 1 << 13


@dataclass(frozen=True)
class Stream:
    """A coded stream.

    :param data: all of it.
    :param body: how many bytes of it are the coded symbols, their lanes' lengths included, without the table.
    :param bound: the entropy of its symbols, in bytes: no code for each symbol by itself can be smaller.
    :param coder: an index into :data:`CODERS`.
    """

    data: bytes
    body: int
    bound: float
    coder: int


def entropy_bytes(counts: Integers) -> float:
    """What symbols with these frequencies take at least, each coded for itself."""
    import numpy as np

    used = counts[counts > 0].astype(np.float64)
    if len(used) < 2:
        return 0.0
    return float((used * (np.log2(used.sum()) - np.log2(used))).sum()) / 8


def encode(symbols: Integers, alphabet: int, choice: str = "auto") -> Stream:
    """Code ``symbols``, numbers below ``alphabet``, by the coder that ``choice`` says."""
    import numpy as np

    if not len(symbols):
        return Stream(bytes([EMPTY]), 0, 0.0, EMPTY)
    counts = np.bincount(symbols, minlength=alphabet)
    head = Writer()
    if counts.max() == len(symbols):
        head.append(CONSTANT)
        head.number(len(symbols))
        head.number(int(symbols[0]))
        return Stream(bytes(head), 0, 0.0, CONSTANT)
    bound = entropy_bytes(counts)
    coder, table = _chosen(counts, choice)
    head.append(coder)
    head.number(len(symbols))
    head.number(alphabet)
    lanes = _lanes(len(symbols), 8 * bound)
    body = Writer()
    if coder == HUFFMAN:
        lengths = table
        head += huffman.write_lengths(lengths)
        _write(body, _rows(symbols, lanes), huffman.code_words(lengths), lengths)
    else:
        power, shares = table
        head.append(power)
        head.block(ans.write_shares(shares))
        bits, widths, states = ans.encoded(_rows(symbols, lanes), shares, power)
        bits, widths = np.vstack([states[None], bits]), np.vstack([np.full_like(states[None], power), widths])
        _write_lanes(body, bits, widths)
    return Stream(bytes(head + body), len(body), bound, coder)


def _chosen(counts: Integers, choice: str) -> tuple[int, Any]:
    """The coder with its table: Huffman's where it is near the entropy, and else the one that makes less of it."""
    lengths = huffman.code_lengths(counts)
    words = float((counts * lengths).sum()) / 8
    best = words + len(huffman.write_lengths(lengths))
    near = choice == "auto" and words <= _NEAR * entropy_bytes(counts)
    if choice == "huffman" or near or len(counts) > ans.MOST_SYMBOLS:
        return HUFFMAN, lengths
    found: tuple[int, Any] = (HUFFMAN, lengths)
    for power in ans.POWERS:
        if (counts > 0).sum() << 1 > 1 << power:
            continue
        shares = ans.shares(counts, power)
        size = ans.bits_needed(counts, shares, power) / 8 + len(ans.write_shares(shares)) + 4
        if size < best or (choice == "ans" and found[0] == HUFFMAN):
            best, found = size, (ANS, (power, shares))
    return found


def _lanes(count: int, bits: float) -> int:
    steps = _LANE_SYMBOLS
    while steps * bits < _LANE_BITS * count and steps < _LONGEST_LANE:
        steps <<= 1
    return -(-count // steps)


def _rows(symbols: Integers, lanes: int) -> NDArray[np.int64]:
    """As many columns as lanes; -1 where there is no symbol any more."""
    import numpy as np

    steps = -(-len(symbols) // lanes)
    rows = np.full(steps * lanes, -1, np.int64)
    rows[: len(symbols)] = symbols
    return rows.reshape(steps, lanes)


def _write(body: Writer, rows: Integers, words: Integers, lengths: Integers) -> None:
    import numpy as np

    there = rows >= 0
    _write_lanes(body, np.where(there, words[rows], 0), np.where(there, lengths[rows], 0))


def _write_lanes(body: Writer, bits: Integers, widths: Integers) -> None:
    """How many lanes there are, the least number of bits that one has, what each has beyond that, and all bits."""
    import numpy as np

    each = widths.sum(axis=0)
    least = int(each.min())
    width = int(each.max() - least).bit_length()
    body.number(len(each))
    body.number(least)
    body.append(width)
    body += packed(each - least, np.full(len(each), width))
    body += packed(bits.T.reshape(-1), widths.T.reshape(-1))


@dataclass(frozen=True)
class Coded:
    """A stream that was read and is still to be decoded.

    :param count: of its symbols.
    :param coder: an index into :data:`CODERS`.
    :param table: of Huffman's: entries; of ANS: a :class:`tradeoff.coding.ans.Decoding`; of a constant: its symbol.
    :param power: the table's size as a power of two.
    :param alphabet: one more than the largest symbol that may come.
    :param lanes: how many bits each lane has.
    :param data: the lanes.
    """

    count: int
    coder: int
    table: Any = None
    power: int = 0
    alphabet: int = 1
    lanes: Any = None
    data: bytes = b""

    @property
    def steps(self) -> int:
        """Symbols of the longest lane."""
        return -(-self.count // len(self.lanes))


def read(reader: Reader, most: int) -> Coded:
    """A stream of at most so many symbols; nothing is decoded yet."""
    coder = reader.number(ANS)
    if coder == EMPTY:
        return Coded(0, EMPTY)
    count = reader.number(most)
    if not count:
        raise Damaged("a stream of no symbols is not said to be empty")
    if coder == CONSTANT:
        symbol = reader.number(MOST_SYMBOLS - 1)
        return Coded(count, CONSTANT, symbol, alphabet=symbol + 1)
    alphabet = reader.number(MOST_SYMBOLS)
    if coder == HUFFMAN:
        lengths = huffman.read_lengths(reader, alphabet)
        table: Any = huffman.decoding_table(lengths)
        power = int(lengths.max())
    else:
        power = reader.number(max(ans.POWERS))
        table = ans.decoding_table(ans.read_shares(reader, alphabet, power), power)
    return Coded(count, coder, table, power, alphabet, *_read_lanes(reader, count))


def _read_lanes(reader: Reader, count: int) -> tuple[Any, bytes]:
    lanes = reader.number(count)
    if not lanes:
        raise Damaged("a stream has no lanes")
    least = reader.number()
    width = reader.number(40)
    each = unpacked(reader.take((width * lanes + 7) // 8), width, lanes) + least
    return each, reader.take((int(each.sum()) + 7) // 8)
