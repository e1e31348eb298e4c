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
#: The most numbers that are added up in a row.
_ROW: Final = 256
#: Groups among which zeros are divided where there are fewer.
_SPREAD: Final = 32
#: From so many numbers on, rows are quicker than what they take to set up.
_MANY: Final = 1 << 15
#: Numbers for each pair of groups, from which on pairs are quicker than their table takes to set up.
_PAIRED: Final = 8


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
    groups = kept.groups.reshape(-1)
    living = kept.alive.reshape(-1)
    counts = np.bincount(groups)
    # A group of zeros has the factor 0, and all others that of their mean.
    factors = (np.bincount(groups, weights=living) > 0) / np.maximum(1, counts)
    sums_of = _adder(groups, living, len(counts))
    spread = _spreader(groups, len(counts))
    shape = kept.groups.shape

    def shared(value: Any) -> Any:
        sums = sums_of(keras.ops.reshape(own(value) if own else value, (-1,)))
        means = keras.ops.multiply(sums, keras.ops.cast(factors, kind))
        return keras.ops.reshape(spread(means), shape)

    return shared


def _adder(groups: NDArray[np.int32], living: NDArray[np.bool_], count: int) -> Callable[[Any], Any]:
    """What adds up the numbers of each group.

    A segment sum over single numbers takes TensorFlow ten times as long as to gather and add them row by row, once
    there are many; and what is quicker still adds in another order each time.
    """
    import keras
    import numpy as np

    if groups.size < _MANY:
        # Zeros go to several groups behind the others, in turns: many numbers for one and the same take longer.
        spread = np.where(living, groups, count + np.arange(groups.size) % _SPREAD).astype(np.int32)
        return lambda flat: keras.ops.segment_sum(flat, spread, num_segments=count + _SPREAD)[:count]
    places, owners = _rows(np.where(living, groups, -1), count)

    def added(flat: Any) -> Any:
        filled = keras.ops.concatenate([flat, keras.ops.zeros((1,), flat.dtype)])
        rows = keras.ops.sum(keras.ops.take(filled, places), axis=1)
        return keras.ops.segment_sum(rows, owners, num_segments=count)

    return added


def _spreader(groups: NDArray[np.int32], count: int) -> Callable[[Any], Any]:
    """What gives each number the one of its group.

    To look up two neighbours takes as long as one, so they are looked up together where few pairs are possible.
    """
    import keras

    if groups.size % 2 or groups.size < _PAIRED * count**2:
        return lambda means: keras.ops.take(means, groups)
    pairs = groups[::2] * count + groups[1::2]

    def paired(means: Any) -> Any:
        table = keras.ops.stack([keras.ops.repeat(means, count), keras.ops.tile(means, count)], axis=1)
        return keras.ops.take(table, pairs, axis=0)

    return paired


def _rows(groups: NDArray[np.int32], count: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which numbers are added up: rows of places that belong to one group each, and whose they are.

    Rows are filled up with a place behind the last one.

    :param groups: of each number; below 0 for one that is not added.
    """
    import numpy as np

    length = max(1, min(_ROW, len(groups) // (4 * count)))
    found, owners = [], []
    for group in range(count):
        members = np.flatnonzero(groups == group).astype(np.int32)
        rows = -(-len(members) // length)
        found.append(np.pad(members, (0, rows * length - len(members)), constant_values=len(groups)))
        owners.append(np.full(rows, group, np.int32))
    return np.concatenate(found).reshape(-1, length), np.concatenate(owners)
