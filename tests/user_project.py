"""A user's folder in which the installed suites are run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SUITE = ("--pyargs", "tradeoff.suites", "--benchmark-only", "-p", "no:cacheprovider")
QUICK = ("--benchmark-max-time=0.02", "--benchmark-min-rounds=3")
NUMPY_BACKEND = (Path(__file__).parent / "numpy_backend.py").read_text(encoding="utf-8")


def heeding_interrupts(command: Sequence[str]) -> list[str]:
    """The command as a process that Ctrl-C ends: a test run in the background hands on that it is ignored.

    Not by ``preexec_fn``, which forks: a test of JAX in the same process has made that a warning.
    """
    become = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", become, *command]


@dataclass
class Project:
    """A user's folder with a conftest, in which the installed suites are run."""

    pytester: pytest.Pytester

    def conftest(self, source: str = "") -> None:
        """The backend in NumPy, and what else the test needs."""
        self.pytester.makeconftest(NUMPY_BACKEND + "\n" + source)

    def run(self, *arguments: str, cells: str | None = "dense/baseline/numpy") -> pytest.RunResult:
        """Run the suites, quickly, on cells that are in the store unless said otherwise."""
        chosen = (f"--tradeoff-cells={cells}",) if cells else ()
        return self.pytester.runpytest_subprocess(*SUITE, *QUICK, *chosen, *arguments)

    @property
    def folder(self) -> Path:
        """The folder of the last run."""
        return max((self.pytester.path / ".tradeoff" / "runs").iterdir(), key=lambda path: path.stat().st_mtime)

    def json(self) -> dict[str, Any]:
        """What the last run wrote."""
        data: dict[str, Any] = json.loads((self.folder / "benchmark.json").read_text(encoding="utf-8"))
        return data

    def records(self) -> dict[str, dict[str, Any]]:
        """The last run's records by cell."""
        return {record["cell"]: record for record in self.json()["tradeoff"]["records"]}
