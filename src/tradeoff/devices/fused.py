"""Vela's operators put together with those of the file that they were made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradeoff.devices.vela import Row
from tradeoff.formats.tflite_operators import Network


@dataclass
class Fused:
    """One operator as it is run.

    :param layer: the last of the file's operators in it, whose result it writes.
    :param layers: all of the file's operators in it, by their places.
    """

    layer: int
    rows: list[Row] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)

    @property
    def here(self) -> bool:
        """Whether all of it runs on the NPU."""
        return all(row.here for row in self.rows)

    @property
    def busy(self) -> dict[str, float]:
        """Cycles of each unit."""
        units = ("compute", "SRAM", "DRAM", "flash")
        return {unit: sum(row.by.get(unit, 0.0) for row in self.rows) for unit in units}


def fused(network: Network, rows: Iterable[Row]) -> list[Fused]:
    """Vela's operators under those of the file: one carries the name of what the last of them writes."""
    places = {network.tensors[layer.outputs[0]].name: at for at, layer in enumerate(network.layers) if layer.outputs}
    found: dict[int, Fused] = {}
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if row.name in places:
            group = found.setdefault(places[row.name], Fused(places[row.name]))
            group.rows += waiting
            waiting = []
    if waiting and found:
        list(found.values())[-1].rows += waiting
    for at in range(len(network.layers)):
        owner = _owner(network, at, found)
        if owner is not None:
            found[owner].layers.append(at)
    return list(found.values())


def _owner(network: Network, at: int, found: dict[int, Fused]) -> int | None:
    """The operator that another one was fused into: the next that reads what it writes, or the next of that."""
    seen: set[int] = set()
    while at not in found:
        if at in seen:
            return None
        seen.add(at)
        written = set(network.layers[at].outputs)
        readers = (place for place, layer in enumerate(network.layers) if place != at and written & {*layer.inputs})
        following = next(readers, None)
        if following is None:
            return None
        at = following
    return at
