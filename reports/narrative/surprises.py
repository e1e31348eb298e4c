"""What a person would not have expected: smaller and yet slower, larger and yet faster, better for being compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final

from tradeoff.chain import BASELINE
from tradeoff.compare.quantities import is_quiet
from tradeoff.record import Measurement

from ..tables.format import change, significant
from ..tables.rows import MEASURED_APART, Row
from .sentences import Sentence, accuracy_shown, gain, surely, times_told, where

_WORTH: Final = 1.1
_MUCH: Final = 1.5
#: Every two models are looked at; of more than so many rows under the same conditions nobody asks that.
_MODELS: Final = 40


def surprises(rows: Sequence[Row], several: bool) -> Iterator[Sentence]:
    """Of single cells, then of two models under the same conditions."""
    for row in rows:
        if row.baseline is not None and row.cell.chain != BASELINE:
            yield from _smaller_and_slower(row, several)
            yield from _better(row, several)
    yield from _larger_and_faster(rows, several)


def _smaller_and_slower(row: Row, several: bool) -> Iterator[Sentence]:
    smaller, speed = row.shrink, row.speed_up
    if smaller is None or speed is None or smaller.value < _WORTH or not surely(speed, _WORTH) or speed.value > 1:
        return
    text = (
        f"{where(row, several)}{row.cell.chain} on {row.cell.backend} made {row.cell.model} "
        f"{times_told([smaller.value])} smaller, and yet it takes {times_told([1 / speed.value])} as long to answer."
    )
    yield Sentence("What surprised", text, (row,), 1 / speed.value)


def _better(row: Row, several: bool) -> Iterator[Sentence]:
    found = gain(row)
    if found is None or found <= 0 or not accuracy_shown(row):
        return
    text = (
        f"{where(row, several)}{row.cell.model} became better through {row.cell.chain} on {row.cell.backend}: "
        f"{change(found, points=row.metric == 'accuracy')} in {row.metric}."
    )
    yield Sentence("What surprised", text, (row,), 100 * found)


def _larger_and_faster(rows: Sequence[Row], several: bool) -> Iterator[Sentence]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.cell.chain == BASELINE and row.record.status == "measured" and _timed(row) is not None:
            cell = row.cell
            groups.setdefault((row.run, cell.backend, cell.device, cell.load), []).append(row)
    for members in groups.values():
        for big, small in permutations(members[:_MODELS], 2):
            yield from _pair(big, small, several)


def _timed(row: Row) -> Measurement | None:
    """A latency that two cells can be compared by: measured, with an interval, on a machine that was quiet enough."""
    found = row.get("latency")
    noisy = any(verdict.startswith("noisy") for verdict in row.record.verdicts)
    return found if found is not None and found.provenance == "measured" and not noisy else None


def _pair(big: Row, small: Row, several: bool) -> Iterator[Sentence]:
    sizes = big.value("parameters"), small.value("parameters")
    ours, theirs = _timed(big), _timed(small)
    if not all(sizes) or ours is None or theirs is None or not ours.value or not theirs.value:
        return
    larger, faster = (sizes[0] or 0.0) / (sizes[1] or 1.0), theirs.value / ours.value
    apart = MEASURED_APART if is_quiet(big.record) and is_quiet(small.record) else _MUCH
    if larger < _MUCH or faster < apart or (ours.high or ours.value) >= (theirs.low or theirs.value):
        return
    text = (
        f"{where(big, several)}{big.cell.model} has {significant(larger)} times the parameters of {small.cell.model}, "
        f"and answers {significant(faster)} times as fast on {big.cell.backend}."
    )
    yield Sentence("What surprised", text, (big, small), faster)
