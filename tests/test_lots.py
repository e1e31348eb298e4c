"""A cell is timed in as many processes as are cheap, and again where that helps and there is time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tradeoff.measure.lots import time_in_lots
from tradeoff.measure.speed import SpeedBook
from tradeoff.measure.timing import Lot, Timing
from tradeoff.processes.workers import NotAlone, WorkerReport
from tradeoff.vocabulary import Environment

QUIET = 1e-6
HERE = Environment("here")


@dataclass
class Scripted:
    """Workers that answer with the lots they were given; the last one again and again."""

    lots: list[Lot]
    start_seconds: float = 0.1
    asked: list[tuple[str, float]] = field(default_factory=list)
    reports: list[WorkerReport] = field(default_factory=list)

    def start(self, environment: Environment, progress: object) -> float:
        return self.start_seconds

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: object) -> Any:
        self.asked.append((environment.name, request["timing"]["max_time"]))
        lot = self.lots.pop(0) if len(self.lots) > 1 else self.lots[0]
        return {"lots": [lot.to_json()]}

    def ask_alone(self, environment: Environment, request: Mapping[str, Any], progress: object) -> Any:
        raise NotAlone("not asked for here")

    def close(self) -> None:
        pass


def lot(seconds: float = 1.0, control: float = QUIET, rounds: int = 10) -> Lot:
    return Lot((seconds,) * rounds, 1, (), (control,) * rounds, (0.0,) * rounds)


def timed(workers: Scripted, folder: Path, timing: Timing) -> Any:
    return time_in_lots(workers, HERE, {"stage": "time"}, timing, SpeedBook(folder), lambda text, done: None)


def test_the_time_is_divided_among_the_processes(tmp_path: Path) -> None:
    workers = Scripted([lot()])
    found = timed(workers, tmp_path, Timing(max_time=0.9, processes=3))
    assert workers.asked == [
        ("here", pytest.approx(0.3)),
        ("here #2", pytest.approx(0.3)),
        ("here #3", pytest.approx(0.3)),
    ]
    assert [one.process for one in found.kept] == [1, 2, 3]
    assert found.stopped == "time"


@pytest.mark.parametrize("seconds", [5.0, math.inf])
def test_where_starting_takes_longer_than_measuring_one_process_does_all(tmp_path: Path, seconds: float) -> None:
    workers = Scripted([lot()], start_seconds=seconds)
    timed(workers, tmp_path, Timing(max_time=1.0))
    assert workers.asked == [("here", 1.0)]


def test_what_was_disturbed_is_repeated_until_there_is_enough(tmp_path: Path) -> None:
    SpeedBook(tmp_path).best(QUIET)
    workers = Scripted([lot(2.0, 2 * QUIET), lot(2.0, 2 * QUIET), lot(1.0)])
    found = timed(workers, tmp_path, Timing(processes=1))
    assert len(workers.asked) == 3
    assert {seconds for one in found.kept for seconds in one.rounds} == {1.0}
    assert found.stopped == "time"


def test_a_machine_that_stays_slow_is_not_waited_for_longer_than_the_budget(tmp_path: Path) -> None:
    SpeedBook(tmp_path).best(QUIET)
    found = timed(Scripted([lot(2.0, 2 * QUIET)]), tmp_path, Timing(processes=1, budget=0.05))
    assert found.stopped == "budget"
    assert found.sifted.disturbed


def test_a_precision_is_measured_for_until_it_is_reached(tmp_path: Path) -> None:
    scattered = [lot(seconds) for seconds in (1.0, 2.0, 1.5, 1.2, 1.8)]
    workers = Scripted([*scattered, lot(1.5)], start_seconds=math.inf)
    found = timed(workers, tmp_path, Timing(processes=2, margin=0.01, budget=30.0))
    assert found.stopped == "precision"
    assert len(workers.asked) > 6


def test_a_precision_that_cannot_be_reached_ends_with_the_budget(tmp_path: Path) -> None:
    scattered = Scripted([lot(1.0), lot(2.0)] * 20_000)
    found = timed(scattered, tmp_path, Timing(processes=1, margin=1e-9, budget=0.05))
    assert found.stopped == "budget"
    assert len(found.all) > 1


def test_once_means_one_request_in_one_process(tmp_path: Path) -> None:
    workers = Scripted([Lot((), 1)])
    assert timed(workers, tmp_path, Timing(once=True)).stopped == "time"
    assert len(workers.asked) == 1
