"""Bare loops over whole requests, each in a process of its own, beside what the suite reports for the same request."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from textwrap import indent
from typing import Final

import numpy as np
from figures import quiet, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.cell import Cell
from tradeoff.datafiles import DataFiles, tile
from tradeoff.measure.estimating import estimate_lots, timings
from tradeoff.measure.timing import Timing
from tradeoff.processes.workers import ProcessWorkers
from tradeoff.store.entry import Entry
from tradeoff.supply import Supply

#: Pairs of processes, one of each kind, and how often each of a pair is asked, in turns. Where memory lies is chance,
#: and stays what it is for the life of a process: one in five may be a tenth quicker than another of its kind.
PROCESSES: Final = 7
TURNS: Final = 4
SECONDS: Final = 0.3

#: Shares no line with the suite: what somebody would write who wants to know the time of one call. Like the suite
#: it loads anew each time it is asked: where weights come to lie in memory is chance.
_LOOP: Final = """
import statistics, sys
from time import perf_counter
import numpy
{load}

path, batch, limit = sys.argv[1], numpy.load(sys.argv[2]), float(sys.argv[3])

def loop():
{prepare}
    def many(calls):
        start = perf_counter()
        for _ in range(calls):
            {request}
        return perf_counter() - start

    return many

for line in sys.stdin:
    many = loop()
    many(10)
    many(max(1, round(10 * 0.1 / many(10))))
    calls = max(1, round(100 * 0.0005 / many(100)))
    found, end = [], perf_counter() + limit
    while perf_counter() < end:
        found.append(many(calls) / calls)
    print(statistics.median(found), flush=True)
"""


def _loop(load: str, prepare: str, request: str) -> str:
    return _LOOP.format(load=load, prepare=indent(prepare.strip("\n"), "    "), request=request)


#: By the name of the backend, or of the engine that it runs on.
LOOPS: Final[Mapping[str, str]] = {
    "litert": _loop(
        "from ai_edge_litert.interpreter import Interpreter",
        """
interpreter = Interpreter(model_path=path, num_threads=1)
interpreter.allocate_tensors()
source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
""",
        "interpreter.set_tensor(source, batch); interpreter.invoke(); interpreter.get_tensor(target)",
    ),
    # With memory that is bound beforehand; running with a dictionary of arrays takes a microsecond more.
    "onnxruntime": _loop(
        "import onnxruntime",
        """
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
source, target, binding = session.get_inputs()[0].name, session.get_outputs()[0].name, session.io_binding()
taken, given = numpy.empty_like(batch), numpy.empty_like(session.run([target], {source: batch})[0])
binding.bind_input(source, "cpu", 0, numpy.float32, taken.shape, taken.ctypes.data)
binding.bind_output(target, "cpu", 0, numpy.float32, given.shape, given.ctypes.data)
""",
        "numpy.copyto(taken, batch); session.run_with_iobinding(binding); given.copy()",
    ),
    "jax": _loop(
        "import jax, jax.export",
        """
with open(path, "rb") as file:
    run = jax.jit(jax.export.deserialize(bytearray(file.read())).call)
""",
        "numpy.asarray(run(batch))",
    ),
    "keras:engine=jax": _loop(
        "import jax, keras",
        """
model = keras.saving.load_model(path, compile=False)
fixed, moving = [[v.value for v in some] for some in (model.trainable_variables, model.non_trainable_variables)]
run = jax.jit(lambda fixed, moving, x: model.stateless_call(fixed, moving, x, training=False)[0])
""",
        "numpy.asarray(run(fixed, moving, batch))",
    ),
    "keras:engine=tensorflow": _loop(
        "import keras, tensorflow",
        """
model = keras.saving.load_model(path, compile=False)
run = tensorflow.function(lambda x: model(x, training=False), autograph=False)
run = run.get_concrete_function(tensorflow.TensorSpec(batch.shape, batch.dtype))
constant = tensorflow.constant
""",
        "run(constant(batch)).numpy()",
    ),
    "savedmodel": _loop(
        "import tensorflow",
        """
loaded = tensorflow.saved_model.load(path)
run, constant = loaded.signatures["serving_default"], tensorflow.constant
(source,), (target,) = run.structured_input_signature[1], run.structured_outputs
""",
        "run(**{source: constant(batch)})[target].numpy()",
    ),
}


@dataclass
class Against:
    """Reported latencies beside those of a bare loop."""

    supply: Supply
    start_workers: Callable[[], ProcessWorkers]
    benchmark: BenchmarkFixture
    folder: Path

    def ratio(self, wanted: Cell) -> float:
        """The median over pairs of processes; of each pair that of its calmer turns.

        A turn is calm by the time that both of it take together, which favours neither of them: what else the machine
        does would decide otherwise.
        """
        artifact = self.supply.artifact(wanted, quiet)
        found: list[tuple[float, float]] = []
        for _ in range(PROCESSES):
            workers = self.start_workers()
            with self._bare(wanted, artifact) as bare:
                turns = [(bare(), self._reported(wanted, artifact, workers)) for _ in range(TURNS)]
            workers.close()
            calm = sorted(turns, key=prod)[: (TURNS + 1) // 2]
            found.append((statistics.median(one for one, _ in calm), statistics.median(ours for _, ours in calm)))
        show(self.benchmark, [ours for _, ours in found])
        bare_loop, reported = (statistics.median(times) for times in zip(*found, strict=True))
        self.benchmark.extra_info["bare loop"] = bare_loop
        self.benchmark.extra_info["by process"] = [f"{ours / one:.3f}" for one, ours in found]
        return reported / bare_loop

    def _reported(self, wanted: Cell, artifact: Entry, workers: ProcessWorkers) -> float:
        timing = Timing(max_time=SECONDS)
        timed = replace(self.supply, workers=workers, _timed={}).timed(wanted, artifact, timing, quiet)
        return estimate_lots(timed.lots.kept, timings).median

    @contextmanager
    def _bare(self, wanted: Cell, artifact: Entry) -> Iterator[Callable[[], float]]:
        """Ask the bare loop, which runs with the variables that the worker has: they say how many threads there are."""
        batch = tile(DataFiles(self.supply.data(wanted.model, quiet).path).split("test"), 1)
        np.save(self.folder / "batch.npy", np.ascontiguousarray(batch, dtype=np.float32))
        backend = self.supply.registry.backends[wanted.backend.name]
        variables = dict(backend.environment(wanted.backend.parameters, wanted.device).variables)
        path = artifact.path / artifact.facts["artifact"]
        loop = subprocess.Popen(
            [sys.executable, "-c", LOOPS[wanted.backend.spelling], path, self.folder / "batch.npy", str(SECONDS)],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert loop.stdin is not None
        assert loop.stdout is not None
        asked, told = loop.stdin, loop.stdout

        def seconds() -> float:
            asked.write("once\n")
            asked.flush()
            return float(told.readline())

        with loop:
            try:
                yield seconds
            finally:
                asked.close()
