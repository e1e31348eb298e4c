"""The difference of two files, as small as copies from the old one and what is new can make it, and how it is applied.

A delta says what it was made from and what comes of it, so that it is never applied to another file.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import Final

from tradeoff.errors import BadInput

_MARK: Final = b"TDELTA1\n"
_DIGEST: Final = 16
#: Shorter pieces are not worth a copy.
_BLOCK: Final = 16
#: Places of the old file that are known by what begins there; weights are aligned to it.
_STEP: Final = 4
_LONGEST_VARINT: Final = 9


def make_delta(old: bytes, new: bytes) -> bytes:
    """What turns ``old`` into ``new``."""
    known: dict[bytes, int] = {}
    for place in range(0, len(old) - _BLOCK + 1, _STEP):
        known.setdefault(old[place : place + _BLOCK], place)
    parts = bytearray()
    for start, length, fresh in _pieces(old, new, known):
        parts += _varint(len(fresh)) + fresh + _varint(length) + (_varint(start) if length else b"")
    return _MARK + _digest(old) + _digest(new) + zlib.compress(bytes(parts), 9)


def apply_delta(old: bytes, delta: bytes) -> bytes:
    """The new file; a delta of another file, or a damaged one, is refused."""
    head = len(_MARK)
    if delta[:head] != _MARK or delta[head : head + _DIGEST] != _digest(old):
        raise BadInput("this delta was not made from this file")
    try:
        new = _applied(old, zlib.decompress(delta[head + 2 * _DIGEST :]))
    except (zlib.error, IndexError, ValueError) as error:
        raise BadInput(f"this delta is damaged: {error}") from error
    if delta[head + _DIGEST : head + 2 * _DIGEST] != _digest(new):
        raise BadInput("this delta is damaged: what it gives is not what it was made for")
    return new


def _digest(blob: bytes) -> bytes:
    return hashlib.sha256(blob).digest()[:_DIGEST]


def _pieces(old: bytes, new: bytes, known: dict[bytes, int]) -> Iterator[tuple[int, int, bytes]]:
    """Where to copy from, how much, and what is new before it."""
    place = begun = 0
    while place <= len(new) - _BLOCK:
        start = known.get(new[place : place + _BLOCK], -1)
        if start < 0:
            place += 1
            continue
        # What is alike before the block was taken for new.
        while place > begun and start > 0 and new[place - 1] == old[start - 1]:
            place, start = place - 1, start - 1
        length = _alike(old, start, new, place)
        yield start, length, new[begun:place]
        place = begun = place + length
    yield 0, 0, new[begun:]


def _alike(old: bytes, start: int, new: bytes, place: int) -> int:
    """How many bytes are the same from there on."""
    length, step = 0, 4096
    while step:
        theirs, mine = old[start + length : start + length + step], new[place + length : place + length + step]
        if len(mine) == step and theirs == mine:
            length += step
        else:
            step //= 2
    return length


def _applied(old: bytes, parts: bytes) -> bytes:
    new, place = bytearray(), 0
    while place < len(parts):
        fresh, place = _number(parts, place)
        new += parts[place : place + fresh]
        place += fresh
        length, place = _number(parts, place)
        if length:
            start, place = _number(parts, place)
            if start + length > len(old):
                raise ValueError("it copies from behind the end")
            new += old[start : start + length]
    return bytes(new)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _number(parts: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(_LONGEST_VARINT):
        byte = parts[place]
        place += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, place
    raise ValueError("a number does not end")
