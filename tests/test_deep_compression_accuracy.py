"""What Deep Compression is for: how small the whole file gets, decoded bit for bit, and what that costs in accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, train_test_split
from trained import NOISE, conversion, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.chain import parse_chain
from tradeoff.coding.coded_files import decode_artifact, encode_artifact, same_artifact
from tradeoff.formats import keras_files
from tradeoff.models import dense
from tradeoff.plugins import huffman
from tradeoff.plugins.deep_compression import technique as deep_compression

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {one.name: one for one in (*deep_compression.tradeoff_techniques(), *huffman.tradeoff_techniques())}
FOLDS = 5


@dataclass(frozen=True)
class Outcome:
    """Of one fold.

    :param lost: points of accuracy, of the decoded ``.tflite`` file against the model that was trained.
    :param times: how many times smaller the container is than the float32 weights.
    """

    lost: float
    times: float


def folds() -> list[tuple[tradeoff.Split, tradeoff.Split, tradeoff.Split]]:
    """Train, validation and test, so that each image is in one test split."""
    splits = (data().train, data().validation, data().test)
    x, y = (np.concatenate([getattr(split, name) for split in splits]) for name in ("x", "y"))
    found = []
    for rest, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
        train, validation = train_test_split(rest, test_size=0.125, stratify=y[rest], random_state=0)
        found.append(tuple(tradeoff.Split(x[rows], y[rows]) for rows in (train, validation, test)))
    return found  # type: ignore[return-value]


def outcome(made: Any, spelling: str, fold: int, folder: Path) -> Outcome:
    """Train, compress, convert, code, decode, and run what was decoded."""
    train, validation, test = folds()[fold]
    training.set_seed(0)
    net = made.build()
    training.train(net, made.RECIPE, train, validation, task(), 0, silent)
    before = right(keras_files.outputs_of(net, test.x), test)
    whole = 4 * net.count_params()
    (step,) = parse_chain(spelling, TECHNIQUES).model_steps
    calibration = tradeoff.Split(train.x[:128], train.y[:128])
    order = tradeoff.Rewriting(
        net, dict(step.values), task(), train, calibration, validation, made.RECIPE, 0, silent, technique="deep"
    )
    keras_files.save_model(deep_compression.deep_compression(order).model, folder / "model.keras")
    backend = LiteRTBackend()
    artifact = backend.convert(conversion(folder, model_file=folder / "model.keras"))
    coded = encode_artifact(artifact, backend.weights(artifact), folder)
    (folder / "out").mkdir()
    decoded = decode_artifact(coded.container, folder / "out")
    assert same_artifact(artifact, decoded)
    runner = backend.load(tradeoff.Loading(decoded, {"threads": 1}, "host-cpu"))
    after = right(runner.bind(test.x)(), test)
    size = coded.container.stat().st_size
    print(f"fold {fold}: {before:.2f} % before, {after:.2f} % after, {size} bytes, {whole / size:.1f} times smaller")
    return Outcome(before - after, whole / size)


def right(outputs: Any, test: tradeoff.Split) -> float:
    return float(100 * np.mean(outputs.argmax(axis=1) == test.y))


def test_the_dense_net_is_35_times_smaller_and_loses_half_a_point_at_most(tmp_path: Path) -> None:
    found = []
    for fold in range(FOLDS):
        (tmp_path / str(fold)).mkdir()
        found.append(outcome(dense, "deep_compression", fold, tmp_path / str(fold)))
    assert min(one.times for one in found) >= 35
    assert np.mean([one.lost for one in found]) <= 0.5
