"""What each technique gained and cost, told once for all backends that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.chain import BASELINE

from ..tables.rows import Row
from .sentences import (
    Section,
    Sentence,
    accuracy_shown,
    backends,
    gain,
    points_told,
    surely,
    times_told,
    where,
)

#: Less than this is not worth a sentence.
_SMALLER: Final = 1.05
_FASTER: Final = 1.05
_SAME: Final = 1.02
Key = tuple[str, str, str, str]


def gains(rows: Sequence[Row], several: bool) -> Iterator[Sentence]:
    """Of every technique of every model."""
    for members in _by_technique(rows).values():
        first = members[0]
        name = f"{where(first, several)}{first.cell.chain}"
        subject = f"{first.cell.model}" + _conditions(first)
        yield from _size(name, subject, members)
        yield from _speed(name, subject, members)
        yield from _accuracy(name, subject, members)
        yield from _nothing(name, subject, members)


def _by_technique(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    """Measured cells that have a baseline, by run, model, technique and load."""
    found: dict[Key, list[Row]] = {}
    for row in rows:
        if row.baseline is not None and row.cell.chain != BASELINE:
            found.setdefault((row.run, row.cell.model, row.cell.chain, row.cell.load), []).append(row)
    return found


def _conditions(row: Row) -> str:
    return "" if row.cell.load == "b1" else f" under {row.cell.load}"


def _size(name: str, subject: str, rows: Sequence[Row]) -> Iterator[Sentence]:
    ratios = [(row, row.shrink.value) for row in rows if row.shrink is not None and row.shrink.value > 0]
    smaller = [(row, value) for row, value in ratios if value >= _SMALLER]
    larger = [(row, 1 / value) for row, value in ratios if value <= 1 / _SMALLER]
    same = [row for row, value in ratios if 1 / _SAME < value < _SAME and not _told(row)]
    if smaller:
        kept, values = [row for row, _ in smaller], [value for _, value in smaller]
        text = f"{name} made {subject} {times_told(values)} smaller on {backends(kept)}."
        yield Sentence("What helped", text, tuple(kept), max(values))
    if larger:
        kept, values = [row for row, _ in larger], [value for _, value in larger]
        text = f"{name} made {subject} {times_told(values)} larger on {backends(kept)}."
        yield Sentence("What did not", text, tuple(kept), max(values))
    if same:
        text = f"{name} made {subject} no smaller on {backends(same)}, and no faster as far as is shown."
        yield Sentence("What did not", text, tuple(same), 1.0)


def _told(row: Row) -> bool:
    """Whether another sentence says more of it."""
    return surely(row.speed_up, _FASTER) or _compared(row) is not None


def _compared(row: Row) -> str | None:
    """Of a cell that its techniques have not made smaller or faster, the chain that it was compared with."""
    told = row.record.facts.get("no_effect")
    other = told.get("compared_with") if isinstance(told, dict) else None
    parts = other.split("/") if isinstance(other, str) else []
    return parts[1] if len(parts) == 5 else None


def _nothing(name: str, subject: str, rows: Sequence[Row]) -> Iterator[Sentence]:
    """What promises a saving and made none."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if (other := _compared(row)) is not None:
            found.setdefault(other, []).append(row)
    for other, members in found.items():
        text = f"{name} left {subject} neither smaller nor faster than {other} does on {backends(members)}."
        yield Sentence("What did not", text, tuple(members), 3.0)


def _speed(name: str, subject: str, rows: Sequence[Row]) -> Iterator[Sentence]:
    timed = [(row, row.speed_up.value) for row in rows if row.speed_up is not None and surely(row.speed_up, _FASTER)]
    faster = [(row, value) for row, value in timed if value > 1]
    slower = [(row, 1 / value) for row, value in timed if value < 1]
    told_of: tuple[tuple[list[tuple[Row, float]], str, Section], ...] = (
        (faster, "faster", "What helped"),
        (slower, "slower", "What did not"),
    )
    for kept, word, section in told_of:
        for row, value in kept:
            told = f"{times_told([value])} {word} on {row.cell.backend}{_device(row)}{_hedge(row)}"
            yield Sentence(section, f"{name} made {subject} {told}.", (row,), value)


def _device(row: Row) -> str:
    return "" if row.cell.device == "host-cpu" else f" on {row.cell.device}"


def _hedge(row: Row) -> str:
    found = row.speed_up
    if found is not None and found.provenance != "measured":
        return ", as far as a model of the device tells"
    records = [one for one in (row.record, row.baseline) if one is not None]
    noisy = any(verdict.startswith("noisy") for one in records for verdict in one.verdicts)
    return ", though the machine was noisy" if noisy else ""


def _accuracy(name: str, subject: str, rows: Sequence[Row]) -> Iterator[Sentence]:
    known = [(row, found) for row in rows if (found := gain(row)) is not None and row.metric == "accuracy"]
    lost = [(row, found) for row, found in known if found < 0 and accuracy_shown(row)]
    unsure = [(row, found) for row, found in known if found and not accuracy_shown(row)]
    if lost:
        kept, values = [row for row, _ in lost], [found for _, found in lost]
        text = f"{name} cost {subject} {points_told(values)} of accuracy on {backends(kept)}."
        yield Sentence("What did not", text, tuple(kept), 100 * max(map(abs, values)))
    kept = [row for row, found in known if not found]
    if kept and len(kept) == len(known):
        text = f"{name} left the accuracy of {subject} as it was on {backends(kept)}, to the last sample."
        yield Sentence("What helped", text, tuple(kept), 2.5)
    if unsure:
        kept, values = [row for row, _ in unsure], [found for _, found in unsure]
        ways = "less" if all(v < 0 for v in values) else "more" if all(v > 0 for v in values) else "more or less"
        text = (
            f"{name} may have left {subject} with {ways} accuracy on {backends(kept)}, by {points_told(values)}: "
            "the intervals overlap, so no difference is shown."
        )
        yield Sentence("What not to trust", text, tuple(kept), 100 * max(map(abs, values)))
