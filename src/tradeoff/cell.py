"""A cell of the matrix: model, chain, backend, device, load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradeoff.chain import Chain
from tradeoff.errors import BadInput, UnknownName
from tradeoff.record import Axes
from tradeoff.spelling import Value, parse_values, spell, split
from tradeoff.vocabulary import Backend

_LOAD: Final = re.compile(r"b([1-9][0-9]{0,5})\Z")


@dataclass(frozen=True)
class BackendChoice:
    """A backend with the values of its own parameters."""

    name: str
    values: tuple[tuple[str, Value], ...]
    spelling: str

    @property
    def parameters(self) -> dict[str, Value]:
        """Values by name."""
        return dict(self.values)


@dataclass(frozen=True)
class Load:
    """How requests arrive: one after the other, each of ``batch`` samples."""

    batch: int

    @property
    def spelling(self) -> str:
        """``b1``: one sample a request."""
        return f"b{self.batch}"


@dataclass(frozen=True)
class Cell:
    """One point of the matrix, and one pytest item."""

    model: str
    chain: Chain
    backend: BackendChoice
    device: str
    load: Load

    @property
    def axes(self) -> Axes:
        """As it is spelled, axis by axis."""
        return Axes(self.model, self.chain.spelling, self.backend.spelling, self.device, self.load.spelling)

    @property
    def spelling(self) -> str:
        """``cnn/int8/litert/host-cpu/b1``."""
        return self.axes.spelling

    def __str__(self) -> str:
        return self.spelling


def parse_load(text: str) -> Load:
    """``b8``, or plain ``8``: eight samples a request."""
    match = _LOAD.match(text.strip() if text.strip().startswith("b") else f"b{text.strip()}")
    if not match:
        raise BadInput(f"load {text!r} is not understood; write b1, b8, b32: the samples in one request, up to 999999")
    return Load(int(match[1]))


def parse_backend(text: str, backends: Mapping[str, Backend]) -> BackendChoice:
    """``litert:threads=2``: a backend with its parameters."""
    name, arguments = split(text)
    if name not in backends:
        raise UnknownName("backend", name, backends)
    parameters = backends[name].parameters
    values = parse_values(name, parameters, arguments)
    return BackendChoice(name, tuple(sorted(values.items())), spell(name, parameters, values))
