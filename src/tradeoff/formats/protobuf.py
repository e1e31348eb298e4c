"""Reading protocol buffers without their library: ONNX files and SavedModels are made of them.

Only the structure is walked; nothing is copied, and a length that leads out of the message is an error.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_VARINT: Final = 0
_EIGHT_BYTES: Final = 1
_BLOCK: Final = 2
_FOUR_BYTES: Final = 5
_LONGEST_VARINT: Final = 10
_FIXED: Final = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


class Malformed(ValueError):
    """Bytes that are no protocol buffer, or end too early."""


def opened(path: Path) -> memoryview:
    """A file's bytes, mapped: weights of gigabytes are passed over and never read."""
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field's number with its value: a number, or the bytes of a block; fixed-width ones come as bytes."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind = key & 7
        if not key >> 3:
            raise Malformed("there is no field of number 0")
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == _BLOCK:
            length, place = _varint(message, place)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise Malformed(f"there is no field of kind {kind}")
        if length > end - place:
            raise Malformed("it is cut short")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST_VARINT):
        if place + count >= len(message):
            raise Malformed("it is cut short")
        byte = message[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    raise Malformed("it has a number without an end")


def blocks(message: memoryview, number: int) -> Iterator[memoryview]:
    """All blocks of one field."""
    for found, value in fields(message):
        if found == number:
            yield _block(value)


def block(message: memoryview, number: int) -> memoryview | None:
    """The last block of one field: that is the one that counts."""
    *_, found = None, *blocks(message, number)
    return found


def text(message: memoryview, number: int) -> str:
    """One field as text; empty where it is missing."""
    found = block(message, number)
    return "" if found is None else decoded(found)


def decoded(found: memoryview) -> str:
    """A block as text, whatever its bytes are."""
    return bytes(found).decode("utf-8", "replace")


def number(message: memoryview, wanted: int, default: int = 0) -> int:
    """One field as a number; negative ones are stored as very large ones."""
    value = default
    for found, said in fields(message):
        if found == wanted:
            if isinstance(said, memoryview):
                raise Malformed("a number is no number")
            value = said - 2**64 if said >= 2**63 else said
    return value


def mapped(message: memoryview, wanted: int) -> dict[str, memoryview]:
    """A map from text to messages."""
    return {text(entry, 1): block(entry, 2) or memoryview(b"") for entry in blocks(message, wanted)}


def _block(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Malformed("a block is no block")
    return value
