"""A figure and its target, and how times are taken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.cell import Cell, Load, parse_backend
from tradeoff.chain import parse_chain
from tradeoff.supply import Supply

Action = Callable[[], object]


@dataclass(frozen=True)
class Figure:
    """One number and the most it may be; ``unit`` is ``s``, ``x`` for a ratio, ``%``, or what is counted."""

    name: str
    value: float
    target: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether the number is within its target."""
        return self.value <= self.target

    def cells(self) -> tuple[str, str, str, str]:
        """As it stands in the table."""
        return self.name, self._written(self.value), f"<= {self._written(self.target)}", "yes" if self.reached else "NO"

    def _written(self, value: float) -> str:
        if self.unit != "s":
            return f"{value:.3f} x" if self.unit == "x" else f"{value:.3g} {self.unit}"
        scale, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")) if value >= s or s == 1e-6)
        return f"{value / scale:.3g} {unit}"


class Note(Protocol):
    """Keeps a figure, and fails the benchmark that misses its target."""

    def __call__(self, name: str, value: float, target: float, unit: str = "s") -> None:
        """Keep ``value`` under ``name``."""


def seconds(action: Action) -> float:
    """How long one call takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


def interleaved(rounds: int, *actions: Action) -> list[list[float]]:
    """Seconds of each action, taken in turns, so that a busy minute hits all of them alike."""
    taken: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for times, action in zip(taken, actions, strict=True):
            times.append(seconds(action))
    return taken


def show(benchmark: BenchmarkFixture, times: Sequence[float]) -> None:
    """Give pytest-benchmark durations that were taken already."""
    readings = iter([reading for duration in times for reading in (0.0, duration)])
    benchmark._timer = lambda: next(readings)
    benchmark.pedantic(lambda: None, rounds=len(times), iterations=1)


def python(*arguments: str, folder: Path) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def quiet(text: str, done: float) -> None:
    """Nobody watches the progress."""


def litert_cell(supply: Supply, model: str, chain: str) -> Cell:
    """A cell of one sample a request."""
    return cell_of(supply, model, chain, "litert")


def cell_of(supply: Supply, model: str, chain: str, backend: str) -> Cell:
    """The same on any backend."""
    registry = supply.registry
    chosen = parse_backend(backend, registry.backends)
    return Cell(model, parse_chain(chain, registry.techniques), chosen, "host-cpu", Load(1))
