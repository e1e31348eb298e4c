"""The roofline: an operator takes as long as its arithmetic or its traffic, whichever takes longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tradeoff.devices.profiles import DeviceProfile
from tradeoff.formats.tflite_operators import Layer, Network

_PEAKS: Final = {
    "int8": "roofline.int8_gops",
    "int16x8": "roofline.int8_gops",
    "float16": "roofline.float16_gflops",
    "float32": "roofline.float32_gflops",
}


@dataclass(frozen=True)
class Bound:
    """What limits one operator.

    :param seconds: of one request, never less.
    :param by: ``compute``, ``memory`` or ``cache``: arithmetic, or the traffic of the memory or of the last cache.
    :param intensity: operations for each byte of traffic.
    """

    seconds: float
    by: str
    intensity: float


def has_peak(profile: DeviceProfile, precision: str) -> bool:
    """Whether a roofline can be drawn for a precision."""
    return profile.roofline and profile.figure(_PEAKS.get(precision, "")) is not None


def bound_of(profile: DeviceProfile, network: Network, layer: Layer, precision: str) -> Bound:
    """What limits ``layer``; ask :func:`has_peak` first."""
    peak = profile.figures[_PEAKS[precision]] * 1e9
    traffic = layer.weights_bytes + sum(tensor.bytes for tensor in (*network.data(layer), *network.written(layer)))
    operations = 2 * layer.macs or sum(tensor.elements for tensor in network.written(layer))
    memory = profile.figures["roofline.bandwidth_gb_s"] * 1e9
    cached = profile.figure("roofline.cache_bandwidth_gb_s")
    fits = traffic <= (profile.figure("roofline.cache_kib") or 0) * 1024
    bandwidth, level = (cached * 1e9, "cache") if cached and fits else (memory, "memory")
    computing, moving = operations / peak, traffic / bandwidth
    starting = (profile.figure("roofline.operator_us") or 0.0) / 1e6
    by = "compute" if computing >= moving else level
    return Bound(max(computing, moving) + starting, by, operations / traffic if traffic else 0.0)
