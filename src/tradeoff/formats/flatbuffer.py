"""Flatbuffers without their library: tables that point at each other; ``.tflite`` files are made of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of a flatbuffer; whatever leads out of the file is an error."""

    data: memoryview
    place: int

    def _field(self, number: int) -> int:
        """Where a field is, or 0 where it has its default."""
        vtable = self.place - read_number(self.data, "<i", self.place)
        size = read_number(self.data, "<H", vtable)
        inside = 4 + 2 * number
        offset = read_number(self.data, "<H", vtable + inside) if inside + 2 <= size else 0
        return self.place + offset if offset else 0

    def number(self, field: int, layout: str, default: int = 0) -> int:
        """A field that is one number."""
        place = self._field(field)
        return read_number(self.data, layout, place) if place else default

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        """Where its first element is, and how many there are."""
        place = self._field(field)
        if not place:
            return 0, 0
        place += read_number(self.data, "<I", place)
        count = read_number(self.data, "<I", place)
        if place + 4 + count * width > len(self.data):
            raise ValueError("it is cut short")
        return place + 4, count

    def numbers(self, field: int) -> list[int] | None:
        """A field that is a vector of numbers, ``None`` where it is left out."""
        place, count = self._vector(field, 4)
        return [read_number(self.data, "<i", place + 4 * index) for index in range(count)] if place else None

    def text(self, field: int) -> str:
        """A field that is text."""
        place, count = self._vector(field, 1)
        return bytes(self.data[place : place + count]).decode("utf-8", "replace")

    def length(self, field: int, width: int) -> int:
        """How many elements of ``width`` bytes a vector has."""
        return self._vector(field, width)[1]

    def tables(self, field: int) -> list[Table]:
        """A field that is a vector of tables."""
        place, count = self._vector(field, 4)
        spots = (place + 4 * index for index in range(count))
        return [Table(self.data, spot + read_number(self.data, "<I", spot)) for spot in spots]

    def table(self, field: int) -> Table | None:
        """A field that is another table, ``None`` where it is left out."""
        place = self._field(field)
        return Table(self.data, place + read_number(self.data, "<I", place)) if place else None

    def bytes_end(self, field: int) -> int:
        """Where a vector of bytes ends; reading it says whether all of it is there."""
        place, count = self._vector(field, 1)
        return place + count


def read_number(data: memoryview, layout: str, place: int) -> int:
    """A number at a place; one that lies outside of the file is an error."""
    if place < 0:
        raise ValueError("a table points out of the file")
    (value,) = struct.unpack_from(layout, data, place)
    return int(value)
