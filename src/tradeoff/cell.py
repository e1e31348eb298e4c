"""A cell of the matrix: model, chain, backend, device, load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradeoff.chain import Chain
from tradeoff.errors import BadInput, UnknownName
from tradeoff.record import Axes
from tradeoff.spelling import Parameter, Value, parse_values, spell, split
from tradeoff.vocabulary import Backend

_MOST: Final = 999_999
_BATCH: Final = re.compile(r"b?([1-9][0-9]{0,5})\Z")
_LANES: Final = Parameter(
    "lanes", int, 1, minimum=1, maximum=64, summary="requests at once, each on a load of the artifact of its own"
)
#: How requests can arrive other than one after the other in rounds, and what each of these has to be told.
SCENARIOS: Final[Mapping[str, tuple[Parameter, ...]]] = {
    "stream": (_LANES,),
    "multi": (Parameter("samples", int, minimum=2, maximum=_MOST, positional=True, summary="in one query"),),
    "server": (
        Parameter("rate", float, minimum=0.1, maximum=100_000, positional=True, summary="arrivals in a second"),
        _LANES,
        Parameter("seed", int, 0, minimum=0, maximum=_MOST, summary="of the arrivals, beside that of the run"),
        Parameter("seconds", float, 0.0, minimum=0, maximum=600, summary="of arrivals; 0 for what percentiles need"),
    ),
    "offline": (
        Parameter("batch", int, 32, minimum=1, maximum=_MOST, positional=True, summary="samples in a request"),
    ),
    "sweep": (
        Parameter("gain", float, 0.05, minimum=0, maximum=1, summary="by which a doubling has to raise the throughput"),
        Parameter("most", int, 1024, minimum=2, maximum=_MOST, summary="samples in a request"),
    ),
}
_VALID: Final = (
    "write b1, b8, b32, the samples in one request, up to 999999; or a scenario: "
    "stream, multi:8, server:200, offline, sweep"
)


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
    """How requests arrive: one after the other, each of ``batch`` samples, or as a scenario has it.

    :param batch: samples in one request; a scenario decides that itself, and takes what the backend can.
    :param scenario: one of :data:`SCENARIOS`, or empty.
    :param values: of the scenario's parameters.
    """

    batch: int = 1
    scenario: str = ""
    values: tuple[tuple[str, Value], ...] = ()

    @property
    def parameters(self) -> dict[str, Value]:
        """Values by name."""
        return dict(self.values)

    @property
    def spelling(self) -> str:
        """``b1``: one sample a request; ``server:200``: requests arrive 200 times a second."""
        if not self.scenario:
            return f"b{self.batch}"
        return spell(self.scenario, SCENARIOS[self.scenario], self.parameters)


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
    """``b8``, or plain ``8``: eight samples a request; ``server:200:lanes=2``: a scenario."""
    match = _BATCH.match(text.strip())
    if match:
        return Load(int(match[1]))
    name, *arguments = text.strip().split(":")
    if name not in SCENARIOS:
        raise BadInput(f"load {text!r} is not understood; {_VALID}")
    values = parse_values(name, SCENARIOS[name], arguments)
    return Load(scenario=name, values=tuple(sorted(values.items())))


def parse_backend(text: str, backends: Mapping[str, Backend]) -> BackendChoice:
    """``litert:threads=2``: a backend with its parameters."""
    name, arguments = split(text)
    if name not in backends:
        raise UnknownName("backend", name, backends)
    parameters = backends[name].parameters
    values = parse_values(name, parameters, arguments)
    return BackendChoice(name, tuple(sorted(values.items())), spell(name, parameters, values))
