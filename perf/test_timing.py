"""What the suite reports for a request, against a bare loop over the same request in a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import Note, litert_cell, python, quiet, seconds, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.datafiles import DataFiles
from tradeoff.measure.estimating import estimate_lots, timings
from tradeoff.measure.timing import Timing
from tradeoff.processes.workers import ProcessWorkers
from tradeoff.record import Axes
from tradeoff.runs.replay import ReplayClock, Tape, replay
from tradeoff.stages import tile
from tradeoff.supply import Supply

PAIRS = 7
SECONDS = 0.5
#: Shares no line with the suite: what somebody would write who wants to know the time of one call.
BARE_LOOP = """
import statistics, sys
from time import perf_counter
import numpy
from ai_edge_litert.interpreter import Interpreter

path, batch, limit = sys.argv[1], numpy.load(sys.argv[2]), float(sys.argv[3])
interpreter = Interpreter(model_path=path, num_threads=1)
interpreter.allocate_tensors()
source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

def many(calls):
    start = perf_counter()
    for _ in range(calls):
        interpreter.set_tensor(source, batch)
        interpreter.invoke()
        interpreter.get_tensor(target)
    return perf_counter() - start

many(1000)
calls = max(1, round(1000 * 0.001 / many(1000)))
found, end = [], perf_counter() + limit
while perf_counter() < end:
    found.append(many(calls) / calls)
print(statistics.median(found))
"""


@pytest.mark.benchmark(group="a request on LiteRT")
@pytest.mark.parametrize(("model", "chain"), [("dense", "int8"), ("cnn", "baseline"), ("cnn", "int8")])
def test_the_suite_against_a_bare_loop(
    model: str,
    chain: str,
    supply: Supply,
    start_workers: Callable[[], ProcessWorkers],
    benchmark: BenchmarkFixture,
    figure: Note,
    tmp_path: Path,
) -> None:
    pytest.importorskip("ai_edge_litert")
    wanted = litert_cell(supply, model, chain)
    artifact = supply.artifact(wanted, quiet)
    batch = tile(DataFiles(supply.data(model, quiet).path).split("test"), 1)
    np.save(tmp_path / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))

    def suite() -> float:
        """A worker of its own each time, as each run of the suite has."""
        workers = start_workers()
        timing = Timing(max_time=SECONDS)
        timed = replace(supply, workers=workers, _timed={}).timed(wanted, artifact, timing, quiet)
        workers.close()
        return estimate_lots(timed.lots.kept, timings).median

    def bare() -> float:
        path = str(artifact.path / artifact.facts["artifact"])
        return float(python("-c", BARE_LOOP, path, str(tmp_path / "batch.npy"), str(SECONDS), folder=tmp_path))

    pairs = [(bare(), suite()) for _ in range(PAIRS)]
    show(benchmark, [ours for _, ours in pairs])
    loop, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info["bare loop"] = loop
    figure(f"{model}/{chain}: reported latency against a bare loop", ours / loop, 1.02, "x")


CLOCK = ReplayClock()
AXES = Axes.parse("dense/int8/litert/host-cpu/b1")


@pytest.mark.benchmark(group="replaying 1,000 samples", timer=CLOCK)
def test_replaying_samples(benchmark: BenchmarkFixture, figure: Note) -> None:
    rounds = tuple(np.random.default_rng(0).lognormal(-13, 0.1, 1000).tolist())
    took = seconds(lambda: replay(benchmark, CLOCK, AXES, Tape(rounds)))
    figure("replay 1,000 samples through pytest-benchmark", took, 0.1)
    stats: Any = benchmark.stats
    assert stats.stats.median == statistics.median(rounds)
