"""Declared steps between the user's arrays and the model's input: ``divide:255+subtract:0.5``.

Nothing is ever guessed: values change only by a step that a person has written down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput, TradeoffError, UnknownName
from tradeoff.spelling import Parameter, parse_values, spell, split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Operation:
    name: str
    apply: Callable[[Any, float], Any]
    shape: Callable[[Shape, int], Shape]
    parameters: tuple[Parameter, ...] = ()
    summary: str = ""


@dataclass(frozen=True)
class PreprocessingStep:
    """One declared step; ``number`` is 0 for a step that takes none."""

    name: str
    number: float
    spelling: str

    def __str__(self) -> str:
        return self.spelling


def _same(shape: Shape, _: int) -> Shape:
    return shape


def resized(x: NDArray[Any], size: int) -> NDArray[Any]:
    """Images scaled to ``size`` x ``size``, bilinearly and with antialiasing; what has that size already is kept."""
    import numpy as np

    if x.ndim not in (3, 4):
        raise BadInput(f"resize is for images of shape (height, width) or (height, width, channels), not {x.shape[1:]}")
    if x.shape[1:3] == (size, size):
        return x
    try:
        from PIL import Image
    except ImportError as error:
        raise BadInput("the step resize needs Pillow: pip install 'tradeoff[images]'") from error
    planes = np.moveaxis(x.reshape(*x.shape[:3], -1), -1, 1).astype(np.float32)
    small = np.empty((*planes.shape[:2], size, size), np.float32)
    for place in np.ndindex(*planes.shape[:2]):
        small[place] = np.asarray(Image.fromarray(planes[place]).resize((size, size), Image.Resampling.BILINEAR))
    return np.moveaxis(small, 1, -1).reshape(len(x), size, size, *x.shape[3:])


def _gray(x: NDArray[Any], _: float) -> NDArray[Any]:
    if x.ndim != 4 or x.shape[-1] != 3:
        raise BadInput(f"gray is for images with a last axis of 3 colours, not samples of {x.shape[1:]}")
    weighed: NDArray[Any] = (x * _GRAY).sum(axis=-1, keepdims=True).astype(x.dtype)
    return weighed


def _channels_first(x: NDArray[Any], _: float) -> NDArray[Any]:
    import numpy as np

    if x.ndim < 3:
        raise BadInput(f"channels_first needs samples with an axis of channels, not {x.shape[1:]}")
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


#: The largest float32, the smallest that is not denormal.
_LARGEST: Final = 3.4028234e38
_SMALLEST: Final = 1.2e-38
_NUMBER: Final = (Parameter("number", float, minimum=-_LARGEST, maximum=_LARGEST, positional=True),)
_SIZE: Final = (Parameter("number", int, minimum=1, maximum=4096, positional=True),)
#: What red, green and blue weigh in gray, as television has it.
_GRAY: Final = (0.299, 0.587, 0.114)
_OPERATIONS: Final = {
    operation.name: operation
    for operation in (
        _Operation(
            "resize",
            lambda x, number: resized(x, int(number)),
            lambda s, size: (size, size, *s[2:]),
            _SIZE,
            "scale images to a square",
        ),
        _Operation("divide", lambda x, number: x / number, _same, _NUMBER, "divide every value"),
        _Operation("subtract", lambda x, number: x - number, _same, _NUMBER, "subtract from every value"),
        _Operation("multiply", lambda x, number: x * number, _same, _NUMBER, "multiply every value"),
        _Operation("channels", lambda x, _: x[..., None], lambda s, _: (*s, 1), (), "add a last axis of length 1"),
        _Operation("gray", _gray, lambda s, _: (*s[:-1], 1), (), "make one channel of three colours"),
        _Operation(
            "channels_first",
            _channels_first,
            lambda s, _: (s[-1], *s[:-1]),
            (),
            "have the last axis stand first, as PyTorch has it",
        ),
        _Operation(
            "flatten",
            lambda x, _: x.reshape(len(x), math.prod(x.shape[1:])),
            lambda s, _: (math.prod(s),),
            (),
            "one axis of values for each sample",
        ),
    )
}
#: What a person can write, for a listing: name to one line.
PREPROCESSING: Final = {name: operation.summary for name, operation in _OPERATIONS.items()}


def parse_preprocessing(text: str) -> tuple[PreprocessingStep, ...]:
    """The steps that ``text`` spells; none for an empty text."""
    if not text.strip():
        return ()
    try:
        return tuple(_parse_step(part) for part in text.split("+"))
    except TradeoffError as error:
        raise BadInput(f"preprocessing {text!r}: {error}") from error


def _parse_step(part: str) -> PreprocessingStep:
    if not part.strip():
        raise BadInput("there is nothing before, between or after a '+'")
    name, arguments = split(part)
    if name not in _OPERATIONS:
        raise UnknownName("preprocessing step", name, _OPERATIONS)
    parameters = _OPERATIONS[name].parameters
    values = parse_values(name, parameters, arguments)
    number = float(values.get("number", 0.0))
    if name == "divide" and abs(number) < _SMALLEST:
        raise BadInput(f"divide:{number:g} would divide by zero; write for instance divide:255")
    return PreprocessingStep(name, number, spell(name, parameters, values))


def spell_preprocessing(steps: Iterable[PreprocessingStep]) -> str:
    """The canonical spelling of all steps; empty for none."""
    return "+".join(step.spelling for step in steps)


def shape_after(steps: Iterable[PreprocessingStep], shape: Shape) -> Shape:
    """The shape of one sample after the steps."""
    for step in steps:
        shape = _OPERATIONS[step.name].shape(shape, int(step.number))
    return shape


def apply(steps: Iterable[PreprocessingStep], x: NDArray[np.generic]) -> Floats:
    """``x`` as float32 after the steps; integers keep their values unless a step changes them."""
    import numpy as np

    with np.errstate(all="ignore"):
        values: Floats = np.asarray(x).astype(np.float32)
        _check_finite(values, "float32")
        for step in steps:
            values = _OPERATIONS[step.name].apply(values, float(np.float32(step.number)))
            _check_finite(values, step.spelling)
    return values


def _check_finite(values: Floats, where: str) -> None:
    import numpy as np

    if not np.isfinite(values).all():
        raise BadInput(f"{where} makes values that are too large for float32, or NaN; scale the data first")
