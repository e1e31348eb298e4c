"""The teacher at work: its answers to the very inputs that a step trains on, asked for once an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..scale.graph import read, refused
from ..scale.knobs import ends
from .losses import Mixture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Flags = NDArray[np.bool_]

#: Samples that the teacher is asked about at once, and small ones by so many bytes of them: each question takes time.
_BATCH: Final = 256
_BYTES: Final = 1 << 20


def last_hidden(model: Any) -> Any:
    """The tensor that the last layer is given, flat; refused where there is no single one."""
    import keras

    makers = ends(read(model), model)
    if len(makers) != 1 or any(makers[0].given[0] is tensor for tensor in model.inputs):
        raise refused(f"feature= needs a hidden layer before the one that makes the outputs; {model.name} has none")
    tensor = makers[0].given[0]
    return tensor if len(tensor.shape) == 2 else keras.layers.Flatten()(tensor)


@dataclass
class Teacher:
    """Answers for the whole training split, augmented anew in each epoch.

    :param model: what teaches.
    :param mixture: what the student is told.
    :param train: the split, with the true labels.
    :param known: the samples whose labels may be used.
    """

    model: Any
    mixture: Mixture
    train: tradeoff.Split
    known: Flags
    _told: Array = field(init=False)
    _asked: Any = field(init=False)
    _scale: float = field(default=1.0, init=False)

    def __post_init__(self) -> None:
        import keras
        import numpy as np

        self._asked = self.model
        if self.mixture.feature:
            hidden = last_hidden(self.model)
            self._asked = keras.Model(self.model.inputs[0], [self.model.outputs[0], hidden])
        # Compiled to be asked quickly; without XLA, which takes longer to compile than this takes.
        self._asked.compile(jit_compile=False)
        if self.mixture.feature:
            # Features have no natural size, so that a weight means the same for any teacher.
            _, features = self._answers(self.train.x)
            self._scale = float(np.sqrt(np.mean(np.square(features))) or 1.0)

    def lesson(self, job: tradeoff.Rewriting, recipe: tradeoff.Recipe) -> tradeoff.Rewriting:
        """The same job, with the numbers of samples as targets, and the teacher asked whenever inputs change."""
        import numpy as np

        augment = recipe.augment
        numbers = tradeoff.Split(self.train.x, np.arange(len(self.train)))
        if augment is None:
            self._ask(self.train.x)
            return replace(job, recipe=recipe, train=numbers)

        def asked(x: Any, generator: np.random.Generator) -> Any:
            changed = augment(x, generator)
            self._ask(changed)
            return changed

        return replace(job, recipe=replace(recipe, augment=asked), train=numbers)

    def told(self, _x: Any, numbers: Any) -> Any:
        """What the loss is compared with, for these samples of the epoch."""
        return self._told[numbers]

    def _ask(self, x: Array) -> None:
        answers, features = self._answers(x)
        self._told = self.mixture.wanted(
            answers, self.train.y, self.known, None if features is None else features / self._scale
        )

    def _answers(self, x: Array) -> tuple[Any, Any]:
        import numpy as np

        found: list[Sequence[Any]] = []
        size = max(_BATCH, _BYTES // max(1, x[:1].nbytes))
        for start in range(0, len(x), size):
            given = self._asked.predict_on_batch(x[start : start + size])
            found.append(given if isinstance(given, list | tuple) else (given,))
        whole = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return whole[0], whole[1] if len(whole) > 1 else None


def labelled(train: tradeoff.Split, count: int, classes: bool, seed: int) -> Flags:
    """Which samples are labelled: all for 0; else so many at random, of every class equally many as far as it goes."""
    import numpy as np

    known = np.ones(len(train), dtype=bool)
    if not count or count >= len(train):
        return known
    order = np.random.default_rng(seed).permutation(len(train))
    if classes:
        labels = np.reshape(train.y, -1)[order]
        # The first of each class, then the second of each, and so on.
        turn = np.zeros(len(order), dtype=np.int64)
        for label in np.unique(labels):
            turn[labels == label] = np.arange(np.count_nonzero(labels == label))
        order = order[np.argsort(turn, kind="stable")]
    known[:] = False
    known[order[:count]] = True
    return known


def only(train: tradeoff.Split, known: Flags) -> tradeoff.Split:
    """The labelled samples alone, repeated to the length of the split, so that an epoch has as many steps."""
    import numpy as np

    rows = np.resize(np.flatnonzero(known), len(train))
    return tradeoff.Split(train.x[rows], train.y[rows])
