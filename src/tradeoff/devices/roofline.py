"""The roofline: an operator takes as long as its arithmetic or its traffic, whichever takes longer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tradeoff.devices.costs import is_shape_only
from tradeoff.devices.profiles import DeviceProfile
from tradeoff.formats.tflite_operators import Layer, Network

_PEAKS: Final = {
    "int8": "roofline.int8_gops",
    "int16x8": "roofline.int8_gops",
    "float16": "roofline.float16_gflops",
    "float32": "roofline.float32_gflops",
}
#: Bits of the numbers that are multiplied; weights of 8 bits are widened for activations of 16.
_BITS: Final = {"int8": 8, "int16x8": 16, "float16": 16, "float32": 32}
#: From the nearest on: what a cache is called, and where a profile has its size.
_CACHES: Final = (("L1", "roofline.l1_kib"), ("cache", "roofline.cache_kib"))
#: Kernels compute several channels at once, and everything else a run of numbers.
_BY_CHANNEL: Final = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))


@dataclass(frozen=True)
class Bound:
    """What limits one operator.

    :param seconds: of one request, never less.
    :param by: ``compute``, ``memory`` or ``cache``: arithmetic, or the traffic of the memory or of the last cache.
    :param intensity: operations for each byte of traffic.
    :param working_set: bytes that it reads and writes.
    :param held_by: the nearest cache that has room for all of these, or ``memory``; nothing where no cache is known.
    :param simd: the share of a vector's lanes that are expected to have work; nothing where its width is not known.
    """

    seconds: float
    by: str
    intensity: float
    working_set: int = 0
    held_by: str | None = None
    simd: float | None = None


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
    return Bound(
        max(computing, moving) + starting,
        by,
        operations / traffic if traffic else 0.0,
        traffic,
        _held_by(profile, traffic),
        _simd(profile, network, layer, precision),
    )


def _held_by(profile: DeviceProfile, working_set: int) -> str | None:
    known = [(name, size) for name, key in _CACHES if (size := profile.figure(key)) is not None]
    return next((name for name, size in known if working_set <= size * 1024), "memory") if known else None


def _simd(profile: DeviceProfile, network: Network, layer: Layer, precision: str) -> float | None:
    """How full vectors are: the last one of each row of channels has fewer."""
    width = profile.figure("roofline.simd_bits")
    written = network.written(layer)
    if width is None or not written or is_shape_only(layer.kind):
        return None
    first = written[0]
    together = first.shape[-1] if layer.kind in _BY_CHANNEL and first.shape else first.elements
    lanes = width / _BITS[precision]
    return together / (math.ceil(together / lanes) * lanes) if together > 0 else None
