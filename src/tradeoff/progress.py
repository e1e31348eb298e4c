"""What a person sees while a run goes on: the step in progress, and one line for each cell that is done."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from tradeoff.record import Record
from tradeoff.text import seconds, size

if TYPE_CHECKING:
    import pytest

#: Without a terminal to rewrite, a long step is heard of this often.
_SECONDS: Final = 15.0
#: With one, more often would only flicker.
_FLICKER: Final = 0.1


@dataclass
class ProgressLine:
    """Rewrites one line on a terminal; prints a line now and then elsewhere; is silent under ``-q``."""

    config: pytest.Config
    cell: str = ""
    number: int = 0
    total: int = 0
    _last: float = 0.0
    _told: str = ""
    _open: bool = False

    def begin(self, cell: str) -> None:
        """A cell begins."""
        self.cell, self.number, self._told = cell, self.number + 1, ""

    def __call__(self, text: str, done: float) -> None:
        """A step of the cell in progress."""
        if self.config.get_verbosity() < 0:
            return
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        line = f"[{self.number}/{self.total}] {self.cell}: {text}"
        now = monotonic()
        if reporter.isatty and self.config.get_verbosity() == 0:
            if now - self._last > _FLICKER:
                self._rewrite(reporter, line, now)
        elif self._is_news(text, now):
            self._write(reporter, line, now)
            self._told = text.split(" ")[0]

    def _is_news(self, text: str, now: float) -> bool:
        """The first word tells the step: a new step that takes long is news, a step that goes on is not."""
        first = text.split(" ")[0]
        if first in ("evaluating", "timing"):
            return False
        return first != self._told or now - self._last > _SECONDS

    def _rewrite(self, reporter: pytest.TerminalReporter, line: str, now: float) -> None:
        with uncaptured(self.config):
            width = reporter._tw.fullwidth - 1
            if not self._open:
                reporter.ensure_newline()
            reporter.rewrite(line[:width], erase=True)
        self._last, self._open = now, True

    def _write(self, reporter: pytest.TerminalReporter, line: str, now: float) -> None:
        with uncaptured(self.config):
            reporter.ensure_newline()
            reporter.write_line(line)
        self._last = now

    def end(self, record: Record, *, before: bool = False) -> None:
        """A cell has ended, now or before the run went on: its line."""
        if self.config.get_verbosity() != 0 or record.status == "skipped":
            return
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return
        with uncaptured(self.config):
            if self._open:
                reporter.rewrite("", erase=True)
                reporter.rewrite("")
                self._open = False
            else:
                reporter.ensure_newline()
            markup = {"green" if record.status == "measured" else "red": True}
            when = "kept: " if before else ""
            line = f"[{self.number}/{self.total}] {record.cell.spelling}  {when}{_outcome(record)}"
            reporter.write_line(line, **markup)


def _outcome(record: Record) -> str:
    """The cell's most telling numbers, or why it has none."""
    if record.status != "measured":
        return f"{record.status}: {record.reason}"
    parts = []
    latency = record.measurements.get("latency")
    if latency is not None and latency.value is not None:
        parts.append(seconds(latency.value))
    throughput = record.measurements.get("throughput")
    if throughput is not None and throughput.value is not None and not parts:
        parts.append(f"{throughput.value:,.0f}/s")
    quality = record.measurements.get(str(record.facts.get("metric")))
    if quality is not None and quality.value is not None:
        parts.append(f"{record.facts['metric']} {quality.value:.4f}")
    artifact = record.measurements.get("artifact_bytes")
    if artifact is not None and artifact.value is not None:
        parts.append(size(artifact.value))
    return ", ".join([*parts, *record.verdicts])


def uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """What is written now reaches the person, also while a test runs."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    # There is none under `-p no:capture`.
    return nullcontext() if capture is None else capture.global_and_fixture_disabled()
