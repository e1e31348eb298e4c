"""How names with parameters are written: ``prune:0.5``, ``distill:student=ds_cnn:temperature=4``.

One grammar serves techniques, backends and preprocessing steps. Spellings are canonical: defaults are
left out, numbers are written the shortest way, parameters stand in the order they were declared. So
one thing has one spelling, and one spelling is one thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tradeoff.errors import BadInput, UnknownName

Value = bool | int | float | str

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*\Z")
_WORD: Final = re.compile(r"[A-Za-z0-9_.\-]+\Z")
_TRUE: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Parameter:
    """One typed parameter of a technique, a backend or a preprocessing step.

    :param name: how it is written, ``name=value``.
    :param type: ``int``, ``float``, ``str`` or ``bool``.
    :param default: the value when it is not written; ``None`` makes it required.
    :param minimum: smallest allowed number.
    :param maximum: largest allowed number.
    :param choices: the allowed words, for ``str``.
    :param positional: may be written without its name; at most the first parameter.
    :param summary: one line for a person.
    :param runtime: of a backend: changes how the artifact is run, not the artifact.
    """

    name: str
    type: type[Value]
    default: Value | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    positional: bool = False
    summary: str = ""
    runtime: bool = False

    def parse(self, text: str, owner: str) -> Value:
        """The value that ``text`` writes, checked against type, range and choices."""
        try:
            value = self._convert(text)
        except (ValueError, KeyError):
            raise BadInput(f"{owner}: {self.name}={text!r} is not {self.expected()}") from None
        self.check(value, owner)
        return value

    def _convert(self, text: str) -> Value:
        if self.type is bool:
            return _TRUE[text.lower()]
        if self.type is str and not _WORD.match(text):
            raise ValueError(text)
        return self.type(text)

    def check(self, value: Value, owner: str) -> None:
        """Raise unless ``value`` is of this type and within the declared range."""
        right_type = isinstance(value, self.type) or (self.type is float and isinstance(value, int))
        if isinstance(value, bool) and self.type is not bool:
            right_type = False
        in_range = right_type and not (
            (self.minimum is not None and not value >= self.minimum)  # type: ignore[operator]
            or (self.maximum is not None and not value <= self.maximum)  # type: ignore[operator]
        )
        if not in_range or (self.choices and value not in self.choices):
            raise BadInput(f"{owner}: {self.name}={spell_value(value)} is not {self.expected()}")

    def expected(self) -> str:
        """What is valid here, for an error or a listing: ``a number from 0 to 1``."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}[self.type]
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{kind} of at least {self.minimum:g}"
        if self.maximum is not None:
            return f"{kind} of at most {self.maximum:g}"
        return kind


def spell_value(value: Value) -> str:
    """The shortest spelling that reads back as the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # ``+`` separates techniques, so an exponent is written without it: 1e20, not 1e+20.
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value).replace("e+", "e")
    return str(value)


def spell(name: str, parameters: Sequence[Parameter], values: Mapping[str, Value]) -> str:
    """The canonical spelling of ``name`` with ``values``."""
    parts = [name]
    for parameter in parameters:
        value = values.get(parameter.name, parameter.default)
        if value is None or value == parameter.default:
            continue
        written = spell_value(value)
        parts.append(written if parameter.positional else f"{parameter.name}={written}")
    return ":".join(parts)


def split(text: str) -> tuple[str, list[str]]:
    """The name and the raw arguments of one spelling."""
    name, *arguments = text.strip().split(":")
    if not NAME.match(name):
        raise BadInput(f"{text.strip()!r} does not begin with a name; write NAME, NAME:VALUE or NAME:PARAMETER=VALUE")
    return name, arguments


def parse_values(owner: str, parameters: Sequence[Parameter], arguments: Sequence[str]) -> dict[str, Value]:
    """All values of ``owner``: the ones written in ``arguments`` and the defaults of the rest."""
    by_name = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Value] = {}
    for position, argument in enumerate(arguments):
        key, equals, text = argument.partition("=")
        if not equals:
            key, text = _positional(owner, parameters, argument, position), argument
        if key not in by_name:
            raise UnknownName(f"parameter of {owner}", key, by_name)
        if key in values:
            raise BadInput(f"{owner}: {key} is given twice")
        values[key] = by_name[key].parse(text, owner)
    for parameter in parameters:
        if parameter.name in values:
            continue
        if parameter.default is None:
            raise BadInput(f"{owner}: {parameter.name} is missing, {parameter.expected()}; {usage(owner, parameters)}")
        values[parameter.name] = parameter.default
    return values


def _positional(owner: str, parameters: Sequence[Parameter], argument: str, position: int) -> str:
    if position == 0 and parameters and parameters[0].positional:
        return parameters[0].name
    raise BadInput(f"{owner}: {argument!r} is not understood; {usage(owner, parameters)}")


def usage(name: str, parameters: Sequence[Parameter]) -> str:
    """One line that shows how ``name`` is written."""
    if not parameters:
        return f"{name} takes no parameters"
    parts = [p.name.upper() if p.positional else f"{p.name}={p.name.upper()}" for p in parameters]
    return "write " + ":".join([name, *parts])
