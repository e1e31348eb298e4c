"""A run compared with an earlier one as soon as it has ended: ``--tradeoff-compare`` and ``--tradeoff-fail``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Limit, Outcome, judge, parse_limits
from tradeoff.compare.reading import read_named_run
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.options import BY_NAME, Settings
from tradeoff.record import Run, no_collection
from tradeoff.text import safe
from tradeoff.vocabulary import Renderer

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Against:
    """The run to compare with, read before the new one begins, and how much worse that may be."""

    old: Run
    limits: tuple[Limit, ...] = ()

    def outcome(self, new: Run) -> Outcome:
        """What became of the limits."""
        with no_collection():
            found = compare(self.old, new)
            return Outcome(found, judge(found, self.limits) if self.limits else ())


def against(settings: Settings, folder: Path) -> Against | None:
    """What the options ask for; nothing when they ask for no comparison."""
    name, limits = settings.text("compare"), settings.text("fail")
    if name is None:
        if limits is not None:
            raise BadInput(f"{BY_NAME['fail'].flag} needs {BY_NAME['compare'].flag}=OLD: the run to compare with")
        return None
    try:
        return Against(read_named_run(name, folder), parse_limits(limits) if limits is not None else ())
    except TradeoffError as error:
        raise BadInput(f"{BY_NAME['compare'].flag}={name}: {error}") from error


def show_outcome(reporter: pytest.TerminalReporter, renderer: Renderer | None, outcome: Outcome) -> None:
    """The comparison below the tables of the run."""
    reporter.section("tradeoff: compared", sep="-")
    if renderer is not None:
        reporter.write(_shown(renderer, outcome, reporter._tw.fullwidth, reporter.hasmarkup))
        reporter.ensure_newline()
    for judgement in outcome.judgements:
        if not judgement.passed:
            reporter.write_line(f"FAILED: {safe(judgement.text)}", red=True)


def _shown(renderer: Renderer, outcome: Outcome, width: int, colour: bool) -> str:
    """A renderer may be a stranger's; what it raises costs the table alone."""
    try:
        return renderer.render_comparison(outcome, width, colour)
    except Exception as error:  # noqa: BLE001
        return f"renderer {renderer.name} failed: {safe(f'{type(error).__name__}: {error}')}"
