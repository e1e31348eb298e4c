"""JUnit's XML, which every CI server shows: cells of runs, or the numbers of a comparison, as test cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import tradeoff
from tradeoff.compare.comparing import Effect
from tradeoff.compare.gate import Outcome
from tradeoff.record import Record, Run, Status

from ..tables.comparison import change_of, headline
from ..tables.format import printable
from ..tables.rows import label_runs

_BAD: Final[dict[Status, str]] = {
    "failed": "failure",
    "crashed": "error",
    "interrupted": "error",
    "not run": "error",
    "refused": "skipped",
    "skipped": "skipped",
}


@dataclass(frozen=True)
class _Case:
    """One test case: what it is, and how it ended; ``kind`` is empty for a success."""

    group: str
    name: str
    kind: str = ""
    message: str = ""
    detail: str = ""
    properties: tuple[tuple[str, str], ...] = ()


class JUnit(tradeoff.Renderer):
    """Test cases for a CI server."""

    name = "junit"
    summary = "JUnit's XML, for a CI server"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        """A test case for each cell of each run, with its measurements as properties."""
        return _document([(label, [_cell(record) for record in run.records]) for label, run in _labelled(runs)])

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """A test case for each limit, and for each measurement of each cell: worse is a failure."""
        return _document([("limits", list(_limits(outcome))), ("comparison", list(_effects(outcome)))])


def _labelled(runs: Iterable[Run]) -> list[tuple[str, Run]]:
    return label_runs(list(runs))


def _cell(record: Record) -> _Case:
    numbers = tuple((name, repr(m.value)) for name, m in record.measurements.items() if m.value is not None)
    verdicts = tuple(("verdict", verdict) for verdict in record.verdicts)
    kind = _BAD.get(record.status, "")
    told = f"{record.status}: {record.reason}" if kind else ""
    return _Case(record.suite, record.cell.spelling, kind, told, record.detail if kind else "", numbers + verdicts)


def _limits(outcome: Outcome) -> Iterator[_Case]:
    for number, one in enumerate(outcome.judgements, start=1):
        yield _Case("limits", f"limit {number}", "" if one.passed else "failure", "" if one.passed else one.text)


def _effects(outcome: Outcome) -> Iterator[_Case]:
    """With limits, what breaks one of them fails; without, whatever is worse."""
    broken = {id(effect) for one in outcome.judgements for effect in one.effects}
    for effect in outcome.comparison.effects:
        fails = id(effect) in broken if outcome.judgements else effect.verdict == "worse"
        kind = "failure" if fails else "skipped" if effect.verdict == "cannot be compared" else ""
        name = f"{effect.cell} {effect.measurement}"
        properties = tuple((key, repr(value)) for key, value in _numbers(effect) if value is not None)
        yield _Case(effect.suite, name, kind, _message(effect) if kind else "", "", properties)
    if not outcome.comparison.effects:
        yield _Case("comparison", "cells in common", "skipped", headline(outcome))


def _numbers(effect: Effect) -> tuple[tuple[str, float | None], ...]:
    return ("old", effect.old), ("new", effect.new), ("change", effect.change), ("p", effect.adjusted)


def _message(effect: Effect) -> str:
    if effect.verdict == "cannot be compared":
        return effect.reason
    return f"{effect.old!r} -> {effect.new!r} {effect.unit}: {change_of(effect, effect.change)}"


def _document(suites: Iterable[tuple[str, list[_Case]]]) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for name, cases in suites:
        if cases:
            counts = {kind: sum(case.kind == kind for case in cases) for kind in ("failure", "error", "skipped")}
            told = f'failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}"'
            lines.append(f'<testsuite name={_quoted(name)} tests="{len(cases)}" {told}>')
            lines += (line for case in cases for line in _lines(case))
            lines.append("</testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _lines(case: _Case) -> Iterator[str]:
    yield f"<testcase classname={_quoted(case.group)} name={_quoted(case.name)}>"
    if case.properties:
        yield "<properties>"
        yield from (f"<property name={_quoted(key)} value={_quoted(value)}/>" for key, value in case.properties)
        yield "</properties>"
    if case.kind:
        text = "\n".join(_plain(line) for line in case.detail.splitlines())
        yield f"<{case.kind} message={_quoted(case.message)}>{text}</{case.kind}>"
    yield "</testcase>"


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"'


def _plain(text: str) -> str:
    """What XML cannot hold is written out."""
    return escape(printable(text), quote=True)
