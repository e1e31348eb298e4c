"""Tasks and models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.vocabulary.common import Outputs, Requirement, TaskKind

if TYPE_CHECKING:
    import numpy as np

    from tradeoff.vocabulary.common import Array


@dataclass(frozen=True)
class Split:
    """Inputs and targets; ``y`` holds integer labels for a classification, values for a regression."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Splits:
    """The data of a task. The test split only ever judges; no technique and no converter sees it."""

    train: Split
    calibration: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Task:
    """Data plus what 'good' means.

    :param name: how it is spelled.
    :param load: gives the splits; runs in a worker, so it may import what it likes.
    :param kind: ``classification`` or ``regression``.
    :param metric: what is reported as the task's quality: ``accuracy``, ``mae``, ``mse`` or ``r2``.
    :param loss: ``crossentropy``, ``mse`` or ``mae``.
    :param outputs: what a model of this task gives.
    :param floor: the quality under which a candidate is not worth shipping.
    :param version: raise it when ``load`` gives other data; stored results are keyed by it.
    :param requires: what ``load`` imports.
    :param summary: one line for a person.
    """

    name: str
    load: Callable[[], Splits]
    kind: TaskKind = "classification"
    metric: str = "accuracy"
    loss: str = "crossentropy"
    outputs: Outputs = "probabilities"
    floor: float | None = None
    version: str = "1"
    requires: tuple[Requirement, ...] = ()
    summary: str = ""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, and how long a technique may fine-tune it.

    :param epochs: passes over the training split.
    :param batch_size: samples per step.
    :param learning_rate: the peak of a cosine decay.
    :param augment: ``augment(x, generator)`` gives a changed copy of one epoch's inputs.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 3e-3
    augment: Callable[[Array, np.random.Generator], Array] | None = None


@dataclass(frozen=True)
class Model:
    """A task plus a way to get a Keras 3 model: a builder with a recipe, or a file the user brings.

    It may also be a finished artifact, which goes straight to the backends that read it.

    :param name: how it is spelled.
    :param task: the name of its task.
    :param build: gives a fresh, untrained Keras model; imports Keras inside.
    :param recipe: how to train what ``build`` gives.
    :param file: a trained ``.keras`` or ``.h5`` file, or a finished artifact, instead of ``build``.
    :param finished: the ending of a finished artifact: ``.tflite``; ``saved_model`` for such a folder.
    :param version: raise it when architecture or recipe change.
    :param summary: one line for a person.
    """

    name: str
    task: str
    build: Callable[[], Any] | None = None
    recipe: Recipe | None = None
    file: Path | None = None
    finished: str = ""
    version: str = "1"
    summary: str = ""
