"""pytest-benchmark's timer gives back what a worker measured, to the last digit."""

from __future__ import annotations

from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper

from tradeoff.measuring import Samples
from tradeoff.replay import ReplayClock, replay

SAMPLES = Samples((0.1, 1e-9, 3.3333333333333335, 7e-6), iterations=7)


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
    replay(benchmark, clock, SAMPLES)
    (stats,) = found
    assert tuple(stats.stats.data) == SAMPLES.per_call
    assert stats.iterations == 7


def test_samples_of_one_cell_do_not_leak_into_the_next(request: Any) -> None:
    clock = ReplayClock()
    for samples in (SAMPLES, Samples((0.5, 0.25), 1)):
        benchmark, found = fixture(request, clock)
        replay(benchmark, clock, samples)
        assert tuple(found[0].stats.data) == samples.per_call


def test_a_large_sample_does_not_cost_the_digits_of_a_small_one() -> None:
    clock = ReplayClock()
    clock.load(Samples((1e6, 1e-9), 1))
    durations = [-clock() + clock() for _ in range(2)]
    assert durations == [1e6, 1e-9]
