"""What the suite reports for a request, against a bare loop over the same request in a process of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import Note, cell_of, litert_cell, python, quiet, seconds, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.cell import Cell
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
_BARE_LOOP = """
import statistics, sys
from time import perf_counter
import numpy
{load}
path, batch, limit = sys.argv[1], numpy.load(sys.argv[2]), float(sys.argv[3])
{prepare}
def many(calls):
    start = perf_counter()
    for _ in range(calls):
        {request}
    return perf_counter() - start

many(1000)
calls = max(1, round(1000 * 0.001 / many(1000)))
found, end = [], perf_counter() + limit
while perf_counter() < end:
    found.append(many(calls) / calls)
print(statistics.median(found))
"""
LITERT = _BARE_LOOP.format(
    load="from ai_edge_litert.interpreter import Interpreter",
    prepare="""
interpreter = Interpreter(model_path=path, num_threads=1)
interpreter.allocate_tensors()
source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
""",
    request="interpreter.set_tensor(source, batch); interpreter.invoke(); interpreter.get_tensor(target)",
)
#: With memory that is bound beforehand; running with a dictionary of arrays takes a microsecond more.
ONNXRUNTIME = _BARE_LOOP.format(
    load="import onnxruntime",
    prepare="""
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
source, target, binding = session.get_inputs()[0].name, session.get_outputs()[0].name, session.io_binding()
taken, given = numpy.empty_like(batch), numpy.empty_like(session.run([target], {source: batch})[0])
binding.bind_input(source, "cpu", 0, numpy.float32, taken.shape, taken.ctypes.data)
binding.bind_output(target, "cpu", 0, numpy.float32, given.shape, given.ctypes.data)
""",
    request="numpy.copyto(taken, batch); session.run_with_iobinding(binding); given.copy()",
)


@dataclass
class Against:
    """Reported latencies beside those of a bare loop."""

    supply: Supply
    start_workers: Callable[[], ProcessWorkers]
    benchmark: BenchmarkFixture
    folder: Path

    def ratio(self, wanted: Cell, loop: str) -> float:
        """Of the medians of pairs, taken in turns."""
        artifact = self.supply.artifact(wanted, quiet)
        batch = tile(DataFiles(self.supply.data(wanted.model, quiet).path).split("test"), 1)
        np.save(self.folder / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))
        arguments = (str(artifact.path / artifact.facts["artifact"]), str(self.folder / "batch.npy"), str(SECONDS))

        def suite() -> float:
            """A worker of its own each time, as each run of the suite has."""
            workers = self.start_workers()
            timing = Timing(max_time=SECONDS)
            timed = replace(self.supply, workers=workers, _timed={}).timed(wanted, artifact, timing, quiet)
            workers.close()
            return estimate_lots(timed.lots.kept, timings).median

        def bare() -> float:
            return float(python("-c", loop, *arguments, folder=self.folder))

        pairs = [(bare(), suite()) for _ in range(PAIRS)]
        show(self.benchmark, [ours for _, ours in pairs])
        theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
        self.benchmark.extra_info["bare loop"] = theirs
        return ours / theirs


@pytest.fixture
def against(
    supply: Supply, start_workers: Callable[[], ProcessWorkers], benchmark: BenchmarkFixture, tmp_path: Path
) -> Against:
    return Against(supply, start_workers, benchmark, tmp_path)


@pytest.mark.benchmark(group="a request on LiteRT")
@pytest.mark.parametrize(("model", "chain"), [("dense", "int8"), ("cnn", "baseline"), ("cnn", "int8")])
def test_the_suite_against_a_bare_loop(model: str, chain: str, against: Against, figure: Note) -> None:
    pytest.importorskip("ai_edge_litert")
    ratio = against.ratio(litert_cell(against.supply, model, chain), LITERT)
    figure(f"{model}/{chain}: reported latency against a bare loop", ratio, 1.02, "x")


@pytest.mark.benchmark(group="a request on ONNX Runtime")
@pytest.mark.parametrize(("model", "chain"), [("dense", "baseline"), ("dense", "int8"), ("ds_cnn", "int8")])
def test_the_suite_against_a_bare_loop_on_onnx_runtime(model: str, chain: str, against: Against, figure: Note) -> None:
    pytest.importorskip("onnxruntime")
    ratio = against.ratio(cell_of(against.supply, model, chain, "onnxruntime"), ONNXRUNTIME)
    figure(f"{model}/{chain}/onnxruntime: reported latency against a bare loop", ratio, 1.03, "x")


CLOCK = ReplayClock()
AXES = Axes.parse("dense/int8/litert/host-cpu/b1")


@pytest.mark.benchmark(group="replaying 1,000 samples", timer=CLOCK)
def test_replaying_samples(benchmark: BenchmarkFixture, figure: Note) -> None:
    rounds = tuple(np.random.default_rng(0).lognormal(-13, 0.1, 1000).tolist())
    took = seconds(lambda: replay(benchmark, CLOCK, AXES, Tape(rounds)))
    figure("replay 1,000 samples through pytest-benchmark", took, 0.1)
    stats: Any = benchmark.stats
    assert stats.stats.median == statistics.median(rounds)
