"""What int8 costs in accuracy after ``qat``: three seeds, the artifact as it is shipped, the same test samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from litert_nets import BACKEND, loaded, ordered
from test_compression_accuracy import NETS, SEEDS, trained
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.plugins import precision
from tradeoff.plugins.qat import technique as qat

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {one.name: one for one in (*qat.tradeoff_techniques(), *precision.tradeoff_techniques())}


def right(outputs: Any) -> Any:
    """For each test sample whether the answer is right."""
    return np.asarray(outputs).argmax(axis=1) == data().test.y


def shipped(name: str, seed: int, spelling: str) -> Any:
    """What the int8 artifact answers."""
    folder = Path(mkdtemp(prefix="tradeoff-qat-"))
    net, ranges = keras_files.load_model(trained(name, seed)), None
    for step in parse_chain(spelling, TECHNIQUES).model_steps:
        recipe = NETS[name].RECIPE  # type: ignore[attr-defined]
        splits = (data().train, data().calibration, data().validation)
        one = qat.qat(tradeoff.Rewriting(net, dict(step.values), task(), *splits, recipe, seed, silent))
        net, ranges = one.model, one.ranges
    keras_files.save_model(net, folder / "model.keras")
    order = replace(ordered(folder, "int8", folder / "model.keras"), ranges=ranges)
    return loaded(BACKEND.convert(order)).bind(data().test.x)()


@pytest.mark.parametrize(("name", "points"), [("dense", 1.0), ("cnn", 1.0), ("ds_cnn", 1.0), ("mobilenet", 2.0)])
@pytest.mark.parametrize("spelling", ["int8", "qat", "qat:activations=symmetric:weights=per_tensor"])
def test_int8_loses_at_most_a_point_or_two(name: str, points: float, spelling: str) -> None:
    before = [
        right(keras_files.outputs_of(keras_files.load_model(trained(name, seed)), data().test.x)) for seed in SEEDS
    ]
    after = [right(shipped(name, seed, spelling)) for seed in SEEDS]
    lost = 100 * (np.concatenate(before).astype(float) - np.concatenate(after))
    half = 1.96 * lost.std(ddof=1) / np.sqrt(len(lost))
    told = f"{name}/{spelling}: {lost.mean():.2f} points lost, 95 % interval {lost.mean() - half:.2f} to "
    told += f"{lost.mean() + half:.2f}; {100 * np.mean(before):.2f} % before"
    print(told)
    assert lost.mean() <= points, told
