"""A tensor's bytes as streams of symbols, and back.

Three ways, whichever is smallest: an index into a code book for each element; the same with the most frequent value
left out, and the gaps between the others told; or each byte of the elements as a stream of its own, for floats that
hardly repeat. What no way makes smaller is not coded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding import streams
from tradeoff.coding.bits import Damaged, Reader, Writer
from tradeoff.coding.streams import MOST_SYMBOLS, Coded, Stream, entropy_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.integer[Any]]

DENSE, SPARSE, PLANES = range(3)
STRUCTURES: Final = ("dense", "sparse", "planes")
#: The bytes of an element.
WIDTHS: Final = (1, 2, 4, 8)
_LISTED, _MARKED = 0, 1
#: What is within one per cent of its entropy is near enough.
_NEAR: Final = 1.01
#: Bits of the longest gap that has a symbol.
_FEWEST_GAP_BITS: Final = 2
_MOST_GAP_BITS: Final = 12
#: Nobody's weights are longer; and a number that is would ask for memory that is not there.
MOST_BYTES: Final = 1 << 40


@dataclass(frozen=True)
class CodedTensor:
    """A tensor that was coded.

    :param data: all of it, the code book included.
    :param body: how many bytes of it are coded symbols.
    :param bound: the entropy of its elements, each for itself, in bytes; of its bytes where these are coded apart.
    :param structure: an index into :data:`STRUCTURES`.
    :param coders: of its streams.
    :param distinct: different values.
    """

    data: bytes
    body: int
    bound: float
    structure: int
    coders: tuple[str, ...]
    distinct: int


def encode(data: bytes, width: int, choice: str = "auto") -> CodedTensor | None:
    """Code a tensor's bytes, elements of ``width`` bytes each; ``None`` where that would not make them smaller."""
    import numpy as np

    width = width if width in WIDTHS and len(data) % width == 0 else 1
    if not data:
        return None
    elements = np.frombuffer(data, f"<u{width}")
    values, symbols, counts = np.unique(elements, return_inverse=True, return_counts=True)
    bound = entropy_bytes(counts)
    distinct = len(values)
    found = _by_values(values, symbols, counts, width, choice) if distinct <= MOST_SYMBOLS else None
    if width > 1 and (found is None or len(found[1]) > 0.75 * len(data)):
        planes = _by_planes(data, width, choice)
        if found is None or len(planes[1]) < len(found[1]):
            found, bound = planes, sum(stream.bound for stream in planes[2])
    if found is None or len(found[1]) >= len(data):
        return None
    structure, written, parts = found
    coders = tuple(streams.CODERS[stream.coder] for stream in parts)
    return CodedTensor(bytes(written), sum(stream.body for stream in parts), bound, structure, coders, distinct)


_Way = tuple[int, Writer, Sequence[Stream]]


def _by_values(values: Integers, symbols: Integers, counts: Integers, width: int, choice: str) -> _Way:
    """With every element, or with those alone that are not the most frequent value."""
    import numpy as np

    ways = [_dense(values, symbols, width, choice)]
    most = int(counts.argmax())
    if 4 * counts[most] > len(symbols) and len(values) > 1:
        order = np.concatenate([[most], np.delete(np.arange(len(values)), most)])
        rank = np.argsort(order)
        ways.append(_sparse(values[order], rank[symbols], width, choice))
    bound = entropy_bytes(counts)
    near = [way for way in ways if way[0] == SPARSE and sum(part.body for part in way[2]) <= _NEAR * bound]
    # Gaps are decoded sooner, since there are fewer of them, so being near the bound is enough for them.
    return near[0] if near else min(ways, key=lambda way: len(way[1]))


def _dense(values: Integers, symbols: Integers, width: int, choice: str) -> _Way:
    stream = streams.encode(symbols, len(values), choice)
    written = _head(DENSE, width, values)
    written += stream.data
    return DENSE, written, [stream]


def _sparse(values: Integers, symbols: Integers, width: int, choice: str) -> _Way:
    """``values`` begins with the one that is left out."""
    import numpy as np

    alive = np.flatnonzero(symbols)
    gaps = np.diff(alive, prepend=-1) - 1
    bits = max(_FEWEST_GAP_BITS, min(_MOST_GAP_BITS, int(gaps.mean()).bit_length() + 3))
    # The highest symbol stands for so many elements that are left out, and for no other.
    longest = (1 << bits) - 1
    jumps, rest = np.divmod(gaps, longest)
    told = np.full(len(gaps) + int(jumps.sum()), longest)
    told[np.cumsum(jumps + 1) - 1] = rest
    parts = [
        streams.encode(told, int(told.max()) + 1, choice),
        streams.encode(symbols[alive] - 1, len(values) - 1, choice),
    ]
    written = _head(SPARSE, width, values)
    written.append(bits)
    for part in parts:
        written += part.data
    return SPARSE, written, parts


def _by_planes(data: bytes, width: int, choice: str) -> _Way:
    """A plane that no code makes smaller stands as it is."""
    import numpy as np

    planes = np.frombuffer(data, np.uint8).reshape(-1, width)
    written, parts = _head(PLANES, width, None), list[Stream]()
    for number in range(width):
        plane = np.ascontiguousarray(planes[:, number])
        stream = streams.encode(plane, 256, choice)
        written.append(int(len(stream.data) < len(plane)))
        if len(stream.data) >= len(plane):
            stream = Stream(plane.tobytes(), len(plane), stream.bound, streams.EMPTY)
        written += stream.data
        parts.append(stream)
    return PLANES, written, parts


def _head(structure: int, width: int, values: Integers | None) -> Writer:
    """The first byte tells the structure, the width, and how the code book is written."""
    import numpy as np

    written = Writer()
    if values is None:
        written.append(structure | WIDTHS.index(width) << 2)
        return written
    first = values[:1] if structure == SPARSE else values[:0]
    rest = values[len(first) :]
    # A width of two bytes has 8 KiB of marks; it is worth it for half of all values.
    marked = width <= 2 and (1 << (8 * width)) // 8 < len(rest) * width
    raw = values.astype(f"<u{width}").tobytes()
    whole = np.frombuffer(raw, np.uint8).reshape(-1, width)
    # Floats that were rounded end in zeros, which stand at the low end.
    trimmed = 0 if marked else int(np.argmax(whole.any(axis=0))) if whole.any() else width - 1
    written.append(structure | WIDTHS.index(width) << 2 | (_MARKED if marked else _LISTED) << 4 | trimmed << 5)
    if marked:
        written += first.astype(f"<u{width}").tobytes()
        marks = np.zeros(1 << (8 * width), np.uint8)
        marks[rest] = 1
        written += np.packbits(marks).tobytes()
    else:
        written.number(len(values))
        written += whole[:, trimmed:].tobytes()
    return written


@dataclass(frozen=True)
class ReadTensor:
    """A tensor that was read and whose streams are still to be decoded.

    :param size: bytes of the whole tensor.
    :param values: the code book; ``None`` for planes.
    :param parts: streams; a plane that is not coded is bytes.
    :param gap_bits: of the longest gap.
    """

    size: int
    width: int
    structure: int
    values: Any
    parts: tuple[Coded | bytes, ...]
    gap_bits: int = 0

    @property
    def coded(self) -> list[Coded]:
        """The streams to decode."""
        return [part for part in self.parts if isinstance(part, Coded)]


def read(reader: Reader, size: int) -> ReadTensor:
    """A tensor of so many bytes."""
    first = reader.take(1)[0]
    structure, width = first & 3, WIDTHS[first >> 2 & 3]
    if structure > PLANES or size % width:
        raise Damaged("a tensor is stored in a way that is not known")
    count = size // width
    if structure == PLANES:
        parts = [streams.read(reader, count) if reader.number(1) else reader.take(count) for _ in range(width)]
        return ReadTensor(size, width, structure, None, tuple(parts))
    values = _read_values(reader, structure, width, first >> 4)
    if structure == DENSE:
        return ReadTensor(size, width, structure, values, (streams.read(reader, count),))
    bits = reader.number(_MOST_GAP_BITS)
    coded = streams.read(reader, count + 1), streams.read(reader, count)
    return ReadTensor(size, width, structure, values, coded, bits)


def _read_values(reader: Reader, structure: int, width: int, how: int) -> Any:
    import numpy as np

    kind = f"<u{width}"
    if how & 1 == _MARKED:
        if width > WIDTHS[1]:
            raise Damaged("a code book is too long")
        first = np.frombuffer(reader.take(width if structure == SPARSE else 0), kind)
        marks = np.unpackbits(np.frombuffer(reader.take((1 << (8 * width)) // 8), np.uint8))
        return np.concatenate([first, np.flatnonzero(marks).astype(kind)])
    trimmed = how >> 1
    if trimmed >= width:
        raise Damaged("a code book is too short")
    count = reader.number(MOST_SYMBOLS)
    values = np.zeros((count, width), np.uint8)
    values[:, trimmed:] = np.frombuffer(reader.take(count * (width - trimmed)), np.uint8).reshape(count, -1)
    return values.reshape(-1).view(kind)


def restored(tensor: ReadTensor, decoded: Sequence[NDArray[np.uint16]]) -> bytes:
    """The tensor's bytes, of its decoded streams."""
    import numpy as np

    count = tensor.size // tensor.width
    if tensor.structure == PLANES:
        planes, given = np.empty((count, tensor.width), np.uint8), iter(decoded)
        for number, part in enumerate(tensor.parts):
            plane = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else next(given)
            if len(plane) != count or plane.max(initial=0) > 0xFF:
                raise Damaged("a plane has not the size that it should have")
            planes[:, number] = plane
        return planes.tobytes()
    if tensor.structure == DENSE:
        return _looked_up(tensor.values, decoded[0], count)
    return _filled(tensor, decoded[0].astype(np.int64), decoded[1], count)


def _looked_up(values: Any, symbols: Any, count: int) -> bytes:
    if len(symbols) != count or int(symbols.max(initial=0)) >= len(values):
        raise Damaged("a tensor has indices that its code book does not have")
    found: bytes = values[symbols].tobytes()
    return found


def _filled(tensor: ReadTensor, told: Any, symbols: Any, count: int) -> bytes:
    import numpy as np

    longest = (1 << tensor.gap_bits) - 1
    here = told != longest
    places = np.cumsum(np.where(here, told + 1, longest)) - 1
    alive = places[here]
    fits = len(alive) == len(symbols) and (not len(alive) or alive[-1] < count)
    if not fits or not len(tensor.values) or int(symbols.max(initial=0)) + 1 >= len(tensor.values):
        raise Damaged("a sparse tensor has more elements than it should have")
    elements = np.full(count, tensor.values[0])
    elements[alive] = tensor.values[1:][symbols]
    found: bytes = elements.tobytes()
    return found
