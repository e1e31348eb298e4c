"""LiteRT tells what it computes: as floats, in order, and a layer that was converted wrongly is found at that layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, conversion, data, loading, trained_file

from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.formats import keras_files
from tradeoff.formats.keras_layers import layer_outputs
from tradeoff.parity.layers import LayerParity, compare_layers
from tradeoff.registry import load_registry

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = LiteRTBackend()
TOLERANCE = load_registry().tolerance_of
X = data().test.x[:8]


def rows(artifact: Path) -> list[LayerParity]:
    """The layers of the trained net, against what the artifact tells."""
    original = layer_outputs(keras_files.load_model(trained_file()), X)
    return compare_layers(original, BACKEND.intermediates(loading(artifact), X))


@pytest.mark.parametrize("precision", ["float32", "fp16", "dynamic", "int8"])
def test_in_every_precision_each_block_of_the_net_is_told_and_none_left_the_original(
    tmp_path: Path, precision: str
) -> None:
    found = rows(BACKEND.convert(conversion(tmp_path, precision)))
    told = [row.layer for row in found if row.tensor is not None]
    blocks = [row.layer for row in found if row.kind in ("ReLU", "GlobalAveragePooling2D", "Dense")]
    # Convolution and normalization are one operator with the ReLU behind them.
    assert told == blocks
    least = TOLERANCE(precision).layer_snr
    assert not [row for row in found if row.beyond(least)]


def test_what_is_told_last_is_what_a_request_gives(tmp_path: Path) -> None:
    artifact = BACKEND.convert(conversion(tmp_path))
    *_, last = BACKEND.intermediates(loading(artifact), X).values()
    np.testing.assert_allclose(last, BACKEND.load(loading(artifact)).bind(X)(), atol=1e-5)


def test_integers_are_told_as_what_they_stand_for(tmp_path: Path) -> None:
    found = BACKEND.intermediates(loading(BACKEND.convert(conversion(tmp_path, "int8"))), X)
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    assert {len(values) for values in found.values()} == {len(X)}
    np.testing.assert_allclose(found["tfl.quantize"], X, atol=0.01)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize(("layer", "block"), [("conv2d_1", 2), ("depthwise_conv2d_1", 3), ("dense", 6)])
def test_a_layer_that_was_converted_wrongly_is_found_at_that_layer(
    tmp_path: Path, precision: str, layer: str, block: int
) -> None:
    def wrong() -> Any:
        model = keras_files.load_model(trained_file())
        broken = model.get_layer(layer)
        kernel, *rest = broken.get_weights()
        broken.set_weights([kernel[..., ::-1] if kernel.shape[-1] > 1 else kernel[:, :, ::-1], *rest])
        return model

    found = rows(BACKEND.convert(replace(conversion(tmp_path, precision), load_model=wrong)))
    told = [row for row in found if row.tensor is not None]
    first = next(place for place, row in enumerate(told) if row.beyond(TOLERANCE(precision).layer_snr))
    # The blocks before it are as good as ever.
    assert first == block
