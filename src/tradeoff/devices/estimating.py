"""What a device is estimated to make of a ``.tflite`` file: whether it fits and runs, how fast, for how much energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradeoff.devices.costs import SHARES, costs_of, is_modelled, shape_of
from tradeoff.devices.estimates import Estimate, OperatorEstimate
from tradeoff.devices.memory import Peak, channels, peak_of, planned_bytes
from tradeoff.devices.profiles import DeviceProfile
from tradeoff.devices.roofline import Bound, bound_of, has_peak
from tradeoff.formats.tflite_operators import Layer, Network, read_network
from tradeoff.text import size

_KIB: Final = 1024
_WEIGHTED: Final = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
#: Of the data and the weights of an operator to the precision it computes in.
_PRECISIONS: Final = {
    ("int8", "int8"): "int8",
    ("uint8", "uint8"): "int8",
    ("int16", "int8"): "int16x8",
    ("float32", "float32"): "float32",
    ("float16", "float16"): "float16",
    ("float32", "int8"): "dynamic",
    ("float32", "int4"): "dynamic",
    ("int8", "int4"): "int4",
}
#: Fewer published models do not tell the cycles of each kind of operator apart.
_FEW: Final = 5
_RUN_BY_MCU: Final = frozenset(("int8", "int16x8", "float32"))


def estimate_file(path: Path, profile: DeviceProfile) -> Estimate:
    """The estimate of a file."""
    return estimate_on(path, read_network(path), profile)


def estimate_on(path: Path, network: Network, profile: DeviceProfile) -> Estimate:
    """The estimate of a file that has been read; of a device with an NPU its compiler is asked, too."""
    if profile.npu:
        # It needs this module for the rest of its work.
        from tradeoff.devices.accelerating import estimate_npu

        return estimate_npu(path, network, profile)
    return estimate(network, path.name, profile)


def estimate(network: Network, model: str, profile: DeviceProfile) -> Estimate:
    """The estimate of what a file says."""
    precision = precision_of(network)
    peak = peak_of(network)
    notes: list[str] = []
    problems = _cannot_run(network, precision, profile)
    flash, flash_limit = _flash(network, profile, notes)
    ram, ram_limit = _ram(network, peak, profile, notes)
    problems += too_large("flash", flash, flash_limit) + too_large("RAM", ram, ram_limit, _where(network, peak))
    untimed, peaked = _untimed(profile, precision), has_peak(profile, precision)
    parts = [] if untimed else [_part(network, layer, profile, precision, peaked) for layer in network.layers]
    notes += [untimed] if untimed else []
    unmodelled = sorted({layer.kind for layer in network.layers if not is_modelled(layer)})
    if unmodelled:
        notes.append(f"the time of {', '.join(unmodelled)} is not in it: no source gives their cycles")
    found = profile.validation.get(precision)
    if found and found.points < _FEW:
        notes.append(f"{found.points} published models set these cycles: their sum is better known than its parts")
    watts = (profile.figure("power.active_mw") or 0.0) / 1e3
    if not watts:
        notes.append("no energy: the profile gives no power")
    seconds = sum(part.seconds for part in parts) if parts else None
    return Estimate(
        profile.name,
        model,
        precision,
        None if flash_limit is None and ram_limit is None else not any("too large" in text for text in problems),
        tuple(problems),
        flash,
        flash_limit,
        ram,
        ram_limit,
        peak,
        network.name(network.layers[peak.layer]) if network.layers else "",
        network.macs,
        seconds,
        found,
        seconds * watts if seconds is not None and watts else None,
        _shares(parts),
        _operators(network, parts, watts),
        untimed,
        tuple(unmodelled),
        tuple(notes),
    )


def precision_of(network: Network) -> str:
    """What most of its multiplications are computed in."""
    found: dict[str, int] = {}
    for layer in network.layers:
        if layer.kind in _WEIGHTED and len(layer.inputs) > 1:
            data = network.tensors[layer.inputs[2 if layer.kind == "TRANSPOSE_CONV" and len(layer.inputs) > 2 else 0]]
            weights = network.tensors[layer.inputs[1]]
            word = _PRECISIONS.get((data.type, weights.type), f"{data.type} with {weights.type} weights")
            found[word] = found.get(word, 0) + layer.macs
    if found:
        return max(found, key=lambda word: found[word])
    types = [network.tensors[number].type for number in network.outputs]
    return types[0] if types else "unknown"


def _cannot_run(network: Network, precision: str, profile: DeviceProfile) -> list[str]:
    if profile.kind != "mcu":
        return []
    problems = []
    if precision not in _RUN_BY_MCU:
        problems.append(f"its precision is {precision}: runtimes of microcontrollers have no kernels for that")
    unpacked = sorted(_unpacked(network))
    if unpacked and "TFLM" in profile.runtime:
        problems.append(f"its weights are stored as {', '.join(unpacked)} and unpacked: TFLM refuses or misreads that")
    return problems + unknown_in(network)


def unknown_in(network: Network) -> list[str]:
    """What no runtime of a microcontroller has, and what was not looked at."""
    problems = []
    custom = sorted({layer.kind for layer in network.layers if layer.custom})
    if custom:
        problems.append(f"custom operators: {', '.join(custom)}")
    if network.graphs > 1:
        problems.append(f"it has {network.graphs} graphs (loops or branches); only the main one was looked at")
    return problems


def _unpacked(network: Network) -> set[str]:
    """The types of constants that are turned into floats before they are used."""
    tensors = network.tensors
    return {
        tensors[layer.inputs[0]].type
        for layer in network.layers
        if layer.kind == "DEQUANTIZE" and layer.inputs and tensors[layer.inputs[0]].constant
    }


def too_large(what: str, need: int, limit: int | None, where: str = "") -> list[str]:
    """That there is not room for what is needed, and by how much; nothing where there is, or nobody knows."""
    if limit is None or need <= limit:
        return []
    return [f"too large: {what} needs {size(need)} of {size(limit)}, {size(need - limit)} too much{where}"]


def _where(network: Network, peak: Peak) -> str:
    if not network.layers:
        return ""
    layer = network.layers[peak.layer]
    return f"; most is alive at {layer.kind} {network.name(layer)!r}"


def _flash(network: Network, profile: DeviceProfile, notes: list[str]) -> tuple[int, int | None]:
    share, limit = profile.figure("runtime.flash_kib"), profile.figure("device.flash_kib")
    if share is None and limit is not None:
        notes.append("flash is that of the file alone: the profile does not give what the runtime takes")
    return network.file_bytes + int((share or 0) * _KIB), None if limit is None else int(limit * _KIB)


def _ram(network: Network, peak: Peak, profile: DeviceProfile, notes: list[str]) -> tuple[int, int | None]:
    limit = profile.figure("device.ram_kib")
    base = profile.figure("runtime.ram_base_bytes")
    if base is None:
        if limit is not None:
            notes.append(
                "RAM is what lives at once: the runtime's own is not known, and some kernels write over inputs"
            )
        return peak.bytes, None if limit is None else int(limit * _KIB)
    own = base + (profile.figure("runtime.ram_operator_bytes") or 0) * len(network.layers)
    own += (profile.figure("runtime.ram_channel_bytes") or 0) * channels(network)
    return planned_bytes(network) + int(own), None if limit is None else int(limit * _KIB)


@dataclass(frozen=True)
class _Part:
    seconds: float
    by_cost: Mapping[str, float]
    bound: Bound | None = None


def _untimed(profile: DeviceProfile, precision: str) -> str:
    """Why there is no latency, or nothing."""
    if precision in profile.latency or has_peak(profile, precision):
        return ""
    known = ", ".join(profile.latency) or "no precision"
    return f"no latency: the profile gives cycles for {known}, and the file computes in {precision}"


def _part(network: Network, layer: Layer, profile: DeviceProfile, precision: str, peaked: bool) -> _Part:
    bound = bound_of(profile, network, layer, precision) if peaked else None
    latency = profile.latency.get(precision)
    if latency is None:
        return _bounded(bound)
    counts = costs_of(shape_of(network, layer)) if is_modelled(layer) else {}
    by_cost = {cost: cycles * counts.get(cost, 0) / profile.clock_hz for cost, cycles in latency.cycles.items()}
    return _Part(sum(by_cost.values()), by_cost, bound)


def _bounded(bound: Bound | None) -> _Part:
    if bound is None:
        return _Part(0.0, {})
    return _Part(bound.seconds, {"conv_macs" if bound.by == "compute" else "moved": bound.seconds}, bound)


def _shares(parts: list[_Part]) -> dict[str, float]:
    found = dict.fromkeys(dict.fromkeys(SHARES.values()), 0.0)
    for part in parts:
        for cost, seconds in part.by_cost.items():
            found[SHARES[cost]] += seconds
    whole = sum(found.values())
    return {share: seconds / whole for share, seconds in found.items()} if whole else {}


def _operators(network: Network, parts: list[_Part], watts: float) -> tuple[OperatorEstimate, ...]:
    found = []
    for place, layer in enumerate(network.layers):
        part = parts[place] if parts else None
        bound = part.bound if part else None
        seconds = part.seconds if part and (is_modelled(layer) or bound) else None
        found.append(
            OperatorEstimate(
                network.name(layer),
                layer.kind,
                layer.macs,
                layer.weights_bytes,
                sum(tensor.bytes for tensor in network.written(layer)),
                seconds,
                seconds * watts if seconds is not None and watts else None,
                bound.by if bound else None,
                bound.intensity if bound else None,
                bound.working_set if bound else None,
                bound.held_by if bound else None,
                bound.simd if bound else None,
            )
        )
    return tuple(found)
