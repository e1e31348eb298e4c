"""What half of the multiply-accumulates is worth in LiteRT: a request of the smaller net against one of the whole."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from figures import Note, litert_cell, python, quiet, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.datafiles import DataFiles, tile
from tradeoff.supply import Supply

PROCESSES = 5
SECONDS = 1.0
#: Both nets in one process, a millisecond each in turns, so that whatever slows the machine slows both.
IN_TURNS = """
import statistics, sys
from time import perf_counter
import numpy
from ai_edge_litert.interpreter import Interpreter

batch, limit = numpy.load(sys.argv[3]), float(sys.argv[4])

def request_of(path):
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def request():
        interpreter.set_tensor(source, batch)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return request

def many(request, calls):
    start = perf_counter()
    for _ in range(calls):
        request()
    return (perf_counter() - start) / calls

whole, small = request_of(sys.argv[1]), request_of(sys.argv[2])
calls = max(1, round(0.001 / min(many(whole, 1000), many(small, 1000))))
ratios, ours, end = [], [], perf_counter() + limit
while perf_counter() < end:
    times = many(whole, calls), many(small, calls)
    ratios.append(times[1] / times[0])
    ours.append(times[1])
print(statistics.median(ratios), statistics.median(ours))
"""


@pytest.mark.benchmark(group="half of the multiply-accumulates on LiteRT")
@pytest.mark.parametrize(
    ("whole", "small", "faster"), [("baseline", "channels", 1.4), ("int8", "channels+int8", 1.3)], ids=["float", "int8"]
)
def test_a_smaller_net_is_faster(
    whole: str, small: str, faster: float, supply: Supply, benchmark: BenchmarkFixture, figure: Note, tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert")
    artifacts = [supply.artifact(litert_cell(supply, "cnn", chain), quiet) for chain in (whole, small)]
    paths = [str(artifact.path / artifact.facts["artifact"]) for artifact in artifacts]
    batch = tile(DataFiles(supply.data("cnn", quiet).path).split("test"), 1)
    np.save(tmp_path / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))
    arguments = (*paths, str(tmp_path / "batch.npy"), str(SECONDS))
    told = [python("-c", IN_TURNS, *arguments, folder=tmp_path).split() for _ in range(PROCESSES)]
    show(benchmark, [float(seconds) for _, seconds in told])
    ratio = statistics.median(float(ratio) for ratio, _ in told)
    benchmark.extra_info["times as fast"] = 1 / ratio
    figure(f"cnn/{small}: a request against one of cnn/{whole}", ratio, 1 / faster, "x")
