"""What runs on an NPU and what does not, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tradeoff.devices.estimates import Estimate
from tradeoff.text import safe, seconds, size


def of_limit(need: int, limit: int | None) -> str:
    """So many bytes, and of how many."""
    return size(need) if limit is None else f"{size(need)} of {size(limit)} ({need / limit:.0%})"


def npu_rows(estimate: Estimate) -> list[tuple[str, str]]:
    """The lines that an estimate without an NPU does not have."""
    told = estimate.on_npu
    if told is None:
        return []
    rows = [(area.name, of_limit(area.bytes, area.limit)) for area in told.areas[1:]]
    whole = len(estimate.operators)
    there = f"{whole - len(told.left)} of {whole} operators, {told.cycles:,.0f} cycles by {told.compiler}"
    rows.append(("NPU", f"{told.accelerator}: {there}"))
    if told.on_cpu:
        rows.append(("CPU", f"{seconds(told.on_cpu)} of the latency for what is left to the processor"))
    if estimate.seconds:
        moved = (f"{area.name} {size(area.traffic)}, {_rate(area.traffic, estimate.seconds)}" for area in told.areas)
        rows.append(("traffic", "; ".join(moved)))
    return rows


def left_lines(estimate: Estimate) -> list[str]:
    """What is left to the processor, with the reason: those of the same kind for the same reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind, name, why in estimate.on_npu.left if estimate.on_npu else ():
        found.setdefault((kind, why), []).append(name)
    return [f"  on the CPU: {safe(kind)} {_names(names)}: {safe(why)}" for (kind, why), names in found.items()]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(safe(name)) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _rate(count: int, time: float) -> str:
    return f"{size(count / time)}/s"
