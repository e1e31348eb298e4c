"""What the tests of techniques share: applying one to the trained net, and looking at what came out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from trained import data, silent, task, trained_file

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.formats import keras_files
from tradeoff.inspecting import inspect_layers
from tradeoff.models import ds_cnn

#: Short, since most tests ask what became of the weights and not how good they are.
RECIPE = replace(ds_cnn.RECIPE, epochs=1)


def job(model: Any, values: dict[str, Any], technique: str = "", seed: int = 0) -> tradeoff.Rewriting:
    """What a technique is handed, with a quarter of the training data."""
    train = tradeoff.Split(data().train.x[:320], data().train.y[:320])
    return tradeoff.Rewriting(
        model=model,
        values=values,
        task=task(),
        train=train,
        calibration=data().calibration,
        validation=data().validation,
        recipe=RECIPE,
        seed=seed,
        progress=silent,
        technique=technique,
    )


def applied(
    chain: str, techniques: Iterable[tradeoff.Technique], model: Any = None, folder: Path | None = None
) -> list[tradeoff.Rewritten]:
    """What each step of ``chain`` gives, each on the model of the one before, which went through a file."""
    known = {technique.name: technique for technique in techniques}
    current, found = model or keras_files.load_model(trained_file()), list[tradeoff.Rewritten]()
    for number, step in enumerate(parse_chain(chain, known).model_steps):
        apply = known[step.technique].apply
        assert apply is not None
        made = apply(job(current, dict(step.values), step.technique))
        assert isinstance(made, tradeoff.Rewritten)
        found.append(made)
        current = made.model
        if folder is not None:
            keras_files.save_model(current, folder / f"{number}.keras")
            current = keras_files.load_model(folder / f"{number}.keras")
    return found


def layers(model: Any) -> dict[str, dict[str, Any]]:
    """Rows of layers with kernels by name."""
    return {row["name"]: row for row in inspect_layers(model) if row["sparsity"] is not None}


def accuracy(model: Any) -> float:
    """On the test split."""
    outputs = keras_files.outputs_of(model, data().test.x)
    return float(np.mean(outputs.argmax(axis=1) == data().test.y))
