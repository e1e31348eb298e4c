"""Canonical Huffman codes with a longest length, and the table that decodes them.

A code is told by the lengths of its words alone: words of one length are consecutive numbers, in the order of their
symbols, and follow those of the next shorter length.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding.bits import Damaged, Reader, Writer, packed, unpacked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

#: The longest word of any code: its table has 2 to the power of this entries.
LONGEST: Final = 20
_SHORTEST_LIMIT: Final = 12
#: In an entry of the table, the bits of the word's length.
LENGTH_BITS: Final = 5
_PLAIN, _DEFLATED = 0, 1


def limit_for(symbols: int) -> int:
    """The longest word that a code of so many symbols may have; a few bits above what equal words would need."""
    return min(LONGEST, max(_SHORTEST_LIMIT, symbols.bit_length() + 4))


def code_lengths(counts: Integers) -> NDArray[np.int64]:
    """The length of each symbol's word; 0 for a symbol that does not occur. At least two have to occur.

    Where the best code has too long a word, rare symbols are counted as more frequent than they are, until it fits.
    """
    import numpy as np

    limit = limit_for(len(counts))
    used = np.flatnonzero(counts)
    order = used[np.argsort(counts[used], kind="stable")]
    weights = counts[order].astype(np.int64)
    depths = _depths(weights.tolist())
    while max(depths) > limit:
        weights = (weights + 1) >> 1
        depths = _depths(weights.tolist())
    lengths = np.zeros(len(counts), np.int64)
    lengths[order] = depths
    return lengths


def _depths(weights: list[int]) -> list[int]:
    """Of the leaves of Huffman's tree, for weights in rising order: joined nodes come in rising order as well."""
    leaves = len(weights)
    nodes = list(weights)
    parents = [0] * (2 * leaves - 1)
    leaf, joined = 0, leaves
    for parent in range(leaves, 2 * leaves - 1):
        total = 0
        for _ in range(2):
            if leaf < leaves and (joined >= parent or nodes[leaf] <= nodes[joined]):
                total, parents[leaf], leaf = total + nodes[leaf], parent, leaf + 1
            else:
                total, parents[joined], joined = total + nodes[joined], parent, joined + 1
        nodes.append(total)
    depths = [0] * (2 * leaves - 1)
    for node in range(2 * leaves - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return depths[:leaves]


def code_words(lengths: Integers) -> NDArray[np.int64]:
    """The canonical code's words."""
    import numpy as np

    longest = int(lengths.max())
    order = np.lexsort((np.arange(len(lengths)), lengths))
    order = order[lengths[order] > 0]
    steps = np.int64(1) << (longest - lengths[order].astype(np.int64))
    words = np.zeros(len(lengths), np.int64)
    words[order] = (np.cumsum(steps) - steps) >> (longest - lengths[order])
    return words


def decoding_table(lengths: Integers) -> NDArray[np.int32]:
    """For each number of as many bits as the longest word has: the symbol it begins with, and that word's length."""
    import numpy as np

    longest = int(lengths.max())
    order = np.lexsort((np.arange(len(lengths)), lengths))
    order = order[lengths[order] > 0]
    repeats = np.int64(1) << (longest - lengths[order].astype(np.int64))
    if repeats.sum() != 1 << longest:
        raise Damaged("the lengths of a Huffman code do not make one")
    entries = (order << LENGTH_BITS) | lengths[order]
    return np.repeat(entries, repeats).astype(np.int32)


def write_lengths(lengths: Integers) -> bytes:
    """The lengths in as few bits each as the longest needs, or deflated where that is smaller."""
    import numpy as np

    width = int(lengths.max()).bit_length()
    plain = packed(lengths, np.full(len(lengths), width))
    deflated = deflate(lengths.astype(np.uint8).tobytes())
    written = Writer()
    if len(deflated) + 1 < len(plain):
        written.append(_DEFLATED)
        written.block(deflated)
    else:
        written.append(_PLAIN | width << 1)
        written += plain
    return bytes(written)


def read_lengths(reader: Reader, symbols: int) -> NDArray[np.int64]:
    """Of a code of so many symbols."""
    import numpy as np

    kind = reader.number()
    if kind & 1 == _DEFLATED:
        found = np.frombuffer(inflate(reader.block(), symbols), np.uint8).astype(np.int64)
    else:
        width = kind >> 1
        found = unpacked(reader.take((width * symbols + 7) // 8), width, symbols)
    if not 0 < found.max() <= LONGEST:
        raise Damaged("a Huffman code has words that are too long, or none")
    return found


def deflate(data: bytes) -> bytes:
    """Without the header and the checksum of zlib: there is one of the whole container."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return squeezer.compress(data) + squeezer.flush()


def inflate(data: bytes, size: int) -> bytes:
    """What :func:`deflate` was given, which had that size."""
    opener = zlib.decompressobj(-15)
    try:
        found = opener.decompress(data, size + 1)
    except zlib.error as error:
        raise Damaged(f"a deflated part cannot be read: {error}") from error
    if len(found) != size or not opener.eof or opener.unused_data:
        raise Damaged(f"a deflated part has not the size it should have, {size}")
    return found
