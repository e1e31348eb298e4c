"""A recommendation for a spreadsheet: a line for every cell, whatever became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tradeoff.decide.advice import Advice, Recommendation
from tradeoff.decide.candidates import Candidate
from tradeoff.decide.cascades import Cascade
from tradeoff.decide.objectives import OBJECTIVES

_HEADER = (
    *("task", "metric", "device", "load", "suite", "machine", "role", "cell", "run", "status", "why"),
    *(f"{name}{'' if one.unit == '1' else '_' + one.unit}" for name, one in OBJECTIVES.items()),
    *("not_measured", "threshold", "passed_on"),
)
_EMPTY: Final = (None,) * (len(OBJECTIVES) + 3)
Line = tuple[str | float | None, ...]


def recommendation_lines(found: Recommendation) -> Iterator[Line]:
    """The header, then a line for each cell of each group."""
    yield _HEADER
    for advice in found.advice:
        yield from _lines(advice)


def _lines(advice: Advice) -> Iterator[Line]:
    second = advice.runner_up.candidate if advice.runner_up is not None else None
    if advice.choice is not None:
        yield _line(advice, "choice", advice.choice, "; ".join((advice.because, *advice.cautions)))
    for one in advice.rejected:
        role = "runner-up" if one.candidate is second else "fits" if one.fits else "rejected"
        yield _line(advice, role, one.candidate, "; ".join(reason.text for reason in one.reasons))
    for record in advice.unmeasured:
        yield (*advice.conditions, "rejected", record.cell.spelling, None, record.status, record.reason, *_EMPTY)
    for tried in advice.cascades.tried if advice.cascades is not None else ():
        if tried.cascade is None:
            yield (*advice.conditions, "rejected", tried.spelling, tried.small.run, "cascade", tried.why, *_EMPTY)


def _line(advice: Advice, role: str, candidate: Candidate, why: str) -> Line:
    numbers = candidate.numbers
    values = (numbers[name].value if name in numbers else None for name in OBJECTIVES)
    origins = "; ".join(f"{name} {n.provenance}" for name, n in numbers.items() if n.provenance != "measured")
    cascade = isinstance(candidate, Cascade)
    told = (candidate.threshold, candidate.test.share) if isinstance(candidate, Cascade) else (None, None)
    status = "cascade" if cascade else "measured"
    return (*advice.conditions, role, candidate.spelling, candidate.run, status, why, *values, origins, *told)
