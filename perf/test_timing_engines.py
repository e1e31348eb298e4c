"""What the suite reports for a request on XLA and in Keras, against a bare loop over the same request."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from figures import Note, python, quiet, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.cell import Cell, Load, parse_backend
from tradeoff.chain import parse_chain
from tradeoff.datafiles import DataFiles
from tradeoff.measure.estimating import estimate_lots, timings
from tradeoff.measure.timing import Timing
from tradeoff.processes.workers import ProcessWorkers
from tradeoff.stages import tile
from tradeoff.supply import Supply

PAIRS = 7
SECONDS = 0.5
#: Shares no line with the suite: what somebody would write who wants to know the time of one call.
BARE_LOOP = """
import statistics, sys
from time import perf_counter
import numpy

path, batch, limit = sys.argv[1], numpy.load(sys.argv[2]), float(sys.argv[3])
{prepared}

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
BARE = {
    "jax": BARE_LOOP.format(
        prepared="""
import jax, jax.export
with open(path, "rb") as file:
    run = jax.jit(jax.export.deserialize(bytearray(file.read())).call)
""",
        request="numpy.asarray(run(batch))",
    ),
    "keras:engine=jax": BARE_LOOP.format(
        prepared="""
import jax, keras
model = keras.saving.load_model(path, compile=False)
fixed, moving = [[v.value for v in some] for some in (model.trainable_variables, model.non_trainable_variables)]
run = jax.jit(lambda fixed, moving, x: model.stateless_call(fixed, moving, x, training=False)[0])
""",
        request="numpy.asarray(run(fixed, moving, batch))",
    ),
    "keras:engine=tensorflow": BARE_LOOP.format(
        prepared="""
import keras, tensorflow
model = keras.saving.load_model(path, compile=False)
run = tensorflow.function(lambda x: model(x, training=False), autograph=False)
run = run.get_concrete_function(tensorflow.TensorSpec(batch.shape, batch.dtype))
""",
        request="run(tensorflow.constant(batch)).numpy()",
    ),
}


@pytest.mark.benchmark(group="a request on JAX and in Keras")
@pytest.mark.parametrize("spelling", list(BARE))
def test_the_suite_against_a_bare_loop(
    spelling: str,
    supply: Supply,
    start_workers: Callable[[], ProcessWorkers],
    benchmark: BenchmarkFixture,
    figure: Note,
    tmp_path: Path,
) -> None:
    registry = supply.registry
    backend = parse_backend(spelling, registry.backends)
    declared = registry.backends[backend.name]
    if not all(need.installed() for need in declared.needs(backend.parameters)):
        pytest.skip(f"{spelling} cannot run here")
    wanted = Cell("dense", parse_chain("baseline", registry.techniques), backend, "host-cpu", Load(1))
    artifact = supply.artifact(wanted, quiet)
    batch = tile(DataFiles(supply.data("dense", quiet).path).split("test"), 1)
    np.save(tmp_path / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))
    variables = dict(declared.environment(backend.parameters, "host-cpu").variables)

    def suite() -> float:
        """A worker of its own each time, as each run of the suite has."""
        workers = start_workers()
        timed = replace(supply, workers=workers, _timed={}).timed(wanted, artifact, Timing(max_time=SECONDS), quiet)
        workers.close()
        return estimate_lots(timed.lots.kept, timings).median

    def bare() -> float:
        arguments = (str(artifact.path / artifact.facts["artifact"]), str(tmp_path / "batch.npy"), str(SECONDS))
        return float(python("-c", BARE[spelling], *arguments, folder=tmp_path, **variables))

    pairs = [(bare(), suite()) for _ in range(PAIRS)]
    show(benchmark, [ours for _, ours in pairs])
    loop, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info["bare loop"] = loop
    figure(f"dense/baseline/{spelling}: reported latency against a bare loop", ours / loop, 1.03, "x")
