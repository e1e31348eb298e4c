"""How good outputs are: against the truth, and against another model's outputs. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from tradeoff.errors import BadInput, UnknownName
from tradeoff.vocabulary import Direction, Outputs, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradeoff.vocabulary import Array

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: Every number this module gives, and which way is better.
METRICS: Final[Mapping[str, Direction]] = {
    "accuracy": "higher",
    "r2": "higher",
    "mae": "lower",
    "mse": "lower",
    "loss": "lower",
    "top1_agreement": "higher",
    "cosine": "higher",
    "parity_top1": "higher",
    "parity_cosine": "higher",
    "snr": "higher",
    "max_error": "lower",
}
#: Keras clips probabilities here too; a confident mistake stays a finite loss.
_SMALLEST: Final = 1e-7
_Choice = TypeVar("_Choice")


def judge(outputs: Array, y: Array, task: Task) -> dict[str, float]:
    """The task's metric under its name, and ``loss``. Outputs that are not numbers count as wrong."""
    if task.kind == "classification":
        return _judge_classes(outputs, np.asarray(y).reshape(-1), task)
    return _judge_values(outputs, y, task)


def decisions(outputs: Array, y: Array, task: Task) -> tuple[Floats, Flags]:
    """How sure a classification was of each of its decisions, from 0 to 1, and which of them were right.

    What is not a number is sure of nothing, and wrong.
    """
    scores = _class_scores(outputs, task.outputs)
    labels = np.asarray(y).reshape(-1)
    sound = _sound(scores)
    right: Flags = (scores.argmax(axis=-1) == labels) & sound
    with np.errstate(all="ignore"):
        shares = _softmax(scores) if task.outputs == "logits" else scores / scores.sum(axis=-1, keepdims=True)
        sure = np.clip(np.nan_to_num(shares.max(axis=-1), nan=0.0), 0.0, 1.0)
    return np.where(sound, sure, 0.0), right


def agreement(outputs: Array, reference: Array, task: Task) -> dict[str, float]:
    """How near ``outputs`` come to those of a reference model on the same inputs."""
    if np.shape(outputs) != np.shape(reference):
        raise BadInput(f"outputs of shape {np.shape(outputs)} cannot be compared with {np.shape(reference)}")
    if task.kind == "regression":
        return {"cosine": _cosine(_values(outputs), _values(reference))}
    ours, theirs = _class_scores(outputs, task.outputs), _class_scores(reference, task.outputs)
    same = (ours.argmax(axis=-1) == theirs.argmax(axis=-1)) & _sound(ours) & _sound(theirs)
    return {"top1_agreement": float(same.mean()), "cosine": _cosine(ours, theirs)}


def parity(outputs: Array, original: Array, task: Task) -> dict[str, float]:
    """How far ``outputs`` are from those of the model that was converted, on the same inputs."""
    near = agreement(outputs, original, task)
    ours, theirs = _values(outputs), _values(original)
    found = {"parity_cosine": near["cosine"], "snr": snr(ours, theirs), "max_error": _max_error(ours, theirs)}
    return {"parity_top1": near["top1_agreement"], **found} if "top1_agreement" in near else found


def snr(outputs: Array, original: Array) -> float:
    """The power of ``original`` over that of the difference, in dB: infinite where both are equal.

    Minus infinity where one of them holds what is no number, and where ``original`` alone is zero throughout.
    """
    ours: Floats = np.asarray(outputs, np.float64)
    theirs: Floats = np.asarray(original, np.float64)
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return -np.inf
    # Divided first, so that squares neither overflow nor vanish.
    scale = float(max(np.abs(ours).max(initial=0.0), np.abs(theirs).max(initial=0.0))) or 1.0
    noise, signal = np.square(ours / scale - theirs / scale).mean(), np.square(theirs / scale).mean()
    with np.errstate(divide="ignore"):
        return float(10.0 * (np.log10(signal) - np.log10(noise))) if noise else np.inf


def _max_error(ours: Floats, theirs: Floats) -> float:
    return _worst_if_nan(np.abs(ours - theirs).max(initial=0.0), np.inf)


def _judge_classes(outputs: Array, labels: Array, task: Task) -> dict[str, float]:
    metric = _lookup("metric of a classification", task.metric, {"accuracy": _accuracy})
    loss = _lookup("loss of a classification", task.loss, {"crossentropy": _crossentropy})
    scores = _class_scores(outputs, task.outputs)
    if len(scores) != len(labels) or not len(labels):
        raise BadInput(f"outputs of shape {np.shape(outputs)} do not answer {len(labels)} labels")
    if labels.min() < 0 or labels.max() >= scores.shape[-1]:
        raise BadInput(
            f"labels reach from {labels.min()} to {labels.max()}, outputs of shape {np.shape(outputs)} "
            f"tell {scores.shape[-1]} classes apart"
        )
    labels = labels.astype(np.intp)
    return {task.metric: metric(scores, labels), "loss": loss(scores, labels, task.outputs)}


def _judge_values(outputs: Array, y: Array, task: Task) -> dict[str, float]:
    metric = _lookup("metric of a regression", task.metric, {"mae": _mae, "mse": _mse, "r2": _r2})
    loss = _lookup("loss of a regression", task.loss, {"mae": _mae, "mse": _mse})
    ours, truth = _values(outputs), _values(y)
    if ours.shape != truth.shape or not truth.size:
        raise BadInput(f"outputs of shape {np.shape(outputs)} do not answer targets of shape {np.shape(y)}")
    return {task.metric: metric(ours, truth), "loss": loss(ours, truth)}


def _lookup(kind: str, name: str, known: Mapping[str, _Choice]) -> _Choice:
    if name not in known:
        raise UnknownName(kind, name, known)
    return known[name]


def _values(values: Array) -> Floats:
    """One row for each sample."""
    rows: Floats = np.asarray(values, np.float64)
    return rows.reshape(len(rows), -1)


def _class_scores(outputs: Array, kind: Outputs) -> Floats:
    """One row for each decision and one column for each class; a lone output becomes two columns."""
    scores = np.asarray(outputs, np.float64)
    scores = scores.reshape(-1, scores.shape[-1] if scores.ndim > 1 else 1)
    if scores.shape[-1] > 1:
        return scores
    if kind == "logits":
        # The sigmoid of z is the softmax of (-z/2, z/2).
        return np.concatenate([-scores, scores], axis=-1) / 2.0
    return np.concatenate([1.0 - scores, scores], axis=-1)


def _sound(scores: Floats) -> Flags:
    """Rows without NaN: ``argmax`` takes a NaN for the winner, which would be right now and then."""
    return np.logical_not(np.isnan(scores).any(axis=-1))


def _softmax(scores: Floats) -> Floats:
    """Shares that add up to one for each row."""
    powers: Floats = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return found


def _accuracy(scores: Floats, labels: Array) -> float:
    return float(np.mean((scores.argmax(axis=-1) == labels) & _sound(scores)))


def _crossentropy(scores: Floats, labels: Array, kind: Outputs) -> float:
    with np.errstate(all="ignore"):
        if kind == "logits":
            scores = _softmax(scores)
        scores = scores / scores.sum(axis=-1, keepdims=True)
        right: Floats = np.take_along_axis(scores, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        return _worst_if_nan(-np.log(np.clip(right, _SMALLEST, 1.0 - _SMALLEST)).mean(), np.inf)


def _mae(ours: Floats, truth: Floats) -> float:
    return _worst_if_nan(np.abs(ours - truth).mean(), np.inf)


def _mse(ours: Floats, truth: Floats) -> float:
    with np.errstate(all="ignore"):
        return _worst_if_nan(np.square(ours - truth).mean(), np.inf)


def _r2(ours: Floats, truth: Floats) -> float:
    spread = np.square(truth - truth.mean(axis=0)).mean()
    error = _mse(ours, truth)
    if spread == 0.0:
        # Constant targets: there is nothing to explain, so only exact answers explain it.
        return 1.0 if error == 0.0 else -np.inf
    return float(1.0 - error / spread)


def _worst_if_nan(value: float, worst: float) -> float:
    return float(worst if np.isnan(value) else value)


def _cosine(ours: Floats, theirs: Floats) -> float:
    """The mean over samples; where a sample is one number, all of them together are the vector."""
    if ours.shape[-1] == 1:
        ours, theirs = ours.reshape(1, -1), theirs.reshape(1, -1)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
        cosines = np.einsum("nc,nc->n", ours, theirs) / lengths
    same = (ours == theirs).all(axis=-1)
    return float(np.where(same, 1.0, np.nan_to_num(np.clip(cosines, -1.0, 1.0))).mean())
