"""What pruning and clustering cost in accuracy: three seeds, and the same test samples before and after."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from trained import NOISE, data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense, ds_cnn, mobilenet
from tradeoff.plugins import cluster
from tradeoff.plugins.prune import technique as prune

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {one.name: one for one in (*prune.tradeoff_techniques(), *cluster.tradeoff_techniques())}
SEEDS = (0, 1, 2)
MODELS = {"dense": dense, "cnn": cnn, "ds_cnn": ds_cnn}
NETS = {**MODELS, "mobilenet": mobilenet}


@cache
def trained(name: str, seed: int) -> Path:
    """A ``.keras`` file of the model, trained as the suites train it."""
    training.set_seed(seed)
    model: Any = NETS[name]
    net = model.build()
    training.train(net, model.RECIPE, data().train, data().validation, task(), seed, silent)
    path = Path(mkdtemp(prefix="tradeoff-accuracy-")) / "model.keras"
    keras_files.save_model(net, path)
    return path


def compressed(name: str, seed: int, chain: str) -> Any:
    """The same net after the chain."""
    net = keras_files.load_model(trained(name, seed))
    for step in parse_chain(chain, TECHNIQUES).model_steps:
        apply = TECHNIQUES[step.technique].apply
        assert apply is not None
        recipe = MODELS[name].RECIPE  # type: ignore[attr-defined]
        splits = (data().train, data().calibration, data().validation)
        net = apply(tradeoff.Rewriting(net, dict(step.values), task(), *splits, recipe, seed, silent)).model
    return net


def right(net: Any) -> Any:
    """For each test sample whether the answer is right."""
    return keras_files.outputs_of(net, data().test.x).argmax(axis=1) == data().test.y


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("chain", "points"), [("prune:0.5", 1.5), ("cluster:16", 1.0)])
def test_the_accuracy_that_is_lost_stays_within_its_bound(name: str, chain: str, points: float) -> None:
    load: Callable[[Path], Any] = keras_files.load_model
    pairs = [(right(load(trained(name, seed))), right(compressed(name, seed, chain))) for seed in SEEDS]
    lost = 100 * np.concatenate([before.astype(float) - after for before, after in pairs])
    half = 1.96 * lost.std(ddof=1) / np.sqrt(len(lost))
    low, high = lost.mean() - half, lost.mean() + half
    told = f"{name}/{chain}: {lost.mean():.2f} points lost, 95 % interval {low:.2f} to {high:.2f}"
    print(told)
    assert low <= points, told
    assert lost.mean() <= points, told
