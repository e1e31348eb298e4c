"""What comes into a ``.tflite`` file and what goes out of it: floats, which a quantized file holds as integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tradeoff

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

_QUANTIZED: Final = ("int8", "uint8", "int16", "uint16")
_TAKEN: Final = ("float32", "float16", "float64", "int32", "int64")


@dataclass(frozen=True)
class Edge:
    """What comes in or goes out; ``scale`` is zero where it is no quantized tensor."""

    dtype: Any
    scale: float
    zero: int


def edge(details: Any, artifact: Path, what: str) -> Edge:
    """From what an interpreter tells of a tensor: LiteRT and TFLM use the same words."""
    word = details["dtype"].__name__
    told = details["quantization_parameters"]
    if word in _QUANTIZED and len(told["scales"]) == 1 and told["scales"][0] > 0:
        return Edge(details["dtype"], float(told["scales"][0]), int(told["zero_points"][0]))
    if word not in _TAKEN:
        raise tradeoff.Refused(
            "not supported by format",
            f"the {what} of {artifact.name} is {word} without a scale: nobody can tell what a float is in it",
        )
    return Edge(details["dtype"], 0.0, 0)


def framed(
    batch: Array, source: Edge, target: Edge, request: Callable[[Array], Callable[[], Array]]
) -> Callable[[], Array]:
    """A call that takes the floats that stand in ``batch`` then, and gives floats.

    :param request: gives the call that answers for the array which it is given, in the file's own types.
    """
    import numpy as np

    if source.scale:
        given = np.ascontiguousarray(batch, dtype=np.float32)
        return _quantizing(given, source, lambda whole: _dequantizing(target, request(whole)))
    return _dequantizing(target, request(np.ascontiguousarray(batch, dtype=source.dtype)))


def _quantizing(given: Array, source: Edge, request: Callable[[Array], Callable[[], Array]]) -> Callable[[], Array]:
    """Whoever ships such a file has to turn floats into its integers: that is a part of the request."""
    import numpy as np

    limits = np.iinfo(source.dtype)
    room = np.empty(given.shape, np.float32)
    whole = np.empty(given.shape, source.dtype)
    call = request(whole)

    def answer() -> Array:
        np.divide(given, source.scale, out=room)
        np.rint(room, out=room)
        np.add(room, source.zero, out=room)
        np.clip(room, limits.min, limits.max, out=room)
        whole[...] = room
        return call()

    return answer


def _dequantizing(target: Edge, call: Callable[[], Array]) -> Callable[[], Array]:
    import numpy as np

    if not target.scale:
        return call
    scale, zero = np.float32(target.scale), np.float32(target.zero)

    def answer() -> Array:
        found = call().astype(np.float32)
        found -= zero
        found *= scale
        return found

    return answer
