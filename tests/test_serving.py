"""What blocks say, and when they say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tradeoff.loads.blocks import Block
from tradeoff.loads.serving import Served

QUEUE = {
    "offered_rate": 200.0,
    "achieved_rate": 199.0,
    "waiting": 1,
    "lateness_p50_s": 1e-6,
    "lateness_p99_s": 1e-5,
}


def served(scenario: str, *blocks: Block, **facts: Any) -> Served:
    return Served("the/same/cell/as/ever", scenario, blocks, facts)


def block(load: int = 0, batch: int = 1, latency: float = 0.001, rate: float = 1000.0, count: int = 40) -> Block:
    return Block(load, batch, (latency,) * count, (rate,) * 10)


def server(count: int = 40, **facts: Any) -> Served:
    return served("server", *[block(count=count)] * 10, **{**QUEUE, **facts})


def test_an_interval_is_over_loads_where_there_are_enough_else_over_blocks_else_over_requests() -> None:
    loads = served("stream", *(block(load, rate=1000.0 + load) for load in range(5)))
    assert (loads.throughput.over, loads.throughput.median) == ("loads", 1002.0)
    assert loads.throughput.low < 1000.0 < 1004.0 < loads.throughput.high
    assert served("stream", *[block()] * 5).throughput.over == "blocks"
    assert served("stream", block(), block()).throughput.over == "requests"


def test_nobody_waits_for_an_answer_when_throughput_is_asked_for() -> None:
    assert served("stream", block()).latency is not None
    assert served("offline", block()).latency is None
    assert not served("offline", block()).awaited


def test_a_sweep_tells_each_batch_and_is_worth_what_the_best_one_does() -> None:
    found = served("sweep", block(batch=1, rate=100.0), block(batch=4, rate=300.0), block(batch=8, rate=280.0))
    assert [(point["batch"], point["throughput"]) for point in found.points()] == [(1, 100.0), (4, 300.0), (8, 280.0)]
    assert {one.batch for one in found.best} == {4}
    assert found.throughput.median == 300.0


@pytest.mark.parametrize(
    ("achieved", "waiting", "overloaded"), [(199.0, 1, False), (180.0, 50, True), (180.0, 5, False), (195.0, 50, False)]
)
def test_a_queue_is_overloaded_when_fewer_are_answered_than_arrive_and_many_wait_at_the_end(
    achieved: float, waiting: int, overloaded: bool
) -> None:
    found = server(achieved_rate=achieved, waiting=waiting)
    assert found.overloaded == found.verdicts["overloaded"] == overloaded
    assert (found.latency is None) == overloaded


@pytest.mark.parametrize(
    ("half", "most", "noisy"), [(1e-5, 9e-5, False), (2e-4, 9e-5, True), (1e-5, 2e-4, True), (1e-5, None, False)]
)
def test_a_generator_that_is_late_makes_what_it_measures_noisy(half: float, most: float | None, noisy: bool) -> None:
    assert server(lateness_p50_s=half, lateness_p99_s=most).verdicts["noisy"] == noisy


def test_a_stream_whose_latencies_or_rounds_are_far_apart_is_noisy() -> None:
    quiet = served("stream", *[block()] * 5)
    assert not quiet.noisy
    apart = replace(block(), latencies=(0.001, 0.002) * 20)
    assert served("stream", *[apart] * 5).noisy
    assert served("offline", *(block(rate=rate) for rate in (500.0, 700.0, 1000.0, 1500.0, 2000.0))).noisy


def test_where_nothing_was_timed_there_are_no_samples() -> None:
    assert served("stream").latencies == []
