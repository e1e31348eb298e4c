"""What an artifact answered, sample by sample: how sure it was of it, and whether it was right.

This is what a second opinion is decided by: which requests a small model passes on to a large one, and what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array, Split, Task

#: Samples of a split that a record holds, one by one; of larger splits the first ones.
MOST: Final = 2_000
#: Decimals of a confidence: a quantized softmax has steps of 1/256, and records are meant to stay small.
_DECIMALS: Final = 4


@dataclass(frozen=True)
class Answers:
    """Of one split, in its order.

    :param confidence: what the artifact gave the class it chose, between 0 and 1.
    :param right: whether it was the right one.
    :param of: samples that the split has; there may be more than are told here.
    """

    confidence: tuple[float, ...]
    right: tuple[bool, ...]
    of: int

    def __post_init__(self) -> None:
        if len(self.confidence) != len(self.right):
            raise BadInput(f"{len(self.confidence)} confidences do not answer {len(self.right)} samples")

    def __len__(self) -> int:
        return len(self.right)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a record: what was right as a string of 0 and 1."""
        return {"confidence": list(self.confidence), "right": "".join("01"[one] for one in self.right), "of": self.of}

    @classmethod
    def from_json(cls, found: Any, source: str) -> Answers:
        """Read what :meth:`to_json` wrote; ``source`` is how an error calls the record."""
        try:
            confidence: Sequence[Any] = found["confidence"]
            right, of = str(found["right"]), int(found["of"])
            values = tuple(float(one) for one in confidence)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{source}: its answers are not what a record holds: {error}") from error
        if set(right) - {"0", "1"} or not all(0.0 <= one <= 1.0 for one in values):
            raise BadInput(
                f"{source}: its answers hold what is neither right nor wrong, or a confidence outside 0 to 1"
            )
        return cls(values, tuple(one == "1" for one in right), of)


def answers_of(outputs: Array, split: Split, task: Task) -> Answers | None:
    """Of a classification with one decision for each sample; nothing for any other task."""
    from tradeoff import quality

    if task.kind != "classification":
        return None
    sure, right = quality.decisions(outputs[:MOST], split.y[:MOST], task)
    if len(sure) != min(MOST, len(split)):
        return None
    return Answers(tuple(round(float(one), _DECIMALS) for one in sure), tuple(bool(one) for one in right), len(split))
