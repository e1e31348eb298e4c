"""Many records in little memory: numbers in columns, facts as they were written, both read when they are asked for.

A hundred thousand records of thirty measurements are three million objects otherwise.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from tradeoff.record import Measurement
from tradeoff.vocabulary import Direction, Provenance

_MISSING: Final = -1


class Kind(NamedTuple):
    """What the measurements of one name mostly have in common."""

    unit: str
    direction: Direction
    provenance: Provenance
    note: str


class Numbers(Protocol):
    """A list, an array or a column."""

    def __getitem__(self, place: int, /) -> Any: ...

    def __len__(self) -> int: ...


class Series:
    """One measurement of every record of a block; where ``kinds`` is below zero a record does not have it.

    NaN stands for no number, as it does in no file.
    """

    __slots__ = ("highs", "kinds", "lows", "values")

    def __init__(
        self,
        values: Numbers,
        lows: Numbers,
        highs: Numbers,
        kinds: Numbers,
    ) -> None:
        self.values = values
        self.lows = lows
        self.highs = highs
        self.kinds = kinds


class Block:
    """The measurements of many records, by name."""

    __slots__ = ("kinds", "series")

    def __init__(self, series: Mapping[str, Series], kinds: Sequence[Kind]) -> None:
        self.series = series
        self.kinds = kinds


class Measurements(Mapping[str, Measurement]):
    """Those of one record of a block, each made when it is asked for."""

    __slots__ = ("_block", "_place")

    def __init__(self, block: Block, place: int) -> None:
        self._block = block
        self._place = place

    def __getitem__(self, name: str) -> Measurement:
        series, place = self._block.series[name], self._place
        if place >= len(series.kinds) or series.kinds[place] == _MISSING:
            raise KeyError(name)
        value, low, high = (_number(one[place]) for one in (series.values, series.lows, series.highs))
        unit, direction, provenance, note = self._block.kinds[series.kinds[place]]
        return Measurement(value, unit, direction, provenance, low, high, note)

    def __iter__(self) -> Iterator[str]:
        place = self._place
        for name, series in self._block.series.items():
            if place < len(series.kinds) and series.kinds[place] != _MISSING:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


class Facts(Mapping[str, Any]):
    """Facts as they were written, read when they are asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __getitem__(self, name: str) -> Any:
        return _read(self._text)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_read(self._text))

    def __len__(self) -> int:
        return len(_read(self._text))

    def __repr__(self) -> str:
        return repr(_read(self._text))


@lru_cache(maxsize=1024)
def _read(text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


class Builder:
    """Makes a block, record by record."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self._kinds: dict[tuple[str, str, str, str], int] = {}
        self._count = 0

    def add(self, measurements: Mapping[str, Measurement]) -> int:
        """The place of the record that has these."""
        place, self._count = self._count, self._count + 1
        for name, found in measurements.items():
            series = self.series.get(name)
            if series is None:
                series = self.series[name] = Series(array("d"), array("d"), array("d"), array("i"))
            _fill(series, place)
            key = (found.unit, found.direction, found.provenance, found.note)
            kind = self._kinds.setdefault(key, len(self._kinds))
            _append(series, (_float(found.value), _float(found.low), _float(found.high)), kind)
        return place

    def block(self) -> Block:
        """What was made so far; what is added later belongs to it as well."""
        return Block(self.series, _Kinds(self._kinds))


class _Kinds(Sequence[Kind]):
    """The kinds in the order in which they came, also those that come later."""

    def __init__(self, kinds: Mapping[tuple[str, str, str, str], int]) -> None:
        self._numbers = kinds
        self._listed: list[Any] = []

    def __getitem__(self, place: Any) -> Any:
        if place >= len(self._listed):
            self._listed = list(self._numbers)
        return self._listed[place]

    def __len__(self) -> int:
        return len(self._numbers)


def _fill(series: Series, place: int) -> None:
    """For the records before this one that do not have it."""
    for _ in range(place - len(series.kinds)):
        _append(series, (math.nan, math.nan, math.nan), _MISSING)


def _append(series: Any, numbers: tuple[float, float, float], kind: int) -> None:
    value, low, high = numbers
    series.values.append(value)
    series.lows.append(low)
    series.highs.append(high)
    series.kinds.append(kind)


def _float(value: float | None) -> float:
    """JSON can hold whole numbers that no float can: they are infinite, which no table shows."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
