"""Under which conditions an answer holds, as a person calls them."""

from __future__ import annotations

from tradeoff.decide.advice import Advice
from tradeoff.record import Record

from .format import printable


def where(advice: Advice) -> str:
    """Task, device, load and machine."""
    known = advice.conditions
    suite = "" if known.suite == Record.suite else known.suite
    return " · ".join(printable(p) for p in (known.task, known.device, known.load, suite, known.machine) if p)
