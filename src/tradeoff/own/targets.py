"""How the user's targets are read: labels, one-hot rows or values. What was understood is stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.vocabulary import TaskKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

_AS_VALUES: Final = "if these are values and not labels, declare kind regression"


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets in the form that the rest of the corridor knows.

    :param arrays: by name; labels as int64 of shape ``(n,)``, values as float32 of shape ``(n, k)``.
    :param kind: what they make of the task.
    :param classes: how many, for a classification.
    :param explanations: how they were read.
    """

    arrays: Mapping[str, Array]
    kind: TaskKind
    classes: int | None
    explanations: tuple[str, ...]


def read_targets(arrays: Mapping[str, Array], declared: TaskKind | None) -> Targets:
    """Read all targets in one way; the first array, the training one, decides."""
    for name, array in arrays.items():
        if array.ndim < 1 or not array.size:
            raise BadInput(f"{name} is empty, its shape is {array.shape}; one target for each sample is needed")
    name, first = next(iter(arrays.items()))
    _check_shapes(name, first, arrays)
    if declared == "regression":
        return _values(arrays, f"targets: {name} read as values, as declared")
    if _is_one_hot(first):
        return _one_hot(arrays, name)
    flat = first.ndim == 1 or first.shape[1:] == (1,)
    if first.dtype.kind in "biu" or declared == "classification":
        if not flat:
            raise BadInput(
                f"{name} has shape {first.shape} and is not one-hot; labels have shape (n,) or (n, 1), one-hot rows "
                f"hold a single 1; {_AS_VALUES}"
            )
        return _labels(arrays, name)
    return _values(arrays, f"targets: {name} holds {first.dtype} numbers, read as values: a regression", _doubt(first))


def _check_shapes(name: str, first: Array, arrays: Mapping[str, Array]) -> None:
    for other, array in arrays.items():
        if _width(array) != _width(first):
            raise BadInput(
                f"{name} has targets of shape {first.shape[1:]}, {other} of shape {array.shape[1:]}; "
                "all targets need the same shape"
            )


def _width(array: Array) -> tuple[int, ...]:
    return array.shape[1:] or (1,)


def _is_one_hot(array: Array) -> bool:
    if array.ndim != 2 or array.shape[1] < 2:
        return False
    whole: Any = array
    return bool(((whole == 0) | (whole == 1)).all() and (whole.sum(axis=1) == 1).all())


# --- classification ---------------------------------------------------------------------------------


def _one_hot(arrays: Mapping[str, Array], first: str) -> Targets:
    import numpy as np

    for name, array in arrays.items():
        if not _is_one_hot(array):
            raise BadInput(f"{first} is one-hot, but {name} has rows that do not hold a single 1 and zeros")
    labels = {name: array.argmax(axis=1).astype(np.int64) for name, array in arrays.items()}
    classes = arrays[first].shape[1]
    _check_classes(labels, first)
    read = f"targets: {first} is one-hot with {classes} columns, read as {classes} classes"
    absent = sorted(set(range(classes)) - set(np.unique(labels[first]).tolist()))
    doubts = (f"hint: {first} has no sample of class {_some(absent)}",) if absent else ()
    return Targets(labels, "classification", classes, (read, *doubts))


def _labels(arrays: Mapping[str, Array], first: str) -> Targets:
    import numpy as np

    labels = {name: _as_labels(name, array) for name, array in arrays.items()}
    present = np.unique(labels[first])
    classes = int(present[-1]) + 1
    _check_classes(labels, first)
    if len(present) != classes:
        missing = _first_gap(present)
        raise BadInput(
            f"{first} has labels {_some(present.tolist())} but never {missing}; labels must be 0, 1, 2 and so on "
            f"without a gap: number them anew, for instance with numpy.unique(y, return_inverse=True); {_AS_VALUES}"
        )
    what = "labels 0 and 1, a classification of 2 classes" if classes == 2 else f"labels 0 to {classes - 1}"
    return Targets(labels, "classification", classes, (f"targets: {first} holds {what}",))


def _as_labels(name: str, array: Array) -> Array:
    import numpy as np

    flat: Any = array.reshape(-1)
    if array.dtype.kind == "f" and not (flat == np.round(flat)).all():
        raise BadInput(f"{name} holds fractions such as {flat[flat != np.round(flat)][0]}, which are no labels")
    if flat.min() < 0:
        raise BadInput(
            f"{name} has the negative label {flat.min():g}; labels must be 0, 1, 2 and so on: if they are -1 and 1, "
            f"write (y > 0).astype('int64'); {_AS_VALUES}"
        )
    if flat.max() >= 2**31:
        raise BadInput(f"{name} has the label {flat.max():g}, too large for one; {_AS_VALUES}")
    labels: Array = flat.astype(np.int64)
    return labels


def _check_classes(labels: Mapping[str, Array], first: str) -> None:
    import numpy as np

    known = np.unique(labels[first])
    if len(known) < 2:
        raise BadInput(f"{first} holds only one class, {known[0]}; a classification needs two or more")
    for name, array in labels.items():
        strange = np.setdiff1d(array, known)
        if len(strange):
            raise BadInput(
                f"{name} has the label {_some(strange.tolist())}, which {first} never has; a model cannot know it"
            )


def _first_gap(present: Array) -> int:
    for expected, label in enumerate(present.tolist()):
        if label != expected:
            return expected
    raise ValueError("there is no gap")


def _some(labels: list[int]) -> str:
    shown = ", ".join(str(label) for label in labels[:5])
    return f"{shown} and {len(labels) - 5} more" if len(labels) > 5 else shown


# --- regression -------------------------------------------------------------------------------------


def _values(arrays: Mapping[str, Array], *explanations: str | None) -> Targets:
    import numpy as np

    values: dict[str, Array] = {}
    for name, array in arrays.items():
        with np.errstate(over="ignore"):
            values[name] = array.reshape(len(array), *_width(array)).astype(np.float32)
        if not np.isfinite(values[name]).all():
            raise BadInput(f"{name} holds values that are too large for float32; scale them first")
    return Targets(values, "regression", None, tuple(line for line in explanations if line))


def _doubt(array: Array) -> str | None:
    import numpy as np

    distinct = np.unique(array)
    if len(distinct) > 100 or len(distinct) * 2 > len(array) or (distinct != np.round(distinct.astype(float))).any():
        return None
    return (
        f"hint: all targets are whole numbers, {len(distinct)} of them; if they are labels, declare kind classification"
    )
