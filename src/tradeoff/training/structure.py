"""Zeros and shared values that a model came with, and how a training keeps them.

Both are found in the weights themselves, so a file that was pruned elsewhere stays pruned as well, and no technique
has to know what another one before it has done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradeoff.vocabulary import Array

#: More different values than an index of eight bits can tell apart are no clusters.
MOST_CLUSTERS: Final = 256
#: A value has to be shared by so many weights on average before the kernel counts as clustered.
_SHARED: Final = 2
#: Groups among which zeros are divided.
_SPREAD: Final = 32


@dataclass(frozen=True)
class Kept:
    """What is kept of one kernel.

    :param variable: a trainable Keras variable of rank 2 or more.
    :param alive: which of its weights are not zero; the others stay zero.
    :param groups: for each weight the number of the group whose value it shares; ``None`` where all are free.
    """

    variable: Any
    alive: NDArray[np.bool_]
    groups: NDArray[np.int32] | None = None

    def project(self, values: Array) -> Array:
        """The nearest values that have the structure: zeros are zero, and each group has its mean."""
        import numpy as np

        if self.groups is None:
            kept: Array = np.where(self.alive, values, np.zeros((), values.dtype))
            return kept
        groups = self.groups.reshape(-1)
        sums = np.bincount(groups, weights=values.reshape(-1).astype(np.float64))
        means = (sums / np.maximum(1, np.bincount(groups))).astype(values.dtype)
        shared: Array = np.where(self.alive, means[groups].reshape(values.shape), np.zeros((), values.dtype))
        return shared


def find_structure(model: Any) -> tuple[Kept, ...]:
    """The zeros and clusters of every kernel of ``model`` that has some."""
    found = (found_in(variable) for variable in kernels(model))
    return tuple(kept for kept in found if kept is not None)


def kernels(model: Any) -> list[Any]:
    """The trainable variables that can have a structure: all but biases, scales and shifts."""
    return [variable for variable in model.trainable_variables if len(variable.shape) >= 2]


def found_in(variable: Any) -> Kept | None:
    """What of one kernel is to be kept; nothing of one that holds a single value, which is how training begins."""
    import keras
    import numpy as np

    values = keras.ops.convert_to_numpy(variable)
    alive = values != 0
    distinct, groups = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        return None
    shared = len(distinct) - (not alive.all())
    if shared <= MOST_CLUSTERS and shared * _SHARED <= np.count_nonzero(alive):
        return Kept(variable, alive, groups.reshape(values.shape).astype(np.int32))
    return None if alive.all() else Kept(variable, alive)


def impose(structure: Iterable[Kept]) -> None:
    """Give the weights the structure now."""
    import keras

    for kept in structure:
        kept.variable.assign(kept.project(keras.ops.convert_to_numpy(kept.variable)))


class Holder:
    """Keeps a structure while the model is trained; the projection is part of the compiled step.

    :param model: what is trained, once it is compiled.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._owns: list[tuple[Any, Any]] = []

    def hold(self, structure: Sequence[Kept]) -> None:
        """Impose ``structure`` and keep it from the next step on, instead of what was kept before."""
        impose(structure)
        self.release()
        for kept in structure:
            own = kept.variable.constraint
            self._owns.append((kept.variable, own))
            kept.variable.constraint = _projection(kept, own)
        if self._model.train_function is not None:
            # What was compiled has the old structure in it.
            self._model.make_train_function(force=True)

    def release(self) -> None:
        """Leave the variables as they were, with their own constraints."""
        for variable, own in reversed(self._owns):
            variable.constraint = own
        self._owns.clear()


@contextmanager
def holding(model: Any, structure: Sequence[Kept]) -> Iterator[Holder]:
    """Keep ``structure`` until the end of the block."""
    holder = Holder(model)
    try:
        holder.hold(structure)
        yield holder
    finally:
        holder.release()


def _projection(kept: Kept, own: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """The same as :meth:`Kept.project`, in the engine's operations; after the constraint that the layer has itself."""
    import keras
    import numpy as np

    kind = kept.variable.dtype
    alive = kept.alive.astype(np.float32)
    if kept.groups is None:

        def masked(value: Any) -> Any:
            return keras.ops.multiply(own(value) if own else value, keras.ops.cast(alive, kind))

        return masked
    groups, living = kept.groups.reshape(-1), kept.alive.reshape(-1)
    # Zeros go to several groups of their own, in turns: to add many numbers to one and the same takes longer.
    groups = np.where(living, groups, groups.max() + 1 + np.arange(groups.size) % _SPREAD).astype(np.int32)
    counts = np.bincount(groups)
    # They have the factor 0, and all others that of their mean.
    factors = (np.bincount(groups, weights=living) > 0) / np.maximum(1, counts)
    shape = kept.groups.shape

    def shared(value: Any) -> Any:
        flat = keras.ops.reshape(own(value) if own else value, (-1,))
        sums = keras.ops.segment_sum(flat, groups, num_segments=len(counts))
        means = keras.ops.multiply(sums, keras.ops.cast(factors, kind))
        return keras.ops.reshape(keras.ops.take(means, groups), shape)

    return shared
