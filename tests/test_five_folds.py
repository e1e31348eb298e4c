"""What techniques cost in accuracy over all 1,797 digits: five nets, each image tested once, in the file that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folds import FOLDS, folds, rewriting, right, trained_on
from litert_nets import BACKEND, loaded, ordered
from trained import NOISE

from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense, ds_cnn
from tradeoff.plugins import cluster, precision
from tradeoff.plugins.prune import technique as prune
from tradeoff.plugins.qat import technique as qat
from tradeoff.plugins.structured import technique as structured

pytestmark = [pytest.mark.deep, pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = {
    one.name: one for module in (prune, cluster, precision, qat, structured) for one in module.tradeoff_techniques()
}
MODELS = {"dense": dense, "cnn": cnn, "ds_cnn": ds_cnn}


def shipped(made: Any, fold: int, spelling: str, folder: Path) -> Any:
    """What the artifact of the chain answers."""
    net, ranges = keras_files.load_model(trained_on(made, fold)), None
    chain = parse_chain(spelling, TECHNIQUES)
    for step in chain.model_steps:
        apply = TECHNIQUES[step.technique].apply
        assert apply is not None
        found = apply(rewriting(made, fold, net, step))
        net, ranges = found.model, found.ranges
    keras_files.save_model(net, folder / "model.keras")
    calibration = folds()[fold][0].x[:128]
    order = ordered(folder, chain.precision_name, folder / "model.keras", calibration)
    return loaded(BACKEND.convert(replace(order, ranges=ranges))).bind(folds()[fold][2].x)()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("spelling", "points"),
    [("int8", 1.0), ("qat", 1.0), ("prune:0.5", 1.5), ("cluster:16", 1.0), ("channels:0.5", 1.0)],
)
def test_the_accuracy_that_is_lost_stays_within_its_bound(
    name: str, spelling: str, points: float, tmp_path: Path
) -> None:
    if spelling.startswith("channels") and name != "cnn":
        pytest.skip("the bound is that of the convolutional net")
    before, after = [], []
    for fold in range(FOLDS):
        folder = tmp_path / str(fold)
        folder.mkdir()
        net = keras_files.load_model(trained_on(MODELS[name], fold))
        before.append(right(keras_files.outputs_of(net, folds()[fold][2].x), fold))
        after.append(right(shipped(MODELS[name], fold, spelling, folder), fold))
    lost = 100 * (np.concatenate(before).astype(float) - np.concatenate(after))
    half = 1.96 * lost.std(ddof=1) / np.sqrt(len(lost))
    told = f"{name}/{spelling}: {lost.mean():.2f} points lost, 95 % interval {lost.mean() - half:.2f} to "
    told += f"{lost.mean() + half:.2f}, of {len(lost)} images; {100 * np.mean(np.concatenate(before)):.2f} % before"
    print(told)
    assert len(lost) == 1797
    assert lost.mean() <= points, told
