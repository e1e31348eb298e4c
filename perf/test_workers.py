"""What it costs that the work is done in other processes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
from figures import Note, litert_cell, quiet

from tradeoff.measure.timing import Timing
from tradeoff.processes.workers import ProcessWorkers, WorkerFailed
from tradeoff.registry import Registry
from tradeoff.supply import Supply
from tradeoff.vocabulary import Environment

Start = Callable[[], ProcessWorkers]
EMPTY = Environment("empty")


def trivial(workers: ProcessWorkers, environment: Environment = EMPTY) -> None:
    """The least a worker can be asked: a stage that it does not have."""
    with pytest.raises(WorkerFailed):
        workers.ask(environment, {"stage": "nothing"}, quiet)


@pytest.mark.benchmark(group="workers")
def test_a_round_trip(benchmark: Any, figure: Note, start_workers: Start) -> None:
    workers = start_workers()
    trivial(workers)
    benchmark.pedantic(trivial, args=(workers,), rounds=500, warmup_rounds=50)
    figure("a trivial request to a worker", benchmark.stats.stats.median, 0.002)


@pytest.mark.benchmark(group="workers")
def test_starting_an_empty_worker(compare: Callable[..., list[float]], figure: Note, start_workers: Start) -> None:
    (took,) = compare(lambda: trivial(start_workers()))
    figure("start a worker that imports no framework", took, 1.0)


@pytest.mark.benchmark(group="workers")
def test_starting_and_importing(benchmark: Any, figure: Note, registry: Registry, start_workers: Start) -> None:
    """What the harness takes to start each backend's worker, and what its framework takes to be imported."""
    environments = [
        backend.environment({parameter.name: parameter.default for parameter in backend.parameters}, "host-cpu")
        for backend in registry.backends.values()
        if all(importlib.util.find_spec(need.module) for need in backend.requires)
    ]
    workers = start_workers()

    def start_all() -> None:
        for environment in environments:
            trivial(workers, environment)

    benchmark.pedantic(start_all, rounds=1)
    for report in workers.reports:
        assert report.import_seconds is not None
        figure(f"start worker {report.name}, without imports", report.start_seconds, 1.0)
        figure(f"imports of worker {report.name}", report.import_seconds, 30.0)


@pytest.mark.benchmark(group="workers")
def test_a_request_in_a_real_environment(benchmark: Any, figure: Note, supply: Supply) -> None:
    """One request of one sample, untimed: what remains is the way there and back, and reading the sample's file."""
    pytest.importorskip("ai_edge_litert")
    wanted = litert_cell(supply, "dense", "int8")
    artifact = supply.artifact(wanted, quiet)

    def once() -> None:
        supply._timed.clear()
        supply.timed(wanted, artifact, Timing(once=True), quiet)

    benchmark.pedantic(once, rounds=100, warmup_rounds=5)
    figure("one sample through a LiteRT worker", benchmark.stats.stats.median, 0.02)
