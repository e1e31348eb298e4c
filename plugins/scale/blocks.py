"""The blocks of a model that can be taken out: what goes in and what comes out have the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..model_graph import Call
from .graph import kind


@dataclass(frozen=True)
class Block:
    """Consecutive calls between two tensors that everything passes through.

    :param first: the number of its first call.
    :param last: and of its last.
    :param given: the tensor that goes in, and can stand for what comes out.
    :param shape: of both.
    """

    first: int
    last: int
    given: Any
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class _Part:
    """The calls from one narrow place to the next; ``depthwise`` if its kernels mix no channels."""

    first: int
    last: int
    given: Any
    made: Any
    kernels: bool
    depthwise: bool


def blocks(calls: Sequence[Call], model: Any, fixed: AbstractSet[int]) -> list[Block]:
    """Every block in order. Each has a kernel; a depthwise one belongs to what mixes the channels after it.

    :param fixed: layers that make the outputs, which stay.
    """
    parts = _parts(calls, model)
    found: list[Block] = []
    starts = [
        number
        for number, part in enumerate(parts)
        if part.kernels and not (number and _depthwise_before(parts, number))
    ]
    for start, end in pairwise([*starts, len(parts)]):
        block = _longest(parts[start:end])
        numbers = range(block.first, block.last + 1) if block else ()
        if block and not any(id(calls[number].operation) in fixed for number in numbers):
            found.append(block)
    return found


def _depthwise_before(parts: Sequence[_Part], number: int) -> bool:
    """Whether the last kernels before this part are depthwise ones."""
    before = [part for part in parts[:number] if part.kernels]
    return bool(before) and before[-1].depthwise and not parts[number].depthwise


def _longest(parts: Sequence[_Part]) -> Block | None:
    """As many of the parts as give the shape again that they take; all that have kernels are in it."""
    given = parts[0].given
    for part in reversed(parts):
        if tuple(part.made.shape) == tuple(given.shape):
            return Block(parts[0].first, part.last, given, tuple(given.shape))
        if part.kernels:
            break
    return None


def _parts(calls: Sequence[Call], model: Any) -> list[_Part]:
    uses: dict[int, int] = {id(tensor): len(calls) for tensor in model.outputs}
    for number in reversed(range(len(calls))):
        for tensor in calls[number].given:
            uses.setdefault(id(tensor), number)
    found, given, first = list[_Part](), model.inputs[0], 0
    alive = {id(given)}
    for number, call in enumerate(calls):
        alive |= {id(made) for made in call.made}
        alive = {one for one in alive if uses.get(one, -1) > number}
        if alive == {id(call.made[0])}:
            inside = calls[first : number + 1]
            kernels = [one.operation for one in inside if _has_kernel(one.operation)]
            depthwise = bool(kernels) and all(kind(one).startswith("Depthwise") for one in kernels)
            found.append(_Part(first, number, given, call.made[0], bool(kernels), depthwise))
            given, first = call.made[0], number + 1
    return found


def _has_kernel(operation: Any) -> bool:
    return any(len(weight.shape) >= 2 for weight in getattr(operation, "weights", ()))
