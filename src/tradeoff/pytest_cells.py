"""The hooks of a session that has cells: plan, items, records of what became of them, report at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tradeoff.benchmark_options import marker_options, timing_of
from tradeoff.compare.against import Against, against, show_outcome
from tradeoff.compare.gate import Outcome
from tradeoff.corridor import Corridor
from tradeoff.errors import BadInput, TradeoffError
from tradeoff.matrix import PlannedCell
from tradeoff.options import BY_NAME, Option, Settings, read_table, resolve_settings
from tradeoff.planning import Plan, make_plan
from tradeoff.progress import ProgressLine, uncaptured
from tradeoff.record import JSON_KEY, Axes, Record, Status
from tradeoff.registry import GROUP, PluginSources, is_for_workers, load_registry
from tradeoff.runs.again import notes_again, plan_again, settings_again
from tradeoff.runs.journal import Finished, with_records
from tradeoff.runs.manifest import Invocation, invocation_of
from tradeoff.runs.replay import ReplayClock, entry_of, leave_untimed, replay, tape_of
from tradeoff.runs.results import properties_of, show_results, surroundings_of, write_results
from tradeoff.session import EndedBefore, Session, begin_session, outcome_of
from tradeoff.text import safe_lines, seconds

#: What pytest-benchmark's table shows of cells unless ``--benchmark-columns`` says otherwise.
COLUMNS: Final = ("median", "iqr", "rounds", "iterations")
_ALONE: Final = "cells are timed alone: run the benchmarks without pytest-xdist's -n"
_CORRIDOR: Final = pytest.StashKey[Corridor]()
_ERROR: Final = pytest.StashKey[TradeoffError]()


class Cells:
    """One session's plan and run, as pytest's hooks see them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.clock = ReplayClock()
        self.progress = ProgressLine(config)
        self.plan: Plan | None = None
        self.error: TradeoffError | None = None
        self.session: Session | None = None
        self._in_progress: tuple[str, Axes] | None = None
        self._foreign_items = 0
        self._against: Against | None = None
        self._outcome: Outcome | None = None
        self._parallel = hasattr(config, "workerinput")
        try:
            self.timing = timing_of(config)
            self.plan = _make_plan(config)
            settings = self.plan.settings
            self.timing = replace(self.timing, margin=settings.precision, budget=settings.budget)
            self._against = against(settings, config.invocation_params.dir)
        except TradeoffError as error:
            # A plugin cannot stop a collection with a usage error; it is raised when collection is over.
            self.error = error

    def parameters(self) -> list[Any]:
        """One parameter set for each cell of the matrix."""
        if self.plan is None:
            return []
        # pytest-benchmark is told how each cell is really timed, so that its JSON says so.
        marker = {"timer": self.clock, **marker_options(self.timing)}
        alone = [pytest.mark.skip(reason=_ALONE)] if self._parallel else []
        return [_parameter(planned, marker, alone) for planned in self.plan.matrix.cells]

    def corridor(self, item: pytest.Item, planned: PlannedCell) -> Corridor:
        """The way of one cell, for the fixture."""
        if self.session is None:
            raise pytest.UsageError("the `corridor` fixture was asked for outside a run of the matrix")
        item.stash[_CORRIDOR] = self.session.corridor(planned, _suite(item), self.progress)
        return item.stash[_CORRIDOR]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Say what is wrong with the plan."""
        if self.error is not None:
            # What stands for 'no parameters' would be listed as if it were a cell.
            items.clear()
            raise pytest.UsageError(safe_lines(str(self.error)))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin the run, once it is known which cells are selected."""
        planned = [(_suite(item), cell) for item in session.items if (cell := _planned(item)) is not None]
        self._foreign_items = len(session.items) - len(planned)
        if not planned or self.plan is None or self._parallel:
            return
        self._tell_problems(self.plan)
        for text in notes_again(self.plan.settings, planned, self.timing):
            self._tell(text, yellow=True)
        if not self.config.option.collectonly:
            self._begin(self.plan, planned)

    def _tell_problems(self, plan: Plan) -> None:
        for text in (*plan.registry.problems, *plan.matrix.notes):
            self._tell(text, yellow=True)

    def _tell(self, text: str, **markup: bool) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and (markup or self.config.get_verbosity() >= 0):
            reporter.ensure_newline()
            reporter.write_line(f"tradeoff: {safe_lines(text)}", **markup)

    def _beginning(self, plan: Plan, planned: int) -> str:
        """What is about to happen, and how long it is measured: pytest-benchmark's header tells its own defaults."""
        timing = self.timing
        rounds = f"at least {timing.min_rounds} rounds of {seconds(timing.min_time)}"
        how = "run once, not timed" if timing.once else f"timed for {seconds(timing.max_time)} in {rounds}"
        seed = plan.settings.seed
        return f"{self.progress.total} of {planned} selected cells can run, each {how}; seed {seed}"

    def _begin(self, plan: Plan, planned: list[tuple[str, PlannedCell]]) -> None:
        try:
            self.session = begin_session(
                plan,
                planned,
                _home(self.config),
                self.timing,
                self.clock,
                self._warn,
                self._waiting,
                surroundings_of(self.config),
                _invocation(self.config),
            )
        except TradeoffError as error:
            raise pytest.UsageError(safe_lines(str(error))) from error
        self.progress.total = sum(cell.refusal is None for _, cell in planned)
        self._tell(self._beginning(plan, len(planned)))
        self._tell_resumed(plan, self.session)
        if not self._foreign_items:
            self._suit_the_terminal()

    def _tell_resumed(self, plan: Plan, session: Session) -> None:
        if session.kept_cells:
            kept = f"{session.kept_cells} of {len(session.run.records)} cells had ended and are kept"
            self._tell(f"going on with run {session.run.name}: {kept}")
        elif plan.settings.switch("resume"):
            self._tell(f"no run to go on with: {session.run.name} begins anew", yellow=True)

    def _warn(self, text: str) -> None:
        try:
            self.config.issue_config_time_warning(pytest.PytestWarning(text), stacklevel=2)
        except pytest.PytestWarning:
            # Where warnings are errors, this one would fail a cell whose entry is mended.
            with uncaptured(self.config):
                self._tell(text, yellow=True)

    def _waiting(self, text: str) -> None:
        self.progress(text, 0.0)

    def _suit_the_terminal(self) -> None:
        """In a run of cells alone each has a line of its own, and pytest-benchmark's table fits 80 columns."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self.config.get_verbosity() == 0:
            reporter.showfspath = False
            # The cells' own lines count; pytest's percentage would stand on a line of its own.
            reporter._show_progress_info = False
        benchmarks = self.config.pluginmanager.get_plugin("pytest-benchmark")
        if benchmarks is not None and self.config.getoption("benchmark_columns") is None:
            benchmarks.columns = list(COLUMNS)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know which cell is in progress, for a run that is interrupted."""
        planned = _planned(item)
        if planned is not None and planned.refusal is None:
            self._in_progress = (_suite(item), planned.cell.axes)
            self.progress.begin(planned.cell.spelling)
        result = yield
        self._in_progress = None
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Tell what went wrong with a cell in one message, without a traceback of this project's inside."""
        if _planned(item) is None:
            yield
            return
        _excuse_benchmark(item)
        try:
            yield
            return
        except TradeoffError as error:
            item.stash[_ERROR] = error
        # Out here the error is not the context of what pytest shows.
        status, reason, detail = outcome_of(item.stash[_ERROR])
        if status in ("refused", "skipped"):
            pytest.skip(f"refused: {reason}" if status == "refused" else reason)
        pytest.fail(f"{reason}\n{detail}".rstrip(), pytrace=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> object | None:
        """A cell that had ended before this run went on is not run again: its samples and its end are given back."""
        kept = self._kept(pyfuncitem)
        if kept is None:
            return None
        if kept.record.status != "measured":
            raise EndedBefore(kept.record)
        benchmark = pyfuncitem.funcargs.get("benchmark")
        if benchmark is not None and kept.benchmark is None:
            leave_untimed(benchmark)
        elif benchmark is not None:
            replay(benchmark, self.clock, kept.record.cell, tape_of(kept.benchmark))
        return True

    def _kept(self, item: pytest.Item) -> Finished | None:
        planned = _planned(item)
        if planned is None or self.session is None:
            return None
        return self.session.kept(_suite(item), planned.cell.spelling)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the record of a cell that has ended, before the next begins."""
        report = yield
        planned = _planned(item)
        if planned is None or self.session is None:
            return report
        if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
            kept = self._kept(item)
            record = kept.record if kept else _record(item, planned, report)
            self._finish(record, entry_of(getattr(item, "funcargs", {}).get("benchmark")))
            self.progress.end(record, before=kept is not None)
            report.user_properties.append((JSON_KEY, planned.cell.spelling))
            # What pytest's own --junitxml tells of the cell; it looks at the item once all is over.
            item.user_properties += properties_of(record)
            if report.failed:
                _excuse_benchmark(item)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport, config: pytest.Config
    ) -> tuple[str, str, str] | None:
        """At ordinary verbosity a cell has a line of its own instead of a letter."""
        is_cell = any(name == JSON_KEY for name, _ in getattr(report, "user_properties", ()))
        if not is_cell or config.get_verbosity() != 0 or report.when == "teardown":
            return None
        return report.outcome, "", report.outcome.upper()

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Put every record into pytest-benchmark's JSON: per benchmark, and the whole run at the top."""
        if self.session is None:
            return
        self._close_interrupted()
        with_records(output_json, self.session.whole_run())

    def _finish(self, record: Record, benchmark: Mapping[str, Any] | None) -> None:
        """Without a journal a run could lose what it has: it ends here, and says why."""
        if self.session is None:
            return
        try:
            self.session.finish(record, benchmark)
        except TradeoffError as error:
            self.error = error
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)

    def _close_interrupted(self) -> None:
        """A cell that was in progress when the run ended has a record too."""
        if self._in_progress is None or self.session is None:
            return
        suite, axes = self._in_progress
        if self.session.finished(suite, axes.spelling) is None and self.error is None:
            with contextlib.suppress(TradeoffError):
                # The run is over anyway; that the disk is full is told when its files are written.
                self.session.finish(Record(axes, suite, "interrupted", "stopped while it ran"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Stop the workers, write the run's files, and let nothing measured not look like success.

        pytest-benchmark has written its own files by now, and the terminal's summary is still to come.
        """
        if self.session is None:
            return
        self._close_interrupted()
        self.session.close()
        run = self.session.whole_run()
        try:
            write_results(self.config, self.session, run)
        except TradeoffError as error:
            self.error = error
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            return
        self._outcome = self._against.outcome(run) if self._against else None
        if self._outcome is not None and not self._outcome.passed and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        nothing = all(record.status in ("skipped", "refused") for record in run.records)
        if exitstatus == pytest.ExitCode.OK and not self._foreign_items and nothing:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """End with the trade-off table, and where the files are."""
        if self.session is None:
            return
        show_results(terminalreporter, self.session, self.session.whole_run())
        if self._outcome is not None:
            show_outcome(terminalreporter, self.session.plan.registry.renderers.get("terminal"), self._outcome)
        if self.error is not None:
            terminalreporter.write_line(f"ERROR: {safe_lines(str(self.error))}", red=True)


def _make_plan(config: pytest.Config) -> Plan:
    sources, plugins = plugins_of(config)
    # What pytest has loaded already is not loaded a second time here; a worker does it by name.
    registry = load_registry(PluginSources(blocked=sources.blocked), plugins)
    settings = _settings(config)
    plan = plan_again(settings, lambda: make_plan(settings, sources, registry))
    if not plan.matrix.cells:
        why = "; ".join((*registry.problems, *plan.matrix.notes))
        raise BadInput(f"the selection has no cell: {why or 'an axis of it is empty'}")
    return plan


def _settings(config: pytest.Config) -> Settings:
    def given(option: Option) -> Any:
        return config.getoption(option.dest)

    folder = config.invocation_params.dir
    # Written by whoever starts this very run, and in no file.
    allow_code = BY_NAME["allow-code"].flag in map(str, config.invocation_params.args)
    return settings_again(resolve_settings(given, folder, read_table(_home(config))), folder, allow_code)


def _invocation(config: pytest.Config) -> Invocation:
    asked = config.option
    return invocation_of(config.invocation_params.dir, config.args, asked.keyword, asked.markexpr, asked.pyargs)


def _home(config: pytest.Config) -> Path:
    """Where the files of runs go: without a configuration file, pytest's root folder is a guess from the arguments."""
    return config.rootpath if config.inipath is not None else config.invocation_params.dir


def plugins_of(config: pytest.Config) -> tuple[PluginSources, list[tuple[str, object]]]:
    """The pytest plugins and conftest files that carry hooks, and how a worker finds them."""
    manager = config.pluginmanager
    carrying = [
        (name, plugin) for name, plugin in manager.list_name_plugin() if plugin is not None and is_for_workers(plugin)
    ]
    modules, conftests = [], []
    for _, plugin in carrying:
        if not isinstance(plugin, ModuleType):
            continue
        path = str(getattr(plugin, "__file__", ""))
        if Path(path).name == "conftest.py":
            conftests.append(path)
        else:
            modules.append(plugin.__name__)
    blocked = {point.name for point in entry_points(group=GROUP) if manager.is_blocked(point.name)}
    return PluginSources(tuple(modules), tuple(conftests), tuple(sorted(blocked))), carrying


def _parameter(planned: PlannedCell, marker: dict[str, Any], more: list[pytest.MarkDecorator]) -> Any:
    axes = planned.cell.axes
    marks = [*more, pytest.mark.benchmark(group=f"{axes.model} on {axes.device}, {axes.load}", **marker)]
    if planned.refusal is not None:
        marks.append(pytest.mark.skip(reason=str(planned.refusal)))
    return pytest.param(planned, id=axes.spelling, marks=marks)


def _planned(item: pytest.Item) -> PlannedCell | None:
    """The cell of an item, if it has one."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("corridor") if callspec is not None else None
    return found if isinstance(found, PlannedCell) else None


def _excuse_benchmark(item: pytest.Item) -> None:
    """A cell that fails or is stopped on its way has not timed anything; pytest-benchmark need not warn of that."""
    benchmark = getattr(item, "funcargs", {}).get("benchmark")
    if benchmark is not None:
        benchmark.skipped = True


def _suite(item: pytest.Item) -> str:
    """The test function: with the cell's spelling it names a row, in a checkout as in an installed suite."""
    return str(getattr(item, "originalname", None) or item.name)


def _record(item: pytest.Item, planned: PlannedCell, report: pytest.TestReport) -> Record:
    status, reason, detail = _outcome(item, planned, report)
    corridor = item.stash.get(_CORRIDOR, None)
    if corridor is None:
        return Record(planned.cell.axes, _suite(item), status, reason, detail)
    return corridor.record(status=status, reason=reason, detail=detail)


def _outcome(item: pytest.Item, planned: PlannedCell, report: pytest.TestReport) -> tuple[Status, str, str]:
    error = item.stash.get(_ERROR, None)
    if error is not None:
        return outcome_of(error)
    if planned.refusal is not None:
        return "skipped", str(planned.refusal), ""
    if report.skipped:
        return "skipped", _skip_reason(report), ""
    if report.failed:
        lines = [line for line in report.longreprtext.splitlines() if line.strip()]
        return "failed", lines[-1] if lines else "the test failed", report.longreprtext[-4000:]
    return "measured", "", ""


def _skip_reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "skipped"
