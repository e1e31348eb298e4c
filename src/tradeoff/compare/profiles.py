"""Where the requests of a run's cells went, operator by operator, as its records have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from tradeoff.errors import BadInput
from tradeoff.record import Record, Run
from tradeoff.text import safe
from tradeoff.vocabulary import Profile


@dataclass(frozen=True)
class CellProfile:
    """One cell's profile.

    :param cell: its spelling.
    :param run: the run it was measured in.
    :param profile: what the runtime told.
    :param latency: of the whole request, which operators by themselves need not add up to.
    """

    cell: str
    run: str
    profile: Profile
    latency: float | None = None


def profiles_of(runs: Iterable[Run], pattern: str = "*") -> list[CellProfile]:
    """The profiles of all cells that ``pattern`` matches."""
    runs = list(runs)
    records = [(run, record) for run in runs for record in run.records if fnmatchcase(record.cell.spelling, pattern)]
    if not records:
        cells = sorted({record.cell.spelling for run in runs for record in run.records})
        some = f", such as {safe(cells[0])}" if cells else ""
        raise BadInput(f"--cell {pattern!r} matches none of the {len(cells)} cells{some}")
    return [found for run, record in records if (found := profile_of(run.name, record)) is not None]


def profile_of(run: str, record: Record) -> CellProfile | None:
    """The profile of one record, if it has one."""
    profile = _profile(record)
    return None if profile is None else CellProfile(record.cell.spelling, run, profile, _latency(record))


def _profile(record: Record) -> Profile | None:
    found: Any = record.facts.get("profile")
    if found is None:
        return None
    try:
        return msgspec.convert(found, Profile)
    except msgspec.ValidationError as error:
        raise BadInput(f"the profile of {record.cell.spelling} cannot be read: {error}") from error


def _latency(record: Record) -> float | None:
    latency = record.measurements.get("latency")
    return latency.value if latency is not None and latency.provenance != "unavailable" else None
