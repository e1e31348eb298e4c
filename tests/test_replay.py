"""pytest-benchmark's timer gives back what a worker measured, to the last digit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper

from tradeoff.errors import BadInput
from tradeoff.record import Axes
from tradeoff.runs.replay import ReplayClock, Tape, entry_of, leave_untimed, replay, tape_of

TAPE = Tape((0.1, 1e-9, 3.3333333333333335, 7e-6), iterations=7)
AXES = Axes.parse("dense/int8/litert/host-cpu/b1")


def fixture(request: Any, clock: ReplayClock) -> tuple[BenchmarkFixture, list[Any]]:
    found: list[Any] = []
    session = request.config._benchmarksession
    made = BenchmarkFixture(
        request.node,
        add_stats=found.append,
        logger=session.logger,
        warner=request.node.warn,
        disabled=False,
        **{**session.options, "timer": NameWrapper(clock)},
    )
    return made, found


def test_the_rounds_are_the_samples_per_call(request: Any) -> None:
    clock = ReplayClock()
    benchmark, found = fixture(request, clock)
    replay(benchmark, clock, AXES, TAPE)
    (stats,) = found
    assert tuple(stats.stats.data) == TAPE.durations
    assert stats.iterations == 7


def test_samples_of_one_cell_do_not_leak_into_the_next(request: Any) -> None:
    clock = ReplayClock()
    for tape in (TAPE, Tape((0.5, 0.25), 1)):
        benchmark, found = fixture(request, clock)
        replay(benchmark, clock, AXES, tape)
        assert tuple(found[0].stats.data) == tape.durations


def test_a_large_sample_does_not_cost_the_digits_of_a_small_one() -> None:
    clock = ReplayClock()
    clock.load((1e6, 1e-9))
    durations = [-clock() + clock() for _ in range(2)]
    assert durations == [1e6, 1e-9]


def test_what_is_kept_of_a_cell_gives_the_same_samples_again(request: Any) -> None:
    clock = ReplayClock()
    benchmark, _ = fixture(request, clock)
    replay(benchmark, clock, AXES, TAPE)
    kept = json.loads(json.dumps(entry_of(benchmark), default=str))
    assert tape_of(kept) == TAPE
    assert (kept["fullname"], kept["params"]["chain"]) == (AXES.spelling, "int8")


def test_of_a_cell_that_was_not_timed_nothing_is_kept(request: Any) -> None:
    benchmark, _ = fixture(request, ReplayClock())
    assert entry_of(benchmark) is None
    assert tape_of(None) == Tape()


@pytest.mark.parametrize("entry", [{}, {"stats": 3}, {"stats": {"data": ["x"], "iterations": 1}}])
def test_samples_of_another_shape_are_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="samples of a cell cannot be read"):
        tape_of(entry)


def test_what_is_left_untimed_is_not_warned_of_whatever_the_test_comes_to(request: Any) -> None:
    benchmark, found = fixture(request, ReplayClock())
    leave_untimed(benchmark)
    # What pytest-benchmark does when a test has passed.
    benchmark.skipped = False
    benchmark._cleanup()
    assert found == []
    assert entry_of(benchmark) is None
