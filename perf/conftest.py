"""What the harness itself costs: every figure with its target, and a table of both at the end."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from bare import Against
from figures import Action, Figure, Note, interleaved, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.processes.workers import ProcessWorkers
from tradeoff.registry import PluginSources, Registry, load_registry, plugin_sources_to_json
from tradeoff.store import Store
from tradeoff.supply import Supply

_FIGURES: Final = pytest.StashKey[list[Figure]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Iterator[Note]:
    """Keep a figure for the table and for pytest-benchmark's JSON; what missed its target fails at the end."""
    kept: list[Figure] = []

    def note(name: str, value: float, target: float, unit: str = "s") -> None:
        kept.append(Figure(name, value, target, unit))
        benchmark.extra_info[name] = {"value": value, "target": target, "unit": unit}

    yield note
    request.config.stash.setdefault(_FIGURES, []).extend(kept)
    missed = [f"{found.name}: {found.cells()[1]}, wanted {found.cells()[2]}" for found in kept if not found.reached]
    assert not missed, "; ".join(missed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table: figure, value, target, reached."""
    figures = config.stash.get(_FIGURES, [])
    if not figures:
        return
    rows = [("figure", "value", "target", "reached"), *(found.cells() for found in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    terminalreporter.section("what the harness costs")
    for row in rows:
        terminalreporter.write_line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))


@pytest.fixture
def compare(benchmark: BenchmarkFixture) -> Callable[..., list[float]]:
    """Medians of actions that are run in turns; the last action's times are what pytest-benchmark shows."""

    def medians(*actions: Action, rounds: int = 5) -> list[float]:
        taken = interleaved(rounds, *actions)
        show(benchmark, taken[-1])
        return [statistics.median(times) for times in taken]

    return medians


@pytest.fixture(scope="session")
def registry() -> Registry:
    """What is installed."""
    return load_registry()


@pytest.fixture(scope="session")
def store(pytestconfig: pytest.Config) -> Store:
    """The checkout's own store: what was trained for a run of the suites is not trained again."""
    return Store(Path(os.environ.get("TRADEOFF_STORE") or pytestconfig.rootpath / ".tradeoff" / "store"))


@pytest.fixture
def start_workers(tmp_path: Path) -> Iterator[Callable[[], ProcessWorkers]]:
    """Start worker processes; all are stopped at the end."""
    started: list[ProcessWorkers] = []

    def start() -> ProcessWorkers:
        setup: dict[str, Any] = {"plugins": plugin_sources_to_json(PluginSources())}
        started.append(ProcessWorkers(setup, tmp_path, 600.0))
        return started[-1]

    yield start
    for workers in started:
        workers.close()


@pytest.fixture
def supply(registry: Registry, store: Store, start_workers: Callable[[], ProcessWorkers]) -> Supply:
    """The stages of the corridor."""
    return Supply(registry, store, start_workers(), seed=0)


@pytest.fixture
def against(
    supply: Supply, start_workers: Callable[[], ProcessWorkers], benchmark: BenchmarkFixture, tmp_path: Path
) -> Against:
    """Reported latencies beside those of a bare loop."""
    return Against(supply, start_workers, benchmark, tmp_path)
