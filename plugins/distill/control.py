"""Whether a teacher was of any use: the same student without it, in as many steps, on the same validation samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: A difference that chance makes more often than this is none.
_LEVEL: Final = 0.05


@dataclass(frozen=True)
class Compared:
    """Two models on the same samples.

    :param better: samples on which the first alone is right, or nearer to the truth.
    :param worse: samples on which the second is.
    :param samples: all of them.
    """

    better: int
    worse: int
    samples: int

    @property
    def p(self) -> float:
        """How likely such a difference is when there is none: McNemar's test, exact, or the sign test."""
        return exact_p(self.better, self.worse)

    @property
    def gain(self) -> bool:
        """Whether the first was shown to be better."""
        return self.better > self.worse and self.p < _LEVEL


def exact_p(one: int, other: int) -> float:
    """Two-sided, of a fair coin."""
    count = one + other
    tail = sum(math.comb(count, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / float(2**count))


def compare(first: Any, second: Any, split: tradeoff.Split, task: tradeoff.Task) -> Compared:
    """Compare outputs on ``split``."""
    import numpy as np

    one, other = (_mistakes(outputs, split, task) for outputs in (first, second))
    return Compared(int(np.count_nonzero(one < other)), int(np.count_nonzero(one > other)), len(split))


def _mistakes(outputs: Any, split: tradeoff.Split, task: tradeoff.Task) -> Floats:
    """For each sample 0 or 1 for a class, the distance for a value."""
    import numpy as np

    if task.kind == "classification":
        border = 0.0 if task.outputs == "logits" else 0.5
        answers = outputs[:, 0] > border if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        wrong: Floats = (answers != np.reshape(split.y, -1)).astype(np.float64)
        return wrong
    wanted: Floats = np.asarray(split.y, np.float64).reshape(outputs.shape)
    apart = np.abs(np.asarray(outputs, np.float64) - wanted)
    distances: Floats = apart.reshape(len(apart), -1).mean(axis=1)
    return distances


def note(found: Compared, steps: str) -> str:
    """The sentence for a reader where a teacher did not help."""
    return (
        f"no gain was shown: beside the same student without a teacher, {steps}, it is better on {found.better} and "
        f"worse on {found.worse} of {found.samples} validation samples (p = {found.p:.2g})"
    )
