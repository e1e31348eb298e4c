"""All digits in five folds, so that each image is tested once by a net that has not seen it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split
from trained import data, silent, task

import tradeoff
from tradeoff import training
from tradeoff.formats import keras_files

FOLDS = 5


@cache
def folds() -> tuple[tuple[tradeoff.Split, tradeoff.Split, tradeoff.Split], ...]:
    """Train, validation and test of each."""
    splits = (data().train, data().validation, data().test)
    x, y = (np.concatenate([getattr(split, name) for split in splits]) for name in ("x", "y"))
    found = []
    for rest, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
        train, validation = train_test_split(rest, test_size=0.125, stratify=y[rest], random_state=0)
        found.append(tuple(tradeoff.Split(x[rows], y[rows]) for rows in (train, validation, test)))
    return tuple(found)  # type: ignore[arg-type]


@cache
def trained_on(made: Any, fold: int) -> Path:
    """A ``.keras`` file of the module's model, trained without the fold's test split."""
    train, validation, _ = folds()[fold]
    training.set_seed(0)
    net = made.build()
    training.train(net, made.RECIPE, train, validation, task(), 0, silent)
    path = Path(mkdtemp(prefix="tradeoff-folds-")) / "model.keras"
    keras_files.save_model(net, path)
    return path


def rewriting(made: Any, fold: int, net: Any, step: Any) -> tradeoff.Rewriting:
    """An order to one technique."""
    train, validation, _ = folds()[fold]
    calibration = tradeoff.Split(train.x[:128], train.y[:128])
    splits = (train, calibration, validation)
    return tradeoff.Rewriting(net, dict(step.values), task(), *splits, made.RECIPE, 0, silent, technique=step.technique)


def right(outputs: Any, fold: int) -> Any:
    """For each of the fold's test samples whether the answer is right."""
    return np.asarray(outputs).argmax(axis=1) == folds()[fold][2].y
