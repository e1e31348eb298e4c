"""The pytest plugin: options, cells as items, records of what became of them, and the report at the end.

A session that has no test with the ``corridor`` fixture pays for none of this.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tradeoff.benchmark_options import marker_options, timing_of
from tradeoff.corridor import Corridor
from tradeoff.errors import Refused, TradeoffError
from tradeoff.matrix import PlannedCell
from tradeoff.options import OPTIONS, Option, Settings, read_table, resolve_settings
from tradeoff.progress import ProgressLine
from tradeoff.record import JSON_KEY, Axes, Record, Status, run_to_json
from tradeoff.registry import GROUP, PluginSources, carries_hooks, load_registry
from tradeoff.replay import ReplayClock
from tradeoff.results import show_results, write_results
from tradeoff.session import Plan, Session, begin_session, make_plan, outcome_of

FIXTURE: Final = "corridor"
#: What pytest-benchmark's table shows of cells unless ``--benchmark-columns`` says otherwise.
COLUMNS: Final = ("median", "iqr", "rounds", "iterations")
_STATE: Final = pytest.StashKey["_State"]()
_PLANNED: Final = pytest.StashKey[PlannedCell]()


@dataclass
class _State:
    """What this plugin knows of the session."""

    clock: ReplayClock = field(default_factory=ReplayClock)
    progress: ProgressLine | None = None
    plan: Plan | None = None
    error: TradeoffError | None = None
    session: Session | None = None
    in_progress: tuple[str, Axes] | None = None
    foreign_items: int = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the table in :mod:`tradeoff.options`."""
    group = parser.getgroup("tradeoff", "tradeoff: which compressed model, on which runtime, for which device")
    for option in OPTIONS:
        if option.metavar:
            group.addoption(option.flag, dest=option.dest, metavar=option.metavar, default=None, help=option.help)
        else:
            group.addoption(option.flag, dest=option.dest, action="store_true", default=None, help=option.help)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the state; nothing is planned before a test asks for a cell."""
    config.stash[_STATE] = _State(progress=ProgressLine(config))


def _settings(config: pytest.Config) -> Settings:
    def given(option: Option) -> Any:
        return config.getoption(option.dest)

    return resolve_settings(given, config.invocation_params.dir, read_table(config.rootpath))


def _plan(config: pytest.Config) -> Plan | None:
    """The plan, made once; what is wrong with it is told when collection is over, as a usage error."""
    state = config.stash[_STATE]
    if state.plan is None and state.error is None:
        try:
            _refuse_parallel(config)
            timing_of(config)
            sources, plugins = _plugins(config)
            # What pytest has loaded already is not loaded a second time here; a worker does it by name.
            registry = load_registry(PluginSources(blocked=sources.blocked), plugins)
            state.plan = make_plan(_settings(config), sources, registry)
        except TradeoffError as error:
            state.error = error
    return state.plan


def _refuse_parallel(config: pytest.Config) -> None:
    if config.getoption("dist", "no") != "no" or hasattr(config, "workerinput"):
        raise TradeoffError("cells are timed alone: run the benchmarks without pytest-xdist's -n (or with -n 0)")


def _plugins(config: pytest.Config) -> tuple[PluginSources, list[tuple[str, object]]]:
    """The pytest plugins and conftest files that carry hooks, and how a worker finds them."""
    manager = config.pluginmanager
    carrying = [
        (name, plugin) for name, plugin in manager.list_name_plugin() if plugin is not None and carries_hooks(plugin)
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
    blocked = [point.name for point in entry_points(group=GROUP) if manager.is_blocked(point.name)]
    return PluginSources(tuple(modules), tuple(conftests), tuple(sorted(set(blocked)))), carrying


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item of each cell."""
    if FIXTURE not in metafunc.fixturenames:
        return
    plan = _plan(metafunc.config)
    cells = plan.matrix.cells if plan else ()
    marker = _benchmark_marker(metafunc.config) if cells else {}
    metafunc.parametrize(FIXTURE, [_parameter(cell, marker) for cell in cells], indirect=True)


def _benchmark_marker(config: pytest.Config) -> dict[str, Any]:
    """What pytest-benchmark is told of each cell, so that its JSON says how it was really timed."""
    return {"timer": config.stash[_STATE].clock, **marker_options(timing_of(config))}


def _parameter(planned: PlannedCell, marker: dict[str, Any]) -> Any:
    axes = planned.cell.axes
    marks = [pytest.mark.benchmark(group=f"{axes.model} on {axes.device}, {axes.load}", **marker)]
    if planned.refusal is not None:
        marks.append(pytest.mark.skip(reason=str(planned.refusal)))
    return pytest.param(planned, id=axes.spelling, marks=marks)


def _planned(item: pytest.Item) -> PlannedCell | None:
    """The cell of an item, if it has one."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get(FIXTURE) if callspec is not None else None
    return found if isinstance(found, PlannedCell) else None


def _suite(item: pytest.Item) -> str:
    """The test function: with the cell's spelling it names a row, in a checkout as in an installed suite."""
    return str(getattr(item, "originalname", None) or item.name)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Say what is wrong with the plan, or begin the run."""
    config = session.config
    state = config.stash[_STATE]
    if state.error is not None:
        raise pytest.UsageError(str(state.error))
    planned = [(_suite(item), cell) for item in session.items if (cell := _planned(item)) is not None]
    state.foreign_items = len(session.items) - len(planned)
    if not planned or state.plan is None:
        return
    _tell_problems(config, state.plan)
    if config.option.collectonly:
        return
    try:
        state.session = begin_session(
            state.plan,
            planned,
            config.rootpath,
            timing_of(config),
            state.clock,
            warn=lambda text: config.issue_config_time_warning(pytest.PytestWarning(text), stacklevel=2),
            waiting=lambda text: state.progress(text, 0.0) if state.progress else None,
        )
    except TradeoffError as error:
        raise pytest.UsageError(str(error)) from error
    if state.progress is not None:
        state.progress.total = sum(cell.refusal is None for _, cell in planned)
    if not state.foreign_items:
        _suit_the_terminal(config)


def _suit_the_terminal(config: pytest.Config) -> None:
    """In a run of cells alone, each has a line of its own, and pytest-benchmark's table fits 80 columns."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and config.get_verbosity() == 0:
        reporter.showfspath = False
    benchmarks = config.pluginmanager.get_plugin("pytest-benchmark")
    if benchmarks is not None and config.getoption("benchmark_columns") is None:
        benchmarks.columns = list(COLUMNS)


def _tell_problems(config: pytest.Config, plan: Plan) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    for text in (*plan.registry.problems, *plan.matrix.notes):
        reporter.ensure_newline()
        reporter.write_line(f"tradeoff: {text}", yellow=True)


@pytest.fixture
def corridor(request: pytest.FixtureRequest) -> Corridor:
    """One cell's way from its model to its record: ``build``, ``convert``, ``evaluate``, ``time``."""
    state = request.config.stash[_STATE]
    if state.session is None or state.progress is None:
        raise pytest.UsageError("the `corridor` fixture was asked for outside a run of the matrix")
    planned: PlannedCell = request.param
    made = state.session.corridor(planned, _suite(request.node), state.progress)
    request.node.stash[_CORRIDOR] = made
    return made


_CORRIDOR: Final = pytest.StashKey[Corridor]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Tell what went wrong with a cell in one message, without a traceback of this project's inside."""
    if _planned(item) is None:
        yield
        return
    try:
        yield
    except Refused as error:
        item.stash[_ERROR] = error
        pytest.skip(f"refused: {error}")
    except TradeoffError as error:
        item.stash[_ERROR] = error
        status, reason, detail = outcome_of(error)
        pytest.fail(f"{status}: {reason}" + (f"\n{detail}" if detail else ""), pytrace=False)


_ERROR: Final = pytest.StashKey[TradeoffError]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Know which cell is in progress, for a run that is interrupted."""
    planned = _planned(item)
    state = item.config.stash[_STATE]
    if planned is not None and planned.refusal is None and state.progress is not None:
        state.in_progress = (_suite(item), planned.cell.axes)
        state.progress.begin(planned.cell.spelling)
    result = yield
    state.in_progress = None
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the record of a cell that has ended, before the next begins."""
    report = yield
    planned = _planned(item)
    state = item.config.stash[_STATE]
    if planned is None or state.session is None or state.progress is None:
        return report
    ended = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
    if ended:
        record = _record(item, planned, report)
        state.session.finish(record)
        state.progress.end(record)
        report.user_properties.append(("tradeoff", planned.cell.spelling))
    return report


def _record(item: pytest.Item, planned: PlannedCell, report: pytest.TestReport) -> Record:
    status, reason, detail = _outcome(item, planned, report)
    corridor_ = item.stash.get(_CORRIDOR, None)
    if corridor_ is None:
        return Record(planned.cell.axes, _suite(item), status, reason, detail)
    return corridor_.record(status=status, reason=reason, detail=detail)


def _outcome(
    item: pytest.Item, planned: PlannedCell, report: pytest.TestReport
) -> tuple[Status, str, str]:
    error = item.stash.get(_ERROR, None)
    if error is not None:
        return outcome_of(error)
    if planned.refusal is not None:
        return "skipped", str(planned.refusal), ""
    if report.skipped:
        return "skipped", report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped", ""
    if report.failed:
        return "failed", _last_line(report.longreprtext), report.longreprtext[-4000:]
    return "measured", "", ""


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "the test failed"


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    """At ordinary verbosity a cell has a line of its own instead of a letter."""
    is_cell = any(name == "tradeoff" for name, _ in getattr(report, "user_properties", ()))
    if not is_cell or config.get_verbosity() != 0:
        return None
    if report.when == "teardown" and report.passed:
        return None
    return report.outcome, "", report.outcome.upper()


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Put every record into pytest-benchmark's JSON: per benchmark, and the whole run at the top."""
    state = config.stash[_STATE]
    if state.session is not None:
        _interrupt(state)
        output_json[JSON_KEY] = run_to_json(state.session.whole_run())
        _attach(state.session, output_json)


def _attach(session: Session, output_json: dict[str, Any]) -> None:
    records = {record["cell"]: record for record in output_json[JSON_KEY]["records"]}
    for benchmark in output_json.get("benchmarks", ()):
        if benchmark["fullname"] in records:
            benchmark["extra_info"] = benchmark["extra_info"] | {JSON_KEY: records[benchmark["fullname"]]}


def _interrupt(state: _State) -> None:
    """A cell that was in progress when the run ended has a record too."""
    if state.in_progress is None or state.session is None:
        return
    suite, axes = state.in_progress
    if state.session.finished(suite, axes.spelling) is None:
        state.session.finish(Record(axes, suite, "interrupted", "stopped while it ran"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Stop the workers, write the run's files, and let nothing selected look like success.

    pytest-benchmark has written its own files by now, and the terminal's summary is still to come.
    """
    state = session.config.stash.get(_STATE, None)
    if state is None or state.session is None:
        return
    state.session.close()
    run = state.session.whole_run()
    try:
        write_results(session.config, state.session, run)
    except TradeoffError as error:
        state.error = error
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        return
    if exitstatus == pytest.ExitCode.OK and not state.foreign_items and _all_skipped(run.records):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def _all_skipped(records: tuple[Record, ...]) -> bool:
    return all(record.status in ("skipped", "refused") for record in records)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """End with the trade-off table, and where the files are."""
    state = config.stash.get(_STATE, None)
    if state is not None and state.session is not None:
        show_results(terminalreporter, state.session, state.session.whole_run())
        if state.error is not None:
            terminalreporter.write_line(f"ERROR: {state.error}", red=True)
