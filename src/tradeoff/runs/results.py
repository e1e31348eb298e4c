"""The end of a run: its files, and what the terminal shows."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import TradeoffError
from tradeoff.machine import installed_version
from tradeoff.record import JSON_KEY, Record, Run
from tradeoff.registry import Registry
from tradeoff.runs.journal import NAME as JOURNAL_NAME
from tradeoff.runs.journal import benchmark_json, read_content
from tradeoff.runs.manifest import NAME as MANIFEST_NAME
from tradeoff.runs.run_folder import FolderInUse
from tradeoff.vocabulary import Renderer

if TYPE_CHECKING:
    import pytest

    from tradeoff.session import Session

JSON_NAME: Final = "benchmark.json"
TABLE_NAME: Final = "table"


def write_results(config: pytest.Config, session: Session, run: Run) -> None:
    """Write pytest-benchmark's JSON and one file for each renderer that makes one."""
    data = _benchmark_json(config)
    path = session.folder / JSON_NAME
    _write(path, json.dumps(data, indent=1, default=str))
    asked = config.getoption("benchmark_json", None)
    if asked and not data["benchmarks"]:
        # pytest-benchmark writes nothing when nothing was timed; whoever asked for a file gets one.
        _write(Path(asked), json.dumps(data, indent=1, default=str))
    _write_tables(session.plan.registry, session.folder, replace(run, source=str(path)))


def recover(folder: Path, registry: Registry) -> list[Path]:
    """Make the files of a run that was killed, from its journal; those of a run that ended are left alone."""
    path = folder / JSON_NAME
    if path.exists():
        raise TradeoffError(f"{path} is there already: that run came to its end")
    content = read_content(folder / JOURNAL_NAME)
    with FolderInUse(folder):
        _write(path, json.dumps(benchmark_json(content), indent=1))
        return [path, *_write_tables(registry, folder, replace(content.run, source=str(path)))]


def _write_tables(registry: Registry, folder: Path, run: Run) -> list[Path]:
    written = []
    for renderer in registry.renderers.values():
        if renderer.suffix:
            written.append(folder / f"{TABLE_NAME}{renderer.suffix}")
            _write(written[-1], _rendered(renderer, run))
    return written


def _rendered(renderer: Renderer, run: Run) -> str:
    """A renderer may be a stranger's; what it raises costs its own file."""
    try:
        return renderer.render([run], 100, False)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise TradeoffError(f"renderer {renderer.name} failed: {told}; {JSON_NAME} has everything") from error


def surroundings_of(config: pytest.Config) -> dict[str, Any]:
    """What pytest-benchmark says of machine and commit."""
    benchmarks: Any = config.pluginmanager.get_plugin("pytest-benchmark")
    commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
    config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit)
    return {
        "machine_info": benchmarks.get_machine_info(),
        "commit_info": commit,
        "version": installed_version("pytest-benchmark"),
    }


def _benchmark_json(config: pytest.Config) -> dict[str, Any]:
    """As pytest-benchmark itself would write it, records included."""
    benchmarks: Any = config.pluginmanager.get_plugin("pytest-benchmark")
    around = surroundings_of(config)
    data: dict[str, Any] = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=benchmarks.benchmarks,
        include_data=True,
        machine_info=around["machine_info"],
        commit_info=around["commit_info"],
    )
    config.hook.pytest_benchmark_update_json(config=config, benchmarks=benchmarks.benchmarks, output_json=data)
    return data


def _write(path: Path, text: str) -> None:
    """Write in full, or say what could not be written; the journal has every finished cell anyway."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise TradeoffError(
            f"{path} cannot be written: {error}; the journal beside it has every finished cell"
        ) from error


def show_results(reporter: pytest.TerminalReporter, session: Session, run: Run) -> None:
    """The table in the terminal, and where the files are."""
    renderer = session.plan.registry.renderers.get("terminal")
    reporter.ensure_newline()
    reporter.section("tradeoff", sep="=")
    if renderer is not None:
        reporter.write(renderer.render([run], reporter._tw.fullwidth, reporter.hasmarkup))
        reporter.ensure_newline()
    for line in closing_lines(session, run):
        reporter.write_line(line)


def properties_of(record: Record) -> list[tuple[str, object]]:
    """What pytest's JUnit file tells of a cell, one property for each number."""
    numbers = [(f"tradeoff.{name}", m.value) for name, m in record.measurements.items() if m.value is not None]
    return [(JSON_KEY, record.cell.spelling), *numbers]


def closing_lines(session: Session, run: Run) -> list[str]:
    """Where the files are, and what would change a run that measured nothing."""
    lines = [f"files: {_shown(session.folder)}: {', '.join(_files(session.folder))}"]
    if run.records and all(record.status == "skipped" for record in run.records):
        reasons = dict.fromkeys(record.reason for record in run.records)
        lines.append("nothing could be measured: every selected cell is a skip")
        lines += [f"  {reason}" for reason in reasons]
    return lines


def _shown(path: Path) -> str:
    """Relative to where the person stands, when that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _files(folder: Path) -> list[str]:
    order = {".json": 0, ".html": 1, ".md": 2, ".csv": 3}
    results = (path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST_NAME)
    names = [path.name for path in results if path.suffix in order]
    return sorted(names, key=lambda name: order[Path(name).suffix])
