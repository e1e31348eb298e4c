"""Decoding: thousands of lanes at once, one symbol of each in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding import ans, huffman
from tradeoff.coding.bits import Damaged
from tradeoff.coding.streams import ANS, CONSTANT, EMPTY, HUFFMAN, Coded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

#: Lanes that are decoded together: enough to keep NumPy busy, few enough to stay in the processor's caches.
_LANES: Final = 2048
#: Symbols that are decoded together, which bounds the memory that this takes.
_SYMBOLS: Final = 1 << 21
_LENGTH: Final = (1 << huffman.LENGTH_BITS) - 1
_ALL: Final = 64


@dataclass(frozen=True)
class _Piece:
    """Some lanes of one stream.

    :param number: of the stream.
    :param first: the first of the lanes.
    :param lanes: how many.
    :param place: the bit at which the first of them begins, in its stream.
    """

    number: int
    stream: Coded
    first: int
    lanes: int
    place: int


def decode(streams: Sequence[Coded]) -> list[NDArray[np.uint16]]:
    """The symbols of each stream. Lanes of all streams go together, so many small ones take no longer than one."""
    import numpy as np

    found: list[Any] = [np.empty(0, np.uint16)] * len(streams)
    for number, stream in enumerate(streams):
        if stream.coder == CONSTANT:
            found[number] = np.full(stream.count, stream.table, np.uint16)
        elif stream.coder != EMPTY:
            found[number] = np.empty((stream.steps, len(stream.lanes)), np.uint16)
    for coder in (HUFFMAN, ANS):
        chosen = [(number, stream) for number, stream in enumerate(streams) if stream.coder == coder]
        for pieces in _batches(chosen):
            _decode_batch(pieces, found, coder)
    return [symbols.reshape(-1)[: stream.count] for symbols, stream in zip(found, streams, strict=True)]


def _batches(chosen: Sequence[tuple[int, Coded]]) -> list[list[_Piece]]:
    """Lanes of about the same length together."""
    import numpy as np

    batches: list[list[_Piece]] = []
    lanes = 0
    longest = 1
    for number, stream in sorted(chosen, key=lambda one: -one[1].steps):
        starts = np.cumsum(stream.lanes) - stream.lanes
        first = 0
        while first < len(stream.lanes):
            if not batches or lanes >= min(_LANES, max(1, _SYMBOLS // longest)):
                batches.append([])
                lanes, longest = 0, stream.steps
            room = min(_LANES, max(1, _SYMBOLS // longest)) - lanes
            count = min(room, len(stream.lanes) - first)
            batches[-1].append(_Piece(number, stream, first, count, int(starts[first])))
            lanes, first = lanes + count, first + count
    return batches


def _decode_batch(pieces: Sequence[_Piece], found: list[Any], coder: int) -> None:
    """One batch; ``found`` gets its symbols."""
    import numpy as np

    state = _Walk(pieces)
    begun = 0
    places = np.cumsum([0, *(piece.lanes for piece in pieces)])
    # Streams with longer lanes stand first, so those that still go on are always the first ones.
    for end in sorted({step for piece in pieces for step in (piece.stream.steps - 1, piece.stream.steps)} - {0}):
        going = sum(piece.stream.steps >= end for piece in pieces)
        rows = state.walk(end - begun, int(places[going]), coder)
        for number, piece in enumerate(pieces[:going]):
            part = rows[:, places[number] : places[number + 1]]
            symbols = _symbols(part, piece.stream, state.bases[number])
            found[piece.number][begun:end, piece.first : piece.first + piece.lanes] = symbols
            short = piece.stream.count - (piece.stream.steps - 1) * len(piece.stream.lanes) - piece.first
            lanes = slice(int(places[number]) + max(0, short), int(places[number + 1]))
            if end == piece.stream.steps - 1:
                state.check(lanes)
            elif end == piece.stream.steps:
                state.check(slice(int(places[number]), min(int(places[number + 1]), lanes.start)))
        begun = end


def _symbols(part: Integers, stream: Coded, base: int) -> Integers:
    if stream.coder == HUFFMAN:
        return part >> huffman.LENGTH_BITS
    found: Integers = stream.table.symbols.take(part - base)
    return found


class _Walk:
    """Where each lane is."""

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        import numpy as np

        parts, place = [], 0
        starts, finals, tables, bases = [], [], [], [0]
        for piece in pieces:
            lengths = piece.stream.lanes[piece.first : piece.first + piece.lanes]
            begin, end = piece.place >> 3, (piece.place + int(lengths.sum()) + 7) >> 3
            starts.append(np.cumsum(lengths) - lengths + (piece.place & 7) + 8 * place)
            finals.append(starts[-1] + lengths)
            parts.append(piece.stream.data[begin:end])
            place += end - begin
            tables.append(_table(piece.stream, bases[-1]))
            bases.append(bases[-1] + len(tables[-1]))
        lanes = [piece.lanes for piece in pieces]
        powers = np.array([piece.stream.power for piece in pieces])
        self.bases = bases
        self._words = _windows(b"".join(parts))
        self._places = np.concatenate(starts)
        self._finals = np.concatenate(finals)
        self._tables = np.concatenate(tables)
        self._base = np.repeat(np.array(bases[:-1]), lanes)
        self._shift = np.repeat((64 - powers).astype(np.uint64), lanes)
        #: Symbols that 57 bits hold in any case.
        self._between = 57 // int(powers.max())
        self._states: Any = None

    def check(self, lanes: slice) -> None:
        """After its last symbol each lane has to be where it ends."""
        if (self._places[lanes] != self._finals[lanes]).any():
            raise Damaged("a lane does not end where it should")

    def walk(self, steps: int, lanes: int, coder: int) -> Any:
        """So many symbols of each of the first lanes: entries of Huffman's tables, or states of ANS."""
        import numpy as np

        rows = np.empty((steps, lanes), np.int64)
        places, index, length = self._places[:lanes], np.empty(lanes, np.int64), np.empty(lanes, np.int64)
        window, low = np.empty(lanes, np.uint64), np.empty(lanes, np.uint64)
        if coder == ANS and self._states is None:
            self._states = self._first_states()
        for begin in range(0, steps, self._between):
            np.right_shift(places, 3, out=index)
            np.take(self._words, index, out=window, mode="clip")
            np.bitwise_and(places, 7, out=low.view(np.int64))
            np.left_shift(window, low, out=window)
            if coder == HUFFMAN:
                self._huffman(rows[begin : begin + self._between], window, index, length)
            else:
                self._ans(rows[begin : begin + self._between], window, index, length)
        return rows

    def _huffman(self, rows: Any, window: Any, index: Any, length: Any) -> None:
        import numpy as np

        lanes = rows.shape[1]
        places, base, shift = self._places[:lanes], self._base[:lanes], self._shift[:lanes]
        several = bool(base[-1])
        number, width = index.view(np.uint64), length.view(np.uint64)
        for row in rows:
            np.right_shift(window, shift, out=number)
            if several:
                np.add(index, base, out=index)
            np.take(self._tables, index, out=row, mode="clip")
            np.bitwise_and(row, _LENGTH, out=length)
            np.left_shift(window, width, out=window)
            np.add(places, length, out=places)

    def _first_states(self) -> Any:
        import numpy as np

        window = self._words.take(self._places >> 3, mode="clip") << (self._places & 7).astype(np.uint64)
        np.add(self._places, 64 - self._shift.view(np.int64), out=self._places)
        return (window >> self._shift).view(np.int64) + self._base

    def _ans(self, rows: Any, window: Any, index: Any, length: Any) -> None:
        import numpy as np

        lanes = rows.shape[1]
        places, states = self._places[:lanes], self._states[:lanes]
        number, width = index.view(np.uint64), length.view(np.uint64)
        rest = np.empty(lanes, np.uint64)
        for row in rows:
            row[:] = states
            np.take(self._tables, row, out=states, mode="clip")
            np.bitwise_and(states, _LENGTH, out=length)
            np.right_shift(states, ans.LENGTH_BITS, out=states)
            # A shift by all 64 bits leaves nothing, as it should where there is nothing to read.
            np.subtract(np.uint64(_ALL), width, out=rest)
            np.right_shift(window, rest, out=number)
            np.left_shift(window, width, out=window)
            np.add(places, length, out=places)
            np.add(states, index, out=states)


def _table(stream: Coded, base: int) -> Any:
    """The entries that decoding looks up, which lie at ``base`` among those of other streams."""
    import numpy as np

    if stream.coder == HUFFMAN:
        return stream.table.astype(np.int64)
    return stream.table.entries.astype(np.int64) + (base << ans.LENGTH_BITS)


def _windows(data: bytes) -> Any:
    """For each byte the 64 bits that begin with it."""
    import numpy as np

    # Unaligned numbers that overlap: NumPy reads them so, and copies them the right way round.
    overlapping = np.ndarray((len(data) + 8,), ">u8", data + bytes(16), strides=(1,))
    return overlapping.astype(np.uint64)
