"""What a microcontroller with an Ethos-U is estimated to make of a file, from what Vela says of it.

Vela tells the NPU's cycles and memory. What it leaves to the processor beside the NPU is estimated as on a
microcontroller, where the profile has that processor's cycles; and whether all of it fits is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from tradeoff.devices.costs import costs_of, is_modelled, shape_of
from tradeoff.devices.estimates import Area, Estimate, OnNPU, OperatorEstimate
from tradeoff.devices.estimating import precision_of, too_large, unknown_in
from tradeoff.devices.fused import Fused, fused
from tradeoff.devices.memory import Peak, peak_of
from tradeoff.devices.profiles import DeviceProfile
from tradeoff.devices.vela import Compiled, compiled
from tradeoff.formats.tflite_operators import Layer, Network

PRECISIONS: Final = ("int8", "int16x8")
_KIB: Final = 1024
#: Memory modes in which a size of the SRAM is no part of the mode.
_UNSIZED: Final = ("Sram_Only", "Shared_Sram", "Dedicated_Sram")
#: Everything lies in the SRAM, of which Vela calls a part flash.
_ALL_IN_SRAM: Final = "Sram_Only"
_CPU: Final = "CPU"


def only_whole(precision: str) -> str:
    """Why a file in some precision has no place on an NPU, or nothing."""
    if precision in PRECISIONS:
        return ""
    return (
        f"its precision is {precision}: an Ethos-U multiplies whole numbers alone, so all of it would be left to the "
        f"processor; {' or '.join(PRECISIONS)} runs there"
    )


def estimate_npu(path: Path, network: Network, profile: DeviceProfile) -> Estimate:
    """The estimate of a file on a device with an NPU."""
    precision, told = precision_of(network), profile.npu
    refused = only_whole(precision)
    if refused:
        return _refused(path, network, profile, precision, refused)
    limit = profile.figure("npu.sram_kib")
    sram = int(limit * _KIB) if limit is not None and told["memory_mode"] in _UNSIZED else None
    made = compiled(path, told["accelerator"], told["system_config"], told["memory_mode"], sram)
    groups = fused(network, made.rows)
    operators = tuple(_operator(network, group, profile) for group in groups)
    left = [(group, operator) for group, operator in zip(groups, operators, strict=True) if not group.here]
    notes, problems = _notes(profile, made), [*unknown_in(network), *([] if made.cycles else [_NOTHING])]
    flash = made.file_bytes + int((profile.figure("runtime.flash_kib") or 0) * _KIB)
    flash_limit = _bytes(profile.figure("device.flash_kib"))
    areas = _areas(profile, made)
    problems += too_large("flash", flash, flash_limit)
    for area in areas:
        problems += too_large(area.name, area.bytes, area.limit)
    notes.append(f"the NPU is started {_starts(groups)}; what its driver takes for that is not in the latency")
    unmodelled = sorted({operator.kind for _, operator in left if operator.seconds is None})
    if unmodelled:
        notes.append(
            f"the time of {', '.join(unmodelled)} is not in it: the processor runs {_them(unmodelled)}, and no source "
            "gives its cycles for that"
        )
    clock = profile.figures["npu.clock_mhz"] * 1e6
    on_cpu = sum(operator.seconds or 0.0 for _, operator in left)
    seconds = made.cycles / clock + on_cpu if made.cycles else None
    watts = (profile.figure("power.active_mw") or 0.0) / 1e3
    peak = _peak(network, groups, areas)
    return Estimate(
        profile.name,
        path.name,
        precision,
        None if all(limit is None for limit in (flash_limit, *(area.limit for area in areas))) else _fits(problems),
        tuple(problems),
        flash,
        flash_limit,
        areas[0].bytes,
        areas[0].limit,
        peak,
        operators[peak.layer].name if operators else "",
        network.macs,
        seconds,
        None,
        seconds * watts if seconds is not None and watts else None,
        _shares(groups, on_cpu, clock),
        operators,
        "" if seconds is not None else f"no latency: {_NOTHING}",
        tuple(unmodelled),
        tuple(notes),
        OnNPU(
            told["accelerator"],
            f"Vela {made.version}",
            made.cycles,
            made.macs,
            on_cpu,
            areas,
            tuple((operator.kind, operator.name, _reason(network, made, group)) for group, operator in left),
        ),
    )


_NOTHING: Final = "Vela leaves all of it to the processor: nothing in it runs on the NPU"


def _refused(path: Path, network: Network, profile: DeviceProfile, precision: str, why: str) -> Estimate:
    """Vela need not be asked."""
    peak = peak_of(network)
    flash_limit, sram = _bytes(profile.figure("device.flash_kib")), _bytes(profile.figure("npu.sram_kib"))
    name = network.name(network.layers[peak.layer]) if network.layers else ""
    return Estimate(
        profile.name,
        path.name,
        precision,
        None,
        (why,),
        network.file_bytes,
        flash_limit,
        peak.bytes,
        sram,
        peak,
        name,
        network.macs,
        None,
        None,
        None,
        {},
        (),
        f"no latency: the file computes in {precision}",
    )


def _bytes(kib: float | None) -> int | None:
    return None if kib is None else int(kib * _KIB)


def _fits(problems: Iterable[str]) -> bool:
    return not any("too large" in text for text in problems)


def _them(kinds: list[str]) -> str:
    return "it" if len(kinds) == 1 else "them"


def _notes(profile: DeviceProfile, made: Compiled) -> list[str]:
    notes = ["RAM is what Vela plans in the SRAM: what the interpreter takes beside it is not known"]
    clock = profile.figures["npu.clock_mhz"] * 1e6
    if clock != made.clock_hz:
        notes.append(
            f"{profile.npu['system_config']} is at {made.clock_hz / 1e6:g} MHz: its memories are taken to be slower or "
            f"faster in proportion to {clock / 1e6:g} MHz"
        )
    if profile.figure("runtime.flash_kib") is None:
        notes.append("flash is the file that Vela writes alone: the profile does not give what the runtime takes")
    if not profile.figure("power.active_mw"):
        notes.append("no energy: Vela tells none, and the profile gives no power")
    return notes


def _starts(groups: list[Fused]) -> str:
    """How many stretches of operators run on the NPU without one on the processor between them."""
    here = [False, *(group.here for group in groups)]
    count = sum(now and not before for before, now in pairwise(here))
    return "once" if count == 1 else f"{count} times"


def _areas(profile: DeviceProfile, made: Compiled) -> tuple[Area, ...]:
    """The memories, the SRAM first; those that nothing lies in are left out."""
    used, traffic = dict(made.used), made.traffic
    flash = {area: used.pop(area) for area in ("on_chip_flash", "off_chip_flash")}
    if profile.npu["memory_mode"] == _ALL_IN_SRAM:
        used["sram"] += flash.pop("on_chip_flash")
    limit = profile.figure
    found = [Area("RAM", used["sram"], _bytes(limit("npu.sram_kib")), traffic["sram"])]
    if used["dram"]:
        found.append(Area("DRAM", used["dram"], _bytes(limit("npu.dram_kib")), traffic["dram"]))
    if sum(flash.values()):
        # It is a part of the file, whose fit is looked at as a whole.
        moved = traffic["on_chip_flash"] + traffic["off_chip_flash"]
        found.append(Area("constants in flash", sum(flash.values()), None, moved))
    return tuple(found)


def _operator(network: Network, group: Fused, profile: DeviceProfile) -> OperatorEstimate:
    last = network.layers[group.layer]
    heaviest = max((network.layers[at] for at in group.layers), key=lambda layer: layer.macs, default=last)
    shown = heaviest if heaviest.macs else last
    return OperatorEstimate(
        network.name(last),
        shown.kind,
        sum(network.layers[at].macs for at in group.layers),
        sum(network.layers[at].weights_bytes for at in group.layers),
        sum(tensor.bytes for tensor in network.written(last)),
        _seconds(network, group, profile),
        None,
        max(group.busy, key=lambda unit: group.busy[unit]) if group.here else _CPU,
    )


def _seconds(network: Network, group: Fused, profile: DeviceProfile) -> float | None:
    if group.here:
        return sum(row.cycles for row in group.rows) / (profile.figures["npu.clock_mhz"] * 1e6)
    layers = [network.layers[at] for at in group.layers]
    latency = profile.latency.get("int8")
    if latency is None or not all(is_modelled(layer) and _is_whole(network, layer) for layer in layers):
        return None
    counts = [costs_of(shape_of(network, layer)) for layer in layers]
    return sum(cycles * count.get(cost, 0) for cost, cycles in latency.cycles.items() for count in counts) / (
        profile.clock_hz
    )


def _is_whole(network: Network, layer: Layer) -> bool:
    """Whether it reads or writes whole numbers: cycles for these say little of others."""
    return any("int" in tensor.type for tensor in (*network.data(layer), *network.written(layer)))


def _reason(network: Network, made: Compiled, group: Fused) -> str:
    layer = network.layers[group.layer]
    return made.reason(layer.kind, network.tensors[layer.outputs[0]].name)


def _peak(network: Network, groups: list[Fused], areas: tuple[Area, ...]) -> Peak:
    """Where most of the SRAM is taken."""
    staged = [max(row.staging for row in group.rows) for group in groups]
    place = max(range(len(staged)), key=lambda at: staged[at], default=0)
    return Peak(areas[0].bytes, place, ())


def _shares(groups: Iterable[Fused], on_cpu: float, clock: float) -> dict[str, float]:
    """Of the time, by what limits an operator."""
    found = {"compute": 0.0, "memory": 0.0, **({_CPU: on_cpu} if on_cpu else {})}
    for group in groups:
        if group.here:
            busy = group.busy
            bound = "compute" if busy["compute"] >= max(busy.values()) else "memory"
            found[bound] += sum(row.cycles for row in group.rows) / clock
    whole = sum(found.values())
    return {share: seconds / whole for share, seconds in found.items()} if whole else {}
