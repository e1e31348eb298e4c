"""What a student is told: the teacher's answers, softened; the labels that are known; and what the teacher sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: Below this a probability has no logarithm worth the name; far less than what float32 rounds to zero in a softmax.
_TINY: Final = 1e-30


@dataclass(frozen=True)
class Mixture:
    """One number from three losses, each a mean over the samples of a step.

    ``alpha * T**2 * KL(teacher || student)``, both softened by the temperature ``T``; ``(1 - alpha)`` times the task's
    own loss, for samples whose label is known; and ``feature`` times the mean squared error of the features. Of a
    regression, which has no temperature, the first is the task's loss with the teacher's values as targets.

    :param task: what the outputs mean.
    :param width: outputs of teacher and student.
    :param temperature: above 1 it shows which wrong answers the teacher holds for nearly right.
    :param alpha: weight of the teacher's answers.
    :param feature: weight of the features.
    """

    task: tradeoff.Task
    width: int
    temperature: float
    alpha: float
    feature: float = 0.0

    @property
    def classes(self) -> bool:
        """Whether outputs are scores of classes."""
        return self.task.kind == "classification"

    def wanted(self, answers: Floats, labels: NDArray[Any], known: NDArray[Any], features: Floats | None) -> Floats:
        """What the loss needs of each sample, side by side: answers, labels, whether these are known, features.

        :param answers: the teacher's outputs.
        """
        import numpy as np

        told = [self._told(answers), np.reshape(labels, (len(answers), -1)), np.reshape(known, (-1, 1))]
        if features is not None:
            told.append(features)
        return np.concatenate([np.asarray(part, np.float32) for part in told], axis=1)

    def _told(self, answers: Floats) -> Floats:
        """The softened probabilities with their negative entropy, without which the divergence has no zero."""
        import numpy as np

        if not self.classes:
            return answers
        scores = self._scores(answers.astype(np.float64), np) / self.temperature
        logs = scores - scores.max(axis=1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
        soft = np.exp(logs)
        told: Floats = np.concatenate([soft, (soft * logs).sum(axis=1, keepdims=True)], axis=1).astype(np.float32)
        return told

    def _scores(self, outputs: Any, by: Any) -> Any:
        """Outputs as logarithms of odds, for two classes or more; ``by`` is NumPy or the engine's operations."""
        single = self.width == 1
        if self.task.outputs == "logits":
            return by.concatenate([by.zeros_like(outputs), outputs], axis=1) if single else outputs
        both = by.concatenate([1 - outputs, outputs], axis=1) if single else outputs
        return by.log(by.maximum(both, _TINY))

    def loss(self, wanted: Any, given: Any) -> Any:
        """As Keras calls it, with the engine's operations."""
        from keras import ops

        given = ops.cast(given, "float32")
        outputs = given[:, : self.width]
        soft, hard, after = self._of_classes(wanted, outputs) if self.classes else self._of_values(wanted, outputs)
        found = self.alpha * soft + (1 - self.alpha) * hard
        if self.feature:
            distance = ops.mean(ops.square(given[:, self.width :] - wanted[:, after:]), axis=1)
            found = found + self.feature * distance
        return ops.mean(found)

    def _of_classes(self, wanted: Any, outputs: Any) -> tuple[Any, Any, int]:
        from keras import ops

        count = max(2, self.width)
        scores = self._scores(outputs, ops)
        softened = ops.log_softmax(scores / self.temperature, axis=1)
        apart = wanted[:, count] - ops.sum(wanted[:, :count] * softened, axis=1)
        label = ops.one_hot(ops.cast(wanted[:, count + 1], "int32"), count)
        hard = -ops.sum(label * ops.log_softmax(scores, axis=1), axis=1) * wanted[:, count + 2]
        return self.temperature**2 * apart, hard, count + 3

    def _of_values(self, wanted: Any, outputs: Any) -> tuple[Any, Any, int]:
        from keras import ops

        width = self.width
        distance = ops.abs if self.task.loss == "mae" else ops.square
        soft = ops.mean(distance(outputs - wanted[:, :width]), axis=1)
        hard = ops.mean(distance(outputs - wanted[:, width : 2 * width]), axis=1) * wanted[:, 2 * width]
        return soft, hard, 2 * width + 1
