"""10,000,000 rows from a file: the report over the newest of each cell, and a condition that finds few of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from figures import Note
from millions import CELLS, write_millions

ROWS = 10_000_000
#: Seconds that a report may take, with the start of Python; and megabytes.
TARGET = 5.0
MEMORY = 500.0
ASKED = {
    "all": ("", f"{ROWS:,} rows: of each cell on each machine the newest measured one counts, {CELLS:,} in all"),
    "a condition": ("model = 'model3' AND m_latency.value < 5.5e-6 AND run_number >= 990", f"of {ROWS:,} rows"),
}
#: The command as a person runs it, and then what its process has needed at most.
_CODE = """
import re, sys, time
from pathlib import Path
begun = time.perf_counter()
from tradeoff.cli import main
status = main(sys.argv[1:])
took = time.perf_counter() - begun
print(took, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some minutes and 1.3 GB."""
    pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("millions") / "rows.parquet"
    write_millions(path, ROWS)
    return path


@pytest.mark.benchmark(group="10,000,000 rows from a file")
@pytest.mark.parametrize("asked", ASKED)
def test_a_report_over_millions_of_rows(
    asked: str, file: Path, compare: Callable[..., list[float]], figure: Note, tmp_path: Path
) -> None:
    """In a process of its own, since memory is looked at."""
    seen: list[tuple[float, float]] = []
    where, told = ASKED[asked]

    def report() -> None:
        condition = ["--where", where] if where else []
        command = [sys.executable, "-c", _CODE, "report", str(file), *condition, "--output", str(tmp_path / "report")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert told in done.stderr
        seconds, megabytes = done.stdout.split()
        seen.append((float(seconds), float(megabytes)))

    compare(report, rounds=3)
    figure(f"report over {ROWS:,} rows, {asked}", min(took for took, _ in seen), TARGET)
    figure(f"memory of it, {asked}", max(memory for _, memory in seen), MEMORY, "MB")
