"""What this project adds to a request on the interpreter of microcontrollers."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from figures import Note, interleaved, litert_cell, quiet, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.datafiles import DataFiles
from tradeoff.stages.shipping import EVALUATION_BATCH, run_all
from tradeoff.supply import Supply


@pytest.mark.benchmark(group="tflm")
@pytest.mark.parametrize("chain", ["baseline", "int8"])
def test_evaluating_the_test_split(benchmark: BenchmarkFixture, figure: Note, supply: Supply, chain: str) -> None:
    """360 images, as quality is judged, against the shortest loop over the bare interpreter; in turns."""
    pytest.importorskip("ai_edge_litert")
    runtime = pytest.importorskip("tflite_micro").runtime
    from tradeoff.backends.mcu.runner import TFLMRunner

    wanted = litert_cell(supply, "ds_cnn", chain)
    artifact = supply.artifact(wanted, quiet)
    path = Path(artifact.path) / artifact.facts["artifact"]
    x = DataFiles(supply.data("ds_cnn", quiet).path).split("test").x.astype(np.float32)
    assert len(x) == 360
    runner = TFLMRunner(path)
    bare = runtime.Interpreter.from_file(str(path), arena_size=2**20)

    def loop() -> list[np.ndarray]:
        answers = []
        for at in range(len(x)):
            bare.set_input(x[at : at + 1], 0)
            bare.invoke()
            answers.append(bare.get_output(0))
        return answers

    def evaluated() -> np.ndarray:
        return run_all(runner, x, EVALUATION_BATCH, quiet)

    assert np.array_equal(evaluated(), np.concatenate(loop()))
    plain, ours = interleaved(25, loop, evaluated)
    show(benchmark, ours)
    # Turn by turn: each takes a third of a second, in which a shared machine may become another one.
    ratio = statistics.median(second / first for first, second in zip(plain, ours, strict=True))
    figure(f"evaluating 360 images in TFLM, {chain}, against the bare interpreter", ratio, 1.25, "x")
