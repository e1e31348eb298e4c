"""How quickly coded weights are decoded; processor time, so that a busy machine is no slower than it is."""

from __future__ import annotations

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from figures import Note, show
from pytest_benchmark.fixture import BenchmarkFixture

import tradeoff
from tradeoff.coding.coded_files import encode_artifact
from tradeoff.coding.container import unpack

#: Weights of a model of some megabytes.
COUNT = 2_000_000
ROUNDS = 5
#: At least 50 MB of weights in a second.
TARGET = 1 / 50


def int8(generator: np.random.Generator) -> Any:
    return np.clip(np.rint(generator.normal(0, 20, COUNT)), -127, 127).astype(np.int8)


def clustered(generator: np.random.Generator) -> Any:
    return generator.normal(size=16).astype(np.float32)[np.minimum(15, generator.geometric(0.2, COUNT) - 1)]


def pruned(generator: np.random.Generator) -> Any:
    return np.where(generator.random(COUNT) < 0.9, np.float32(0), clustered(generator))


def floats(generator: np.random.Generator) -> Any:
    return generator.normal(0, 0.05, COUNT).astype(np.float32)


@pytest.mark.benchmark(group="coding")
@pytest.mark.parametrize("coder", ["huffman", "ans"])
@pytest.mark.parametrize("weights", [int8, clustered, pruned, floats])
def test_decoding_a_container(
    benchmark: BenchmarkFixture, figure: Note, tmp_path: Path, weights: Any, coder: str
) -> None:
    """From the file's bytes to the artifact's, both checksums included."""
    values = weights(np.random.default_rng(0))
    (tmp_path / "model").write_bytes(values.tobytes())
    stored = tradeoff.StoredTensor("w", 0, values.nbytes, values.shape, str(values.dtype))
    data = encode_artifact(tmp_path / "model", [stored], tmp_path, coder).container.read_bytes()
    times = []
    for _ in range(ROUNDS):
        begun = process_time()
        found = unpack(data)
        times.append(process_time() - begun)
    assert found.files[""] == values.tobytes()
    show(benchmark, times)
    figure(f"decoding, {weights.__name__} by {coder}", min(times) / values.nbytes * 1e6, TARGET, "s/MB")
