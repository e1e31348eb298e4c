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
from .tables import Limit, Table
from .unmeasured import unmeasured_tables

NOTHING = "There is no run to report on."


def report(runs: Sequence[Run], limit: Limit | None = None) -> list[Table]:
    """Measured cells, fronts, curves, what was not measured and why, where it was run, and what versions moved."""
    if not runs:
        return []
    limit = limit or Limit()
    rows, fronts = make_rows(runs), Fronts(runs)
    return [
        *measured_tables(rows, limit, fronts),
        *front_tables(fronts),
        *curve_tables(runs, rows),
        *unmeasured_tables(rows, limit),
        legend(runs),
        *worker_tables(runs),
        *version_tables(runs, limit),
    ]
