"""A parameter as a range, ``prune:0.3..0.9/5``: one spelling for several chains, which make a curve."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from tradeoff.chain import parse_chain
from tradeoff.errors import BadInput
from tradeoff.spelling import Parameter, Value, spell_value, split
from tradeoff.vocabulary import Technique

_RANGE: Final = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+)/(?P<count>\d+)\Z")
_SHAPE: Final = "write LOW..HIGH/COUNT, as in 0.3..0.9/5"
#: Chains that one spelling may stand for: each of them is a variant to build.
_MOST: Final = 200
#: Digits of the values between the ends: 0.45, and not 0.44999999999999996.
_DIGITS: Final = 10


def swept(text: str, techniques: Mapping[str, Technique]) -> tuple[str, ...]:
    """The chains that ``text`` stands for, in the order of their values; several ranges give every combination."""
    if ".." not in text:
        return (text,)
    ways = [_of_one(part, techniques) for part in text.split("+")]
    count = math.prod(map(len, ways))
    if count > _MOST:
        raise BadInput(f"{text!r} stands for {count:,} chains, and {_MOST} are allowed; ask for fewer values")
    return tuple("+".join(way) for way in product(*ways))


@dataclass(frozen=True)
class Curve:
    """What one range stands for.

    :param asked: as it was written.
    :param parameter: what changes along it: ``prune sparsity``.
    :param points: each value, and the chain that has it.
    """

    asked: str
    parameter: str
    points: tuple[tuple[Value, str], ...]


def curve_of(text: str, techniques: Mapping[str, Technique]) -> Curve | None:
    """The curve that ``text`` asks for; nothing where it has no range, or several."""
    chains = [parse_chain(way, techniques) for way in swept(text, techniques)]
    if len(chains) < 2:
        return None
    moving = [
        (number, name)
        for number, step in enumerate(chains[0].steps)
        for name, value in step.values
        if value != dict(chains[-1].steps[number].values)[name]
    ]
    if len(moving) != 1:
        return None
    ((number, name),) = moving
    points = tuple((dict(chain.steps[number].values)[name], chain.spelling) for chain in chains)
    return Curve(text, f"{chains[0].steps[number].technique} {name}", points)


def divided(cell: str) -> list[str]:
    """The parts of a cell; the slash within a range divides none of them: a number alone is no axis."""
    found: list[str] = []
    for part in cell.strip().split("/"):
        if found and part.partition("+")[0].partition(":")[0].isdigit() and ".." in found[-1].rpartition("+")[2]:
            found[-1] = f"{found[-1]}/{part}"
        else:
            found.append(part)
    return found


def _of_one(part: str, techniques: Mapping[str, Technique]) -> list[str]:
    """What one technique with its arguments stands for; what is no technique is told by who parses it."""
    name, arguments = split(part)
    if name not in techniques:
        return [part]
    parameters = techniques[name].parameters
    ways = [_of_argument(name, argument, place, parameters) for place, argument in enumerate(arguments)]
    return [":".join((name, *way)) for way in product(*ways)]


def _of_argument(owner: str, argument: str, place: int, parameters: Sequence[Parameter]) -> list[str]:
    key, equals, text = argument.partition("=")
    if not equals:
        key, text = "", argument
    wanted = [one for number, one in enumerate(parameters) if one.name == key or (not key and place == number == 0)]
    if ".." not in text or not wanted or not (key or wanted[0].positional):
        return [argument]
    (parameter,) = wanted
    if parameter.type not in (int, float):
        # A word may have dots in it, and has no slash.
        if "/" not in text:
            return [argument]
        raise BadInput(f"{owner}: {parameter.name} is {parameter.expected()}; a range is of numbers")
    return [f"{key}{equals}{spell_value(value)}" for value in _values(owner, parameter, text)]


def _values(owner: str, parameter: Parameter, text: str) -> list[int | float]:
    """Evenly from one end to the other, both included."""
    found = _RANGE.match(text)
    told = f"{owner}: {parameter.name}={text}"
    if not found:
        raise BadInput(f"{told} is no range; {_SHAPE}")
    low, high = (float(parameter.parse(found[end], owner)) for end in ("low", "high"))
    count = int(found["count"])
    if not low < high:
        raise BadInput(f"{told} does not go up; {_SHAPE}")
    if not 2 <= count <= _MOST:
        raise BadInput(f"{told} has {count} values; from 2 to {_MOST} can be asked for")
    steps = (low + (high - low) * number / (count - 1) for number in range(count))
    if parameter.type is int:
        whole = sorted({round(step) for step in steps})
        if len(whole) < count:
            raise BadInput(f"{told} has {len(whole)} whole numbers, and {count} are asked for")
        return list[int | float](whole)
    return [float(f"{step:.{_DIGITS}g}") for step in steps]
