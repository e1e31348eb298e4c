"""The whole report as tables, in the order in which a person wants to read it."""

from __future__ import annotations

from collections.abc import Sequence

from tradeoff.record import Run

from .by_version import version_tables
from .curves import curve_tables
from .fronts import Fronts, front_tables
from .machines import legend, worker_tables
from .measured import measured_tables
from .rows import make_rows
from .table import Limit, Table
from .unmeasured import unmeasured_tables

NOTHING = "There is no run to report on."


def report(runs: Sequence[Run], limit: Limit | None = None) -> list[Table]:
    """Measured cells, fronts, curves, what was not measured and why, where it was run, and what versions moved."""
    return [table for _, tables in sections(runs, limit) for table in tables]


def sections(
    runs: Sequence[Run], limit: Limit | None = None, fronts: Fronts | None = None
) -> list[tuple[str, list[Table]]]:
    """The same in parts, each with a heading, for a page that has room for one; a part may be empty."""
    if not runs:
        return []
    limit = limit or Limit()
    rows, fronts = make_rows(runs), fronts or Fronts(runs)
    return [
        ("Measured cells", measured_tables(rows, limit, fronts)),
        ("Fronts", front_tables(fronts)),
        ("Curves", list(curve_tables(runs, rows))),
        ("Not measured", unmeasured_tables(rows, limit)),
        ("Where it was run", [legend(runs), *worker_tables(runs), *version_tables(runs, limit)]),
    ]
