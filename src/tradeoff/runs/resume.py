"""Which run is to be gone on with, and why one that was meant cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import refuse_special
from tradeoff.record import Run
from tradeoff.runs.journal import NAME, Content, read_content
from tradeoff.text import safe

#: These may be others than at the beginning: what they chose is among the planned cells and the fingerprints, or
#: they say how the work is done and not what is measured.
_MAY_DIFFER: Final = frozenset(
    (
        *("preset", "models", "techniques", "backends", "devices", "loads", "cells", "curves"),
        *("model", "data", "store", "output", "rebuild", "timeout", "memory", "resume", "rerun", "in-process"),
    )
)
_OF_THE_MACHINE: Final = ("processor", "cores", "architecture", "python")
_SHOWN: Final = 4
_LONGEST: Final = 100


def find_run(folders: Sequence[Path], now: Run) -> tuple[Path, Content] | None:
    """The newest of the runs that planned what ``now`` plans, under the same conditions; ``None`` if there is no run.

    :param folders: where runs have left their files, the newest first.
    """
    reasons: dict[Path, list[str]] = {}
    for folder in folders:
        content = _content(folder)
        if content is None:
            continue
        differences = list(differing(content.run, now))
        if not differences:
            return folder, content
        if not _is_finished(content) or len(folders) == 1:
            reasons[folder] = differences
    if not reasons:
        return None
    nearest = min(reasons, key=lambda folder: len(reasons[folder]))
    told = [*reasons[nearest][:_SHOWN], *(["..."] if len(reasons[nearest]) > _SHOWN else [])]
    raise BadInput(
        f"the run in {nearest} cannot be gone on with, since this would be another one: {'; '.join(told)}. "
        "Give the options that it was begun with, or leave out --tradeoff-resume to begin anew"
    )


def _content(folder: Path) -> Content | None:
    """What its journal holds; one that was killed before its first line was whole holds nothing."""
    path = folder / NAME
    try:
        refuse_special(path)
        with path.open("rb") as stream:
            if not stream.readline().endswith(b"\n"):
                return None
    except OSError:
        return None
    return read_content(path)


def _is_finished(content: Content) -> bool:
    return all(is_done(record.status) for record in content.run.records)


def is_done(status: str) -> bool:
    """Whether a cell that ended like this is not begun again."""
    return status not in ("not run", "interrupted")


def differing(then: Run, now: Run) -> Iterator[str]:
    """Whatever would make a row of one unlike a row of the other."""
    yield from _cells(then, now)
    yield from _values("", then.options, now.options, _options_that_count(then, now))
    yield from _values("version of ", then.versions, now.versions, sorted({*then.versions, *now.versions}))
    yield from _values("", then.machine, now.machine, _OF_THE_MACHINE)


def _cells(then: Run, now: Run) -> Iterator[str]:
    before, here = ({r.cell.spelling: None for r in run.records} for run in (then, now))
    for cells, told in (
        ([c for c in before if c not in here], "it planned"),
        ([c for c in here if c not in before], "it did not plan"),
    ):
        if cells:
            more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            yield f"{told} {_safe(cells[0])}{more}"


def _options_that_count(then: Run, now: Run) -> list[str]:
    return sorted({*then.options, *now.options} - _MAY_DIFFER)


def _values(kind: str, then: Mapping[str, Any], now: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if then.get(name) != now.get(name):
            yield f"{kind}{_safe(name)} was {_told(then.get(name))} and is {_told(now.get(name))}"


def _told(value: Any) -> str:
    return "not given" if value is None else _safe(repr(value) if isinstance(value, str) else f"{value}")


def _safe(text: str) -> str:
    """What comes from a journal may be a stranger's."""
    return safe(text)[:_LONGEST]
