"""What on this machine will spoil numbers, and what to do about it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any, Final

from tradeoff.machine import cpu_flags
from tradeoff.measure.noise import load_average, noise_since, sample, usable_cores
from tradeoff.measure.quota import quota_cores
from tradeoff.text import size

#: Seconds to look at what others do.
_LOOK: Final = 0.5
#: So many busy processes are named; one that uses less of a core is none.
_NAMED: Final = 3
_BUSY: Final = 0.05
#: Less free memory than this, and the system begins to swap.
_LITTLE: Final = 0.1
_QUIET: Final = 0.3
_STOLEN: Final = 0.01


@dataclass(frozen=True)
class Conditions:
    """What was found; ``None`` is what the system does not tell.

    :param cores: that this process may use.
    :param threads: the most that a cell uses.
    :param used: how many of the cores others use now.
    :param load: the load average of the last minute.
    :param busy: names of the busiest processes, and how many cores each uses.
    :param governor: what decides the processor's frequency.
    :param boost: whether the processor may go faster for a while than it can for long.
    :param hypervisor: whether this is a virtual machine.
    :param stolen: share of the time that it takes from this machine.
    :param quota: so many cores' worth of time this container may use.
    :param free: bytes of memory that can be had.
    :param memory: bytes of memory in all.
    :param battery: whether it runs from one.
    :param huge_pages: how the system hands out large pages: ``always``, ``madvise``, ``never``.
    """

    cores: int = 1
    threads: int = 1
    used: float = 0.0
    load: float | None = None
    busy: tuple[tuple[str, float], ...] = ()
    governor: str | None = None
    boost: bool | None = None
    hypervisor: bool = False
    stolen: float = 0.0
    quota: float | None = None
    free: int | None = None
    memory: int | None = None
    battery: bool | None = None
    huge_pages: str | None = None


@dataclass(frozen=True)
class Advice:
    """One thing that was looked at.

    :param topic: what it is.
    :param found: how it stands.
    :param todo: what to do about it; empty when it is well.
    """

    topic: str
    found: str
    todo: str = ""


def look_around(threads: int, root: Path = Path("/")) -> Conditions:
    """Look for half a second."""
    import psutil

    before = sample(root=root)
    busy = _busiest(_LOOK)
    noise = noise_since(before)
    memory = psutil.virtual_memory()
    return Conditions(
        cores=len(usable_cores()),
        threads=threads,
        used=noise.others,
        load=load_average(),
        busy=busy,
        governor=_word(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        boost=_boost(root),
        hypervisor="hypervisor" in cpu_flags().split(),
        stolen=noise.stolen,
        quota=quota_cores(root),
        free=int(memory.available),
        memory=int(memory.total),
        battery=_battery(),
        huge_pages=_chosen(root, "sys/kernel/mm/transparent_hugepage/enabled"),
    )


def advice(found: Conditions) -> list[Advice]:
    """What each of it does to the numbers, and what to do."""
    given = (
        _others(found), _threads(found), _quota(found), _hypervisor(found), _governor(found), _boosted(found),
        _free(found), _battery_advice(found), _pages(found),
    )  # fmt: skip
    return [one for one in given if one is not None]


def _others(found: Conditions) -> Advice:
    load = f", load average {found.load:.1f}" if found.load is not None else ""
    text = f"other processes use {found.used:.1f} of {found.cores} cores{load}"
    if found.used < _QUIET * found.cores:
        return Advice("others", text)
    names = ", ".join(f"{name} ({share:.1f})" for name, share in found.busy)
    return Advice("others", text, f"close {names or 'what you can'}; or keep out of their way with --tradeoff-pin=auto")


def _threads(found: Conditions) -> Advice:
    text = f"{found.cores} can be used, the cells want up to {found.threads} threads"
    if found.threads > found.cores:
        return Advice("cores", text, "select cells with fewer threads: these would wait for each other")
    if found.threads == found.cores > 1:
        return Advice("cores", text, "leave one core to the system: with a thread on each, every interruption is seen")
    return Advice("cores", text)


def _quota(found: Conditions) -> Advice | None:
    if found.quota is None:
        return None
    text = f"this container may use {found.quota:g} cores' worth of time"
    if found.quota >= found.cores:
        return Advice("container", text)
    todo = "whole requests will wait when that is used up: raise its limit (docker run --cpus), or give it whole cores"
    return Advice("container", text, f"{todo} (--cpuset-cpus)")


def _hypervisor(found: Conditions) -> Advice | None:
    if not found.hypervisor:
        return None
    text = f"a virtual machine; {100 * found.stolen:.0f} % of its time was taken while looking"
    todo = "its neighbours cannot be seen: believe ratios more than latencies, measure twice, or rent a whole machine"
    return Advice("hypervisor", text, todo if found.stolen >= _STOLEN else "")


def _governor(found: Conditions) -> Advice | None:
    if found.governor is None:
        return None
    todo = "" if found.governor == "performance" else "sudo cpupower frequency-set -g performance"
    return Advice("governor", found.governor, todo)


def _boosted(found: Conditions) -> Advice | None:
    if found.boost is None:
        return None
    if not found.boost:
        return Advice("boost", "off: slower, and steadier")
    todo = "numbers fall when the processor gets warm; to switch it off, as root write 1 to"
    intel, other = "/sys/devices/system/cpu/intel_pstate/no_turbo", "0 to /sys/devices/system/cpu/cpufreq/boost"
    return Advice("boost", "on", f"{todo} {intel}, or {other}")


def _free(found: Conditions) -> Advice | None:
    if found.free is None or not found.memory:
        return None
    text = f"{size(found.free)} of {size(found.memory)} are free"
    return Advice("memory", text, "close what you can: a system that swaps is slow" if _is_little(found) else "")


def _is_little(found: Conditions) -> bool:
    return found.free is not None and bool(found.memory) and found.free < _LITTLE * (found.memory or 0)


def _battery_advice(found: Conditions) -> Advice | None:
    if found.battery is None:
        return None
    return Advice("power", "from the battery", "plug it in") if found.battery else Advice("power", "from the mains")


def _pages(found: Conditions) -> Advice | None:
    if found.huge_pages is None:
        return None
    todo = "memory comes by 2 MB, by chance: echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"
    return Advice("huge pages", found.huge_pages, todo if found.huge_pages == "always" else "")


# --- looking ----------------------------------------------------------------------------------------


def _word(root: Path, name: str) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (root / name).read_text(encoding="ascii").strip() or None
    return None


def _chosen(root: Path, name: str) -> str | None:
    """The word in brackets: ``always [madvise] never``."""
    match = re.search(r"\[(\w+)\]", _word(root, name) or "")
    return match[1] if match else None


def _boost(root: Path) -> bool | None:
    if (turned_off := _word(root, "sys/devices/system/cpu/intel_pstate/no_turbo")) is not None:
        return turned_off == "0"
    boost = _word(root, "sys/devices/system/cpu/cpufreq/boost")
    return None if boost is None else boost != "0"


def _battery() -> bool | None:
    import psutil

    with contextlib.suppress(AttributeError, OSError, NotImplementedError, RuntimeError):
        found: Any = psutil.sensors_battery()
        return None if found is None else not found.power_plugged
    return None


def _busiest(seconds: float) -> tuple[tuple[str, float], ...]:
    """The processes that use most just now, and how many cores each of them uses."""
    import psutil

    own = psutil.Process().pid
    known = [process for process in psutil.process_iter() if process.pid != own]
    for process in known:
        _share(process)
    sleep(seconds)
    found = sorted(_named(known), key=lambda one: one[1], reverse=True)
    return tuple(found[:_NAMED])


def _named(processes: list[Any]) -> Iterator[tuple[str, float]]:
    import psutil

    for process in processes:
        share = _share(process)
        with contextlib.suppress(psutil.Error):
            if share >= _BUSY:
                yield process.name(), share


def _share(process: Any) -> float:
    """Cores that it has used since it was last asked; none when it has ended."""
    import psutil

    try:
        return float(process.cpu_percent() / 100)
    except psutil.Error:
        return 0.0
