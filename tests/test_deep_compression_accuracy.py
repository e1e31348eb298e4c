"""What Deep Compression is for: how small the whole file gets, decoded bit for bit, and what that costs in accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folds import FOLDS, folds, rewriting, right, trained_on
from trained import NOISE, conversion

import tradeoff
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.chain import parse_chain
from tradeoff.coding.coded_files import decode_artifact, encode_artifact, same_artifact
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense
from tradeoff.plugins import huffman
from tradeoff.plugins.deep_compression import technique as deep_compression

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {one.name: one for one in (*deep_compression.tradeoff_techniques(), *huffman.tradeoff_techniques())}


@dataclass(frozen=True)
class Outcome:
    """Of one fold.

    :param lost: points of accuracy, of the decoded ``.tflite`` file against the model that was trained.
    :param times: how many times smaller the container is than the float32 weights.
    """

    lost: float
    times: float


def outcome(made: Any, spelling: str, fold: int, folder: Path) -> Outcome:
    """Train, compress, convert, code, decode, and run what was decoded."""
    test = folds()[fold][2]
    net = keras_files.load_model(trained_on(made, fold))
    before = points(keras_files.outputs_of(net, test.x), fold)
    whole = 4 * net.count_params()
    (step,) = parse_chain(spelling, TECHNIQUES).model_steps
    order = rewriting(made, fold, net, step)
    keras_files.save_model(deep_compression.deep_compression(order).model, folder / "model.keras")
    backend = LiteRTBackend()
    artifact = backend.convert(conversion(folder, model_file=folder / "model.keras"))
    coded = encode_artifact(artifact, backend.weights(artifact), folder)
    (folder / "out").mkdir()
    decoded = decode_artifact(coded.container, folder / "out")
    assert same_artifact(artifact, decoded)
    runner = backend.load(tradeoff.Loading(decoded, {"threads": 1}, "host-cpu"))
    after = points(runner.bind(test.x)(), fold)
    size = coded.container.stat().st_size
    print(f"fold {fold}: {before:.2f} % before, {after:.2f} % after, {size} bytes, {whole / size:.1f} times smaller")
    return Outcome(before - after, whole / size)


def points(outputs: Any, fold: int) -> float:
    return float(100 * np.mean(right(outputs, fold)))


@pytest.mark.parametrize(("made", "times", "most"), [(dense, 35, 0.5), (cnn, 15, 1.0)], ids=["dense", "cnn"])
def test_over_five_folds_it_is_that_many_times_smaller_and_loses_no_more(
    made: Any, times: float, most: float, tmp_path: Path
) -> None:
    """The convolutional net has a BatchNorm behind each convolution."""
    found = []
    for fold in range(FOLDS):
        (tmp_path / str(fold)).mkdir()
        found.append(outcome(made, "deep_compression", fold, tmp_path / str(fold)))
    assert min(one.times for one in found) >= times
    assert np.mean([one.lost for one in found]) <= most
