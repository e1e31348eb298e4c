"""What a model takes of a device's RAM: what lives at the same time, and where a planner would put it."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import Final

from tradeoff.formats.tflite_operators import Layer, Network

#: Buffers begin at multiples of it.
ALIGNMENT: Final = 16
#: Each of its channels has a multiplier and a shift of its own.
_CHANNELS: Final = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": -1, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}
#: Older converters give a dense layer one scale, newer ones one for each channel.
_SEVERAL: Final = 2


@dataclass(frozen=True)
class Peak:
    """The operator during which most is alive.

    :param bytes: no planner can do with less, unless kernels write over what they read.
    :param layer: where it is, in the order in which operators run.
    :param tensors: what is alive then, the largest first, each with its bytes.
    """

    bytes: int
    layer: int
    tensors: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Buffer:
    name: str
    size: int
    first: int
    last: int


def peak_of(network: Network) -> Peak:
    """Where a request takes most memory."""
    buffers = _buffers(network)
    changes = [0] * (len(network.layers) + 1)
    for buffer in buffers:
        changes[buffer.first] += buffer.size
        changes[buffer.last + 1] -= buffer.size
    alive, most, place = 0, 0, 0
    for layer, change in enumerate(changes[:-1]):
        alive += change
        if alive > most:
            most, place = alive, layer
    there = sorted((b for b in buffers if b.first <= place <= b.last), key=lambda b: -b.size)
    return Peak(most, place, tuple((b.name, b.size) for b in there))


def _buffers(network: Network) -> list[_Buffer]:
    """All that is no constant, from the operator that writes it to the last that reads it."""
    last_layer = max(len(network.layers) - 1, 0)
    first: dict[int, int] = dict.fromkeys(network.inputs, 0)
    last: dict[int, int] = dict.fromkeys(network.inputs, 0)
    for place, layer in enumerate(network.layers):
        for number in layer.outputs:
            first.setdefault(number, place)
            last[number] = max(place, last.get(number, 0))
        for number in layer.inputs:
            if number in first:
                last[number] = place
    # The caller reads the outputs after all have run.
    last.update(dict.fromkeys((number for number in network.outputs if number in first), last_layer))
    tensors = network.tensors
    return [
        _Buffer(tensors[n].name, _aligned(tensors[n].bytes), first[n], last[n])
        for n in first
        if not tensors[n].constant and network.layers
    ]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def planned_bytes(network: Network) -> int:
    """What TFLM's way of placing buffers takes: the largest first, each into the lowest gap in its lifetime."""
    buffers = _buffers(network)
    placed: list[tuple[int, _Buffer]] = []
    end = 0
    for buffer in sorted(buffers, key=lambda b: (-b.size, b.first)):
        start = 0
        for begin, other in placed:
            if other.first > buffer.last or buffer.first > other.last:
                continue
            if begin - start >= buffer.size:
                break
            start = max(start, begin + other.size)
        insort(placed, (start, buffer), key=lambda pair: pair[0])
        end = max(end, start + buffer.size)
    return end


def channels(network: Network) -> int:
    """Channels of quantized operators that have parameters of their own in memory: of dense layers not all have."""
    return sum(_channels(network, layer) for layer in network.layers)


def _channels(network: Network, layer: Layer) -> int:
    if layer.kind not in _CHANNELS or not layer.weights:
        return 0
    weights = network.tensors[layer.inputs[1]]
    if weights.type.startswith("float") or (layer.kind == "FULLY_CONNECTED" and weights.scales < _SEVERAL):
        return 0
    return layer.weights[_CHANNELS[layer.kind]]
