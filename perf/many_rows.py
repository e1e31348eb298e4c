"""A run of 10,000 measured cells, as a file."""

from __future__ import annotations

import json
from pathlib import Path

from tradeoff.record import JSON_KEY, Axes, Measurement, Record, Run, run_to_json

ROWS = 10_000
SECONDS = (("latency", 1e-5), ("build_seconds", 3.0), ("conversion_seconds", 0.5))
BYTES = (("artifact_bytes", 50_000.0), ("gzip_bytes", 40_000.0))
COUNTS = (("accuracy", 0.97), ("parameters", 12_000.0), ("macs", 1e6), ("loss", 0.1), ("cosine", 0.99))


def record(number: int) -> Record:
    """One cell of a hundred models, ten techniques and ten backends."""
    chain = "baseline" if number % 10 == 0 else f"prune:0.{number % 10}+int8"
    axes = Axes(f"model{number // 100}", chain, f"litert:threads={1 + number // 10 % 10}", "host-cpu", "b1")
    factor = 1 + number % 10 / 10
    measured = {
        name: Measurement(value * factor, unit, "lower", low=value * factor * 0.99, high=value * factor * 1.01)
        for unit, group in (("s", SECONDS), ("B", BYTES), ("1", COUNTS))
        for name, value in group
    }
    facts = {"threads": 1, "precision": "int8", "rounds": 1000, "iterations": 300, "floor": 0.9, "metric": "accuracy"}
    return Record(axes, status="measured", measurements=measured, facts=facts)


def many_rows(folder: Path) -> Path:
    """The run's JSON file."""
    records = tuple(record(number) for number in range(ROWS))
    run = Run("large", "2026-01-02T09:30:00+00:00", machine={"node": "here", "cores": 2}, records=records)
    file = folder / "benchmark.json"
    file.write_text(json.dumps({"benchmarks": [], JSON_KEY: run_to_json(run)}))
    return file
