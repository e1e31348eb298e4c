"""Each scenario asks for what its shape says, on what the backend can take, until there are enough requests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from user_project import Project

from tradeoff.cell import SCENARIOS, parse_load
from tradeoff.errors import Refused
from tradeoff.loads.blocks import BLOCKS, Block, rates_of, thinned
from tradeoff.loads.ground import Ground
from tradeoff.loads.scenarios import ENOUGH, MOST_KEPT, RUNS, run_scenario
from tradeoff.measure.timing import Timing

SHORT = Timing(max_time=0.05, min_rounds=3, min_time=0.0001, warmup_iterations=3)
#: For comparing throughputs while other programs run.
LONGER = replace(SHORT, max_time=0.6)


class Clerk:
    """A runner that notes the sizes of its requests, and takes its time for each."""

    def __init__(self, seconds: Callable[[int], float], most: int) -> None:
        self.asked: list[int] = []
        self.bound: list[list[int]] = []
        self._seconds, self._most = seconds, most

    def bind(self, batch: Any) -> Callable[[], Any]:
        if len(batch) > self._most:
            raise Refused("not supported by format", f"no batch of {len(batch)}")
        self.bound.append(batch.tolist())

        def call() -> None:
            end = perf_counter() + self._seconds(len(batch))
            self.asked.append(len(batch))
            while perf_counter() < end:
                pass

        return call


class Office:
    """Everything a scenario runs on, with clerks for runners."""

    def __init__(
        self,
        seconds: Callable[[int], float] = lambda size: 0.0,
        *,
        refuses_above: int = 10**6,
        most: int | None = None,
        samples: int = 20,
        loads: int = 2,
        timing: Timing = SHORT,
        seed: int = 0,
    ) -> None:
        self.clerks: list[Clerk] = []

        def load() -> Clerk:
            self.clerks.append(Clerk(seconds, refuses_above))
            return self.clerks[-1]

        x = np.arange(samples)
        self.ground = Ground(
            load=load,
            batch=lambda size: x[np.arange(size) % samples],
            samples=samples,
            loads=loads,
            most=most,
            timing=timing,
            seed=seed,
            progress=lambda text, done: None,
        )

    def run(self, spelling: str) -> tuple[list[Block], dict[str, Any]]:
        load = parse_load(spelling)
        found = run_scenario(load.scenario, load.parameters, self.ground)
        return [Block.from_json(block) for block in found["blocks"]], found["facts"]

    @property
    def sizes(self) -> set[int]:
        return {size for clerk in self.clerks for size in clerk.asked}


def latencies(blocks: list[Block]) -> list[float]:
    return [seconds for block in blocks for seconds in block.latencies]


def test_every_scenario_can_be_run_with_the_parameters_it_is_spelled_with() -> None:
    assert RUNS.keys() == SCENARIOS.keys()
    for name, run in RUNS.items():
        assert list(inspect.signature(run).parameters)[1:] == [parameter.name for parameter in SCENARIOS[name]]


# --- closed loops -----------------------------------------------------------------------------------


def test_a_stream_is_of_single_samples_on_every_load_and_long_enough_for_the_highest_percentile() -> None:
    office = Office(lambda size: 0.0003)
    blocks, facts = office.run("stream")
    assert office.sizes == {1}
    assert len(office.clerks) == facts["loads"] == 2
    assert [block.load for block in blocks] == [0] * BLOCKS + [1] * BLOCKS
    # 0.05 s would be over after some 170 of them.
    assert len(latencies(blocks)) >= ENOUGH
    assert facts["overhead_s"] < 20e-6


def test_each_lane_of_a_stream_has_a_load_of_its_own() -> None:
    office = Office(loads=1)
    blocks, facts = office.run("stream:lanes=3")
    assert len(office.clerks) == facts["loads"] == 3
    assert all(clerk.asked for clerk in office.clerks)
    assert len(latencies(blocks)) >= ENOUGH


def test_a_query_of_several_samples_is_one_request_where_the_backend_can() -> None:
    office = Office()
    blocks, facts = office.run("multi:8")
    assert office.sizes == {8}
    assert (facts["batch"], blocks[0].batch) == (8, 8)


def test_a_query_is_as_many_requests_as_the_backend_needs_and_its_latency_that_of_all() -> None:
    office = Office(lambda size: 0.0002, most=3, loads=1)
    blocks, facts = office.run("multi:8")
    (clerk,) = office.clerks
    assert clerk.asked[:3] == [3, 3, 2]
    assert facts["batch"] == 3
    assert min(latencies(blocks)) >= 0.0006
    # Samples, not requests, are answered in a second.
    assert blocks[0].rate == pytest.approx(8 / np.median(blocks[0].latencies), rel=0.3)


# --- open loops -------------------------------------------------------------------------------------


def test_a_server_is_offered_enough_for_the_highest_percentile_at_the_promised_rate() -> None:
    blocks, facts = Office().run("server:2000")
    assert facts["requests"] == len(latencies(blocks)) == ENOUGH
    assert facts["offered_rate"] == pytest.approx(2000, rel=3.3 / ENOUGH**0.5)
    assert facts["achieved_rate"] == pytest.approx(facts["offered_rate"], rel=0.1)
    assert facts["unserved"] == 0
    assert facts["lateness_p50_s"] < 0.001


def test_the_seconds_of_a_server_can_be_said() -> None:
    _, facts = Office().run("server:2000:seconds=0.3")
    assert facts["requests"] == 600


def test_the_arrivals_are_those_of_the_run_and_of_the_load() -> None:
    rates = {
        (seed, load): Office(seed=seed).run(load)[1]["offered_rate"]
        for seed in (0, 1)
        for load in ("server:3000", "server:3000:seed=1")
    }
    assert len(set(rates.values())) == 4
    assert Office().run("server:3000")[1]["offered_rate"] == rates[0, "server:3000"]


def test_a_server_that_is_too_slow_is_watched_for_a_while_only() -> None:
    began = perf_counter()
    blocks, facts = Office(lambda size: 0.02).run("server:3000")
    assert perf_counter() - began < 10
    assert facts["unserved"] > 0
    assert facts["achieved_rate"] < 60
    assert facts["waiting"] > 200
    assert facts["utilisation"] > 0.9
    assert len(latencies(blocks)) + facts["unserved"] == facts["requests"]


# --- throughput -------------------------------------------------------------------------------------


def test_offline_every_sample_is_asked_for_and_the_last_request_is_filled_up() -> None:
    office = Office(lambda size: 0.0002, samples=20, loads=1)
    blocks, facts = office.run("offline:8")
    assert office.sizes == {8}
    (clerk,) = office.clerks
    assert [sample for batch in clerk.bound for sample in batch] == [*range(20), *range(4)]
    assert all(len(block.latencies) % 3 == 0 for block in blocks)
    assert facts["batch"] == 8


def test_offline_takes_no_more_than_the_backend_does() -> None:
    office = Office(most=4)
    assert office.run("offline")[1]["batch"] == 4
    assert office.sizes == {4}


def tried(blocks: list[Block]) -> list[int]:
    return sorted({block.batch for block in blocks})


def test_a_sweep_ends_when_a_doubling_brings_too_little() -> None:
    # A request costs as much as 4 samples: 1, 2, 4, 8, ... samples bring a gain of 67, 50, 33, 20, 11, 6 and 3 %.
    office = Office(lambda size: 0.00005 * (4 + size), timing=LONGER)
    blocks, facts = office.run("sweep:gain=0.15")
    assert tried(blocks) == [1, 2, 4, 8, 16, 32]
    assert facts["stopped"] == "gain"


@pytest.mark.parametrize(
    ("most", "refuses_above", "largest", "stopped"),
    [(None, 100, 16, "most"), (9, 100, 8, "backend"), (1, 100, 1, "backend"), (None, 4, 4, "refused: no batch of 8")],
)
def test_a_sweep_ends_where_nothing_larger_can_be_asked_for(
    most: int | None, refuses_above: int, largest: int, stopped: str
) -> None:
    office = Office(lambda size: 0.0002, most=most, refuses_above=refuses_above, timing=LONGER)
    blocks, facts = office.run("sweep:gain=0:most=16")
    assert tried(blocks)[-1] == largest
    assert facts["stopped"] == stopped


def test_a_sweep_ends_when_one_request_takes_longer_than_there_is_time() -> None:
    blocks, facts = Office(lambda size: 0.02 + 0.01 * size, loads=1).run("sweep")
    assert facts["stopped"] == "time"
    assert tried(blocks) == [1, 2, 4]


# --- what all have in common ------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["stream", "multi:8", "server:200", "offline", "sweep"])
def test_when_nothing_is_timed_one_request_is_made(spelling: str) -> None:
    office = Office(timing=Timing(once=True))
    assert office.run(spelling)[0] == []
    assert sum(len(clerk.asked) for clerk in office.clerks) == 1


def test_of_very_many_requests_a_random_part_is_kept() -> None:
    blocks, _ = Office(timing=Timing(max_time=0.2, min_time=0.0001)).run("stream")
    assert ENOUGH < len(latencies(blocks)) <= MOST_KEPT
    values = list(map(float, range(1000)))
    assert len(thinned(values, 100)) == 100
    assert list(thinned(values, 100)) == sorted(set(thinned(values, 100)))
    assert thinned(values, 1000) == tuple(values)


def test_a_rate_is_told_round_by_round_so_that_one_interruption_spoils_one_round() -> None:
    rates = rates_of([0.001] * 50 + [1.0] + [0.001] * 49, samples=2, seconds=0.01)
    assert sum(rate == pytest.approx(2000) for rate in rates) >= len(rates) - 1
    assert rates_of([0.001], 1, 0.01) == [1000.0]


def test_a_run_has_a_record_a_row_and_samples_for_each_scenario(project: Project) -> None:
    loads = ("stream:lanes=2", "multi:8", "server:500", "offline:8", "sweep:most=4")
    result = project.run(f"--tradeoff-loads={','.join(loads)}", cells="dense/baseline/numpy/*/*")
    result.assert_outcomes(passed=len(loads))
    found = {cell.split("/")[-1]: record for cell, record in project.records().items()}
    assert set(found) == set(loads)
    for load, record in found.items():
        measured = record["measurements"]
        assert measured["throughput"]["low"] <= measured["throughput"]["value"] <= measured["throughput"]["high"]
        assert (measured["throughput"]["unit"], measured["throughput"]["direction"]) == ("1/s", "higher")
        awaited = load.partition(":")[0] in ("stream", "multi", "server")
        assert ("latency" in measured) == ("latency_p99" in measured) == awaited
        assert record["facts"]["overhead_s"] < 20e-6
    assert found["server:500"]["measurements"]["latency_p99"]["value"] is not None
    assert found["sweep:most=4"]["measurements"]["best_batch"]["value"] in (1, 2, 4)
    assert found["sweep:most=4"]["facts"]["sweep"][0]["batch"] == 1
    samples = {bench["params"]["load"]: bench["stats"] for bench in project.json()["benchmarks"]}
    assert samples["server:500"]["rounds"] == ENOUGH
    assert samples["server:500"]["iterations"] == 1
    result.stdout.fnmatch_lines(["dense * server:500", "*latency*throughput*p99*"])
    result.stdout.fnmatch_lines(["dense * sweep:most=4", "*throughput*batch*"])


def test_a_load_can_be_chosen_with_k(project: Project) -> None:
    project.run("--tradeoff-loads=b1,server:500,offline", "-k", "server:500", cells="dense/baseline/numpy/*/*")
    assert [cell.split("/")[-1] for cell in project.records()] == ["server:500"]


def test_without_timing_a_scenario_leaves_the_rest_of_the_record(project: Project) -> None:
    result = project.pytester.runpytest_subprocess(
        "--pyargs", "tradeoff.suites", "--benchmark-disable", "-p", "no:cacheprovider",
        "--tradeoff-cells=dense/baseline/numpy/*/server:500",
    )  # fmt: skip
    result.assert_outcomes(passed=1)
    (record,) = project.records().values()
    assert "accuracy" in record["measurements"]
    assert not {"throughput", "latency"} & record["measurements"].keys()
