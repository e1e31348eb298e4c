"""What goes into a finished artifact and what comes out of it, as far as the file itself tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tradeoff.errors import BadInput

#: Types that a request of numbers can be turned into.
_NUMERIC: Final = frozenset(
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "bool",
    ]
)


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    :param shape: with the batch axis; ``None`` for a size that is left open, or altogether where nothing is said.
    :param dtype: as NumPy names it.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str


@dataclass(frozen=True)
class Signature:
    """Both ends of a finished artifact.

    :param last: the last operation that changes what numbers mean: ``softmax``, ``sigmoid``, ``linear``; empty where
        the file does not tell.
    :param operations: how many it has.
    """

    given: Tensor
    made: Tensor
    last: str
    operations: int

    @property
    def batch(self) -> int | None:
        """The only size of a batch that it takes, or ``None`` for any."""
        return self.given.shape[0] if self.given.shape else None


def single(inputs: list[Tensor], outputs: list[Tensor], last: str, operations: int) -> Signature:
    """The signature of an artifact with one numeric input and one numeric output; all others are refused."""
    for found, what in ((inputs, "inputs"), (outputs, "outputs")):
        if len(found) != 1:
            names = ", ".join(tensor.name[:60] for tensor in found[:5])
            told = f" ({names})" if names else ""
            raise BadInput(f"it has {len(found)} {what}{told}; models with one input and one output are taken for now")
    for tensor, what in ((inputs[0], "input"), (outputs[0], "output")):
        if tensor.dtype not in _NUMERIC:
            raise BadInput(f"its {what} {tensor.name[:60]!r} is {tensor.dtype}; only numbers are taken for now")
    if inputs[0].shape == ():
        raise BadInput(f"its input {inputs[0].name[:60]!r} is a single number; its first axis must count the samples")
    return Signature(inputs[0], outputs[0], last, operations)
