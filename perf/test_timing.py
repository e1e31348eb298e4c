"""What the suite reports for a request, against a bare loop over the same request in a process of its own."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest
from bare import Against
from figures import Note, cell_of, litert_cell, seconds
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.record import Axes
from tradeoff.runs.replay import ReplayClock, Tape, replay


@pytest.mark.benchmark(group="a request on LiteRT")
@pytest.mark.parametrize(("model", "chain"), [("dense", "int8"), ("cnn", "baseline"), ("cnn", "int8")])
def test_the_suite_against_a_bare_loop(model: str, chain: str, against: Against, figure: Note) -> None:
    pytest.importorskip("ai_edge_litert")
    ratio = against.ratio(litert_cell(against.supply, model, chain))
    figure(f"{model}/{chain}: reported latency against a bare loop", ratio, 1.02, "x")


@pytest.mark.benchmark(group="a request on ONNX Runtime")
@pytest.mark.parametrize(("model", "chain"), [("dense", "baseline"), ("dense", "int8"), ("ds_cnn", "int8")])
def test_the_suite_against_a_bare_loop_on_onnx_runtime(model: str, chain: str, against: Against, figure: Note) -> None:
    pytest.importorskip("onnxruntime")
    ratio = against.ratio(cell_of(against.supply, model, chain, "onnxruntime"))
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
