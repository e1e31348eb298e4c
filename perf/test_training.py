"""What keeping zeros and clusters costs an epoch, beside a plain epoch of fine-tuning; all in one process, in turns.

Processor time is taken, of all threads: an epoch is long enough for other processes to come between.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, pairwise
from time import process_time
from typing import Any

import numpy as np
import pytest
from figures import Note, show
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.registry import Registry
from tradeoff.vocabulary import Rewriting

# TensorFlow's tensors have not followed NumPy 2 here, and Keras copies them to the host in this way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object` will be defined:FutureWarning"),
]
#: The most that an epoch may cost, as a multiple of a plain one.
MOST = 1.3
#: Timed epochs of each fine-tuning; the first one compiles and is not timed. Short ones vary, and are more.
EPOCHS = {"dense": 30, "cnn": 6, "ds_cnn": 6}
ROUNDS = 5
Shape = Callable[[Any], Any]
STRUCTURES: dict[str, Shape] = {
    "plain": lambda kernel: kernel,
    "half of the weights zero": lambda kernel: np.where(np.abs(kernel) < 0.67, 0, kernel),
    "clusters": lambda kernel: np.round(kernel * 3) / 3,
    "clusters and zeros": lambda kernel: np.where(np.abs(kernel) < 0.67, 0, np.round(kernel * 3) / 3),
}


def epochs_of(registry: Registry, name: str, structure: Shape, *, rounded: bool = False) -> list[float]:
    """Processor seconds of each epoch of fine-tuning a net whose kernels have the structure, or its rounding twin."""
    from tradeoff import training
    from tradeoff.plugins.qat.net import Rounding, rounding_net

    model = registry.models[name]
    task = registry.task_of(model)
    splits = task.load()
    assert model.build is not None
    training.set_seed(0)
    net, generator = model.build(), np.random.default_rng(0)
    for kernel in training.structure.kernels(net):
        drawn = generator.normal(size=kernel.shape)
        kernel.assign((0.05 * structure(drawn)).astype(np.float32))
    ends: list[float] = []
    job = Rewriting(
        model=net,
        values={},
        task=task,
        train=splits.train,
        calibration=splits.calibration,
        validation=splits.validation,
        recipe=replace(model.recipe, augment=None) if model.recipe else None,
        seed=0,
        progress=lambda text, done: ends.append(process_time()),
    )
    trained = (
        rounding_net(net, Rounding(symmetric=False, per_tensor=False), splits.calibration.x).net if rounded else net
    )
    training.fine_tune(job, trained, epochs=EPOCHS[name] + 1, learning_rate=1e-6)
    return [after - before for before, after in pairwise(ends)]


def against(plain: list[list[float]], other: list[list[float]]) -> float:
    """The median over the rounds of what the least disturbed epochs cost: others in the caches cost processor time."""
    return statistics.median(min(theirs) / min(ours) for ours, theirs in zip(plain, other, strict=True))


@pytest.mark.benchmark(group="an epoch of fine-tuning")
@pytest.mark.parametrize("name", ["dense", "cnn", "ds_cnn"])
def test_an_epoch_that_keeps_structure(
    benchmark: BenchmarkFixture, figure: Note, registry: Registry, name: str
) -> None:
    pytest.importorskip("keras")
    taken: dict[str, list[list[float]]] = {kind: [] for kind in STRUCTURES}
    for _ in range(ROUNDS):
        for kind, structure in STRUCTURES.items():
            taken[kind].append(epochs_of(registry, name, structure))
    show(benchmark, list(chain.from_iterable(taken["clusters and zeros"])))
    for kind, rounds in taken.items():
        if kind != "plain":
            figure(f"{name}: an epoch with {kind}, against a plain one", against(taken["plain"], rounds), MOST, "x")


@pytest.mark.benchmark(group="an epoch of fine-tuning")
@pytest.mark.parametrize("name", ["dense", "cnn", "ds_cnn"])
def test_an_epoch_that_rounds(benchmark: BenchmarkFixture, figure: Note, registry: Registry, name: str) -> None:
    pytest.importorskip("keras")
    plain: list[list[float]] = []
    rounding: list[list[float]] = []
    for _ in range(ROUNDS):
        plain.append(epochs_of(registry, name, STRUCTURES["plain"]))
        rounding.append(epochs_of(registry, name, STRUCTURES["plain"], rounded=True))
    show(benchmark, list(chain.from_iterable(rounding)))
    figure(f"{name}: an epoch of qat, against a plain one", against(plain, rounding), MOST, "x")
