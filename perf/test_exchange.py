"""100,000 rows from a file: how long it takes to read them, and how much memory the process has then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from figures import Note
from many_rows import record

from tradeoff.exchange.files import write_rows
from tradeoff.record import Run

ROWS = 100_000
#: Seconds and megabytes that reading may take.
TARGETS = {".parquet": (2.0, 250.0), ".json": (10.0, 150.0)}
_CODE = """
import re, sys, time
from pathlib import Path
from tradeoff.exchange.files import read_runs
from tradeoff.record import no_collection
begun = time.perf_counter()
with no_collection():
    runs = read_runs(sys.argv[1])
assert len(runs[0].records) == int(sys.argv[2])
took = time.perf_counter() - begun
# What getrusage tells begins with the memory of the process that started this one.
print(took, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3)
"""


@pytest.fixture(scope="module")
def large() -> Run:
    """A run with facts that differ from row to row."""
    made = ((number, record(number)) for number in range(ROWS))
    records = (replace(one, facts={**one.facts, "rounds": 1000 + number % 997}) for number, one in made)
    return Run("large", "2026-01-02T09:30:00+00:00", machine={"node": "here", "cores": 2}, records=tuple(records))


@pytest.mark.benchmark(group="100,000 rows from a file")
@pytest.mark.parametrize("suffix", TARGETS)
def test_reading_rows(
    suffix: str, large: Run, compare: Callable[..., list[float]], figure: Note, tmp_path: Path
) -> None:
    """In a process of its own, since memory is looked at."""
    pytest.importorskip("pyarrow")
    path = tmp_path / f"rows{suffix}"
    write_rows([large], path)
    seen: list[tuple[float, float]] = []

    def read() -> None:
        command = [sys.executable, "-c", _CODE, str(path), str(ROWS)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        seen.append((float(told[0]), float(told[1])))

    compare(read, rounds=3)
    seconds, megabytes = TARGETS[suffix]
    figure(f"reading {ROWS:,} rows from {suffix}", min(took for took, _ in seen), seconds)
    figure(f"memory with {ROWS:,} rows from {suffix}", max(memory for _, memory in seen), megabytes, "MB")
