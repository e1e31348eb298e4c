"""Where weights lie: what a backend says of its artifact's bytes is what a reader of the format finds there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trained import NOISE, conversion, trained_file

import tradeoff
from tradeoff.backends.hdf5 import HDF5Backend
from tradeoff.backends.keras.backend import KerasBackend
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.coding.coded_files import decode_artifact, encode_artifact, same_artifact
from tradeoff.formats import keras_files
from tradeoff.formats.stored import tensor_values

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKENDS: dict[str, tradeoff.Backend] = {
    "litert": LiteRTBackend(),
    "onnxruntime": OnnxRuntimeBackend(),
    "keras": KerasBackend(),
    "hdf5": HDF5Backend(),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> tradeoff.Backend:
    return BACKENDS[request.param]


def test_the_weights_of_the_model_lie_where_the_backend_says(backend: tradeoff.Backend, tmp_path: Path) -> None:
    artifact = backend.convert(conversion(tmp_path))
    stored = backend.weights(artifact)
    assert stored
    found = {tuple(np.sort(tensor_values(artifact, one), axis=None)) for one in stored if one.dtype == "float32"}
    # Those of the last layer stay as they are, in whatever order a format has its axes.
    last = keras_files.load_model(trained_file()).layers[-1].get_weights()
    for weight in last:
        assert tuple(np.sort(weight, axis=None)) in found
    ends = sorted((one.offset, one.offset + one.size) for one in stored)
    assert ends[-1][1] <= artifact.stat().st_size
    assert sum(one.size for one in stored) > 0.4 * artifact.stat().st_size


def test_an_artifact_comes_back_bit_for_bit_and_is_smaller(backend: tradeoff.Backend, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    artifact = backend.convert(conversion(tmp_path / "made"))
    stored = backend.weights(artifact)
    assert stored
    made = encode_artifact(artifact, stored, tmp_path)
    (tmp_path / "out").mkdir()
    assert same_artifact(artifact, decode_artifact(made.container, tmp_path / "out"))
    assert made.container.stat().st_size < made.facts["zlib_bytes"] < artifact.stat().st_size


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_quantized_weights_are_found_as_they_are_packed(precision: str, tmp_path: Path) -> None:
    artifact = BACKENDS["litert"].convert(conversion(tmp_path, precision))
    stored = BACKENDS["litert"].weights(artifact)
    assert stored
    kinds = {one.dtype for one in stored}
    assert precision in kinds
    for one in stored:
        if one.dtype == precision:
            bits = 8 if precision == "int8" else 4
            assert one.size == -(-int(np.prod(one.shape)) * bits // 8)


def test_a_damaged_file_is_an_error(backend: tradeoff.Backend, tmp_path: Path) -> None:
    artifact = backend.convert(conversion(tmp_path))
    artifact.write_bytes(artifact.read_bytes()[:100])
    with pytest.raises((tradeoff.BadInput, OSError)):
        backend.weights(artifact)
