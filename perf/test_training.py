"""What an epoch of what a technique trains costs, beside a plain epoch of fine-tuning.

The fine-tunings of one net go on side by side in one process, an epoch each in turns, so that whatever slows the
machine down meets all of them. Processor time is taken, of all threads: an epoch is long enough for other processes to
come between.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
#: The same for a student of half its teacher's width, beside one that has none to ask: the teacher's answers cost, too.
MOST_TAUGHT = 1.5
#: Timed epochs of each fine-tuning; the first one compiles and is not timed. Short ones vary, and are more.
EPOCHS = {"dense": 120, "cnn": 25, "ds_cnn": 25}
Shape = Callable[[Any], Any]
#: Trains the net of a job, in as many epochs as its recipe has.
Way = Callable[[Rewriting], object]
#: So small that no weight moves far.
RATE = 1e-6
STRUCTURES: dict[str, Shape] = {
    "plain": lambda kernel: kernel,
    "half of the weights zero": lambda kernel: np.where(np.abs(kernel) < 0.67, 0, kernel),
    "clusters": lambda kernel: np.round(kernel * 3) / 3,
    "clusters and zeros": lambda kernel: np.where(np.abs(kernel) < 0.67, 0, np.round(kernel * 3) / 3),
}


class Turns:
    """Lets threads go on one at a time, each until it gives its turn to the next one."""

    def __init__(self, count: int) -> None:
        self._events = [threading.Event() for _ in range(count)]
        self._events[0].set()
        self._over = False

    def wait(self, place: int) -> None:
        self._events[place].wait()
        self._events[place].clear()
        if self._over:
            raise RuntimeError("another of the threads has failed")

    def give(self, place: int) -> None:
        self._events[(place + 1) % len(self._events)].set()

    def end(self) -> None:
        """Nobody waits for one that has failed."""
        self._over = True
        for event in self._events:
            event.set()


def fine_tunings(registry: Registry, name: str, ways: Sequence[Way]) -> list[list[float]]:
    """Processor seconds of each epoch of training one net in each way, all in turns."""
    turns = Turns(len(ways))

    def tune(place: int) -> list[float]:
        try:
            turns.wait(place)
            return _epochs_of(registry, name, ways[place], lambda: turns.give(place), lambda: turns.wait(place))
        except BaseException:
            turns.end()
            raise

    with ThreadPoolExecutor(len(ways)) as pool:
        return list(pool.map(tune, range(len(ways))))


def _epochs_of(
    registry: Registry, name: str, way: Way, give: Callable[[], None], wait: Callable[[], None]
) -> list[float]:
    from tradeoff import training

    model = registry.models[name]
    task = registry.task_of(model)
    splits = task.load()
    assert model.build is not None
    assert model.recipe is not None
    training.set_seed(0)
    taken: list[float] = []
    begun = 0.0

    def ended(text: str, done: float | None) -> None:
        nonlocal begun
        taken.append(process_time() - begun)
        give()
        if len(taken) <= EPOCHS[name]:
            wait()
            begun = process_time()

    way(
        Rewriting(
            model=model.build(),
            values={},
            task=task,
            train=splits.train,
            calibration=splits.calibration,
            validation=splits.validation,
            recipe=replace(model.recipe, epochs=EPOCHS[name] + 1),
            seed=0,
            progress=ended,
        )
    )
    return taken[1:]


def tuned(job: Rewriting, net: Any) -> None:
    from tradeoff import training

    assert job.recipe is not None
    training.fine_tune(job, net, epochs=job.recipe.epochs, learning_rate=RATE)


def shaped(structure: Shape) -> Way:
    """A net whose kernels have the structure."""

    def train(job: Rewriting) -> None:
        draw(job.model, structure)
        tuned(job, job.model)

    return train


def draw(net: Any, structure: Shape) -> None:
    from tradeoff import training

    generator = np.random.default_rng(0)
    for kernel in training.structure.kernels(net):
        kernel.assign((0.05 * structure(generator.normal(size=kernel.shape))).astype(np.float32))


def rounded(job: Rewriting) -> None:
    """Its rounding twin."""
    from tradeoff.plugins.qat.net import Rounding, rounding_net

    draw(job.model, STRUCTURES["plain"])
    tuned(job, rounding_net(job.model, Rounding(symmetric=False, per_tensor=False), job.calibration.x).net)


def distilled(job: Rewriting) -> None:
    """A student of half its width that it teaches."""
    from tradeoff.plugins.distill.technique import distill

    distill(_lesson(job))


def student(job: Rewriting) -> None:
    """The same student without a teacher."""
    from tradeoff.plugins.distill.technique import pair

    tuned(job, pair(_lesson(job)).student)


def _lesson(job: Rewriting) -> Rewriting:
    from tradeoff.plugins.distill.technique import PARAMETERS

    draw(job.model, STRUCTURES["plain"])
    assert job.recipe is not None
    values = {each.name: each.default for each in PARAMETERS}
    own = {"epochs": job.recipe.epochs, "rate": RATE / job.recipe.learning_rate, "control": False}
    return replace(job, values={**values, **own})


def against(plain: list[float], other: list[float]) -> float:
    """The median of what an epoch takes, relative to the plain one of the same round."""
    return statistics.median(theirs / ours for ours, theirs in zip(plain, other, strict=True))


@pytest.mark.benchmark(group="an epoch of fine-tuning")
@pytest.mark.parametrize("name", ["dense", "cnn", "ds_cnn"])
def test_an_epoch_of_a_technique(benchmark: BenchmarkFixture, figure: Note, registry: Registry, name: str) -> None:
    pytest.importorskip("keras")
    shapes = {kind: shaped(structure) for kind, structure in STRUCTURES.items()}
    ways: dict[str, Way] = {**shapes, "qat": rounded, "distill": distilled, "student": student}
    taken = dict(zip(ways, fine_tunings(registry, name, list(ways.values())), strict=True))
    plain, alone = taken.pop("plain"), taken.pop("student")
    show(benchmark, taken["clusters and zeros"])
    for kind, epochs in taken.items():
        figure(f"{name}: an epoch with {kind}, against a plain one", against(plain, epochs), MOST, "x")
    beside = against(alone, taken["distill"])
    figure(f"{name}: an epoch of a student with its teacher, against one without", beside, MOST_TAUGHT, "x")
