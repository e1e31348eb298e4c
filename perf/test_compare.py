"""Two runs of 10,000 rows against each other, and histories over many."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from figures import Note

from tradeoff.compare.comparing import compare as compare_runs
from tradeoff.compare.gate import Outcome, judge, parse_limits
from tradeoff.compare.history import histories
from tradeoff.record import JSON_KEY, Axes, Measurement, Record, Run, no_collection, read_run, run_to_json
from tradeoff.registry import load_registry

ROWS = 10_000
MACHINE = {"processor": "a processor", "architecture": "x86_64", "cores": 2}
FACTS = {"metric": "accuracy", "undisturbed": 0.8, "speed": 0.9, "loads": 12}


def record(number: int) -> Record:
    axes = Axes(
        f"model{number // 100}", f"prune:0.{1 + number % 10}+int8", f"litert:threads={number}", "host-cpu", "b1"
    )
    measured = {
        "latency": Measurement(1e-5, "s", "lower", low=0.99e-5, high=1.01e-5),
        "speed_up": Measurement(2.0, "1", "higher", low=1.99, high=2.01),
        "accuracy": Measurement(0.97, "1", "higher"),
        "artifact_bytes": Measurement(50_000, "B", "lower"),
    }
    return Record(axes, status="measured", measurements=measured, facts=FACTS)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's JSON file."""
    run = Run("large", "2026-01-02T09:30:00+00:00", MACHINE, records=tuple(map(record, range(ROWS))))
    file = tmp_path_factory.mktemp("large") / "benchmark.json"
    file.write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(run)}))
    return file


@pytest.mark.benchmark(group="two runs of 10,000 rows")
@pytest.mark.parametrize("name", sorted(load_registry().renderers))
def test_a_comparison(name: str, compare: Callable[..., list[float]], figure: Note, path: Path) -> None:
    renderer = load_registry().renderers[name]
    old, new = read_run(path), read_run(path)
    limits = parse_limits("latency:5%,size:1%,accuracy:0.5pt")

    def work() -> None:
        with no_collection():
            found = compare_runs(old, new)
            renderer.render_comparison(Outcome(found, judge(found, limits)), 120, False)

    (took,) = compare(work)
    figure(f"compare 2 x 10,000 rows as {name}", took, 1.0)


@pytest.mark.benchmark(group="two runs of 10,000 rows")
def test_a_history(compare: Callable[..., list[float]], figure: Note, path: Path) -> None:
    whole = read_run(path)
    runs = [
        replace(whole, name=f"run {n}", started=f"2026-01-{n + 1:02}", records=whole.records[:200]) for n in range(28)
    ]
    (took,) = compare(lambda: histories(runs))
    figure("history of 200 cells over 28 runs", took, 1.0)
