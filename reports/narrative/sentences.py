"""Sentences and what they rest on; the words in which numbers are told in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..tables.format import significant
from ..tables.rows import Ratio, Row

Section = Literal["What helped", "What did not", "What surprised", "What not to trust"]
SECTIONS: Final[tuple[Section, ...]] = ("What helped", "What did not", "What surprised", "What not to trust")
_NAMES: Final = 4


@dataclass(frozen=True)
class Sentence:
    """Something that the numbers say.

    :param rows: those that it rests on; there is no sentence without any.
    :param weight: the larger, the sooner it is told.
    """

    section: Section
    text: str
    rows: tuple[Row, ...]
    weight: float = 0.0

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError(f"no row is behind {self.text!r}")


def listed(names: Iterable[str]) -> str:
    """``a, b and c``; of many the first few."""
    found = list(dict.fromkeys(names))
    if len(found) > _NAMES:
        return f"{', '.join(found[:_NAMES])} and {len(found) - _NAMES:,} more"
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def backends(rows: Iterable[Row]) -> str:
    """What ran them."""
    return listed(row.cell.backend for row in rows)


def where(row: Row, several: bool) -> str:
    """What a sentence begins with where there are several runs."""
    return f"In run {row.run}: " if several else ""


def times_told(values: Sequence[float]) -> str:
    """``3.2 times``, or ``1.9 to 3.4 times`` where they differ."""
    low, high = significant(min(values)), significant(max(values))
    return f"{low} times" if low == high else f"{low} to {high} times"


def points_told(values: Sequence[float]) -> str:
    """Percentage points without a sign: ``2.5 points``."""
    low, high = (f"{100 * abs(value):.2f}" for value in (min(values, key=abs), max(values, key=abs)))
    return f"{low} points" if low == high else f"{low} to {high} points"


def surely(ratio: Ratio | None, least: float) -> bool:
    """Whether there is a difference beyond its interval, and one of at least so much."""
    if ratio is None or ratio.value <= 0 or not ratio.certain:
        return False
    return max(ratio.value, 1 / ratio.value) >= least


def accuracy_shown(row: Row) -> bool:
    """Whether the change of the metric is more than the intervals of both cells allow for."""
    if row.baseline is None or not row.change:
        return False
    ours = row.metric_interval
    theirs = Row(row.run, row.baseline).metric_interval
    return ours is not None and theirs is not None and (ours[0] > theirs[1] or theirs[0] > ours[1])


def gain(row: Row) -> float | None:
    """What the metric gained, turned so that more is better."""
    found = row.get(row.metric)
    if row.change is None or found is None or found.direction == "none":
        return None
    return row.change if found.direction == "higher" else -row.change
