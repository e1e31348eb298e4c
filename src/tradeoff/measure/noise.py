"""What else the machine did while a cell was timed, and what of it explains numbers that do not repeat.

It is looked at before and after the timing, never during a round: the system counts by itself meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from tradeoff.measure.quota import held_up

#: From these on something is named as a reason.
_OTHERS: Final = 0.2
_SLOW: Final = 0.9
_CLOCK: Final = 0.8
_STOLEN: Final = 0.02
_HELD_UP: Final = 0.01
_SWITCHES: Final = 50.0
#: The system counts in ticks of 10 ms: of a shorter time no share can be told.
_SHORTEST: Final = 0.1


@dataclass(frozen=True)
class Sample:
    """What the system has counted up to one moment; seconds, over all cores that are looked at.

    :param wall: on the clock.
    :param cores: that were looked at.
    :param busy: in which they worked.
    :param stolen: in which a hypervisor ran something else.
    :param own: in which they worked for this process.
    :param switches: how often it was sent off a core that it still wanted.
    :param heat: how often a core was slowed down because it was hot.
    :param held_up: in which it waited because the share of its container was used up.
    """

    wall: float
    cores: int
    busy: float
    stolen: float
    own: float
    switches: int
    heat: int
    held_up: float


@dataclass(frozen=True)
class Noise:
    """What the machine did meanwhile.

    :param seconds: how long.
    :param cores: that were looked at: those this process is pinned to, else all that it may use.
    :param load: the system's load average at the end; none where there is none.
    :param others: how many of the cores other processes used.
    :param stolen: share of the cores' time that a hypervisor took.
    :param clock: share of its highest frequency at which the processor ran at the end; none where it is not told.
    :param heat: how often a core was slowed down because it was hot.
    :param held_up: seconds in which the process waited because the share of its container was used up.
    :param switches: how often in a second it was sent off a core that it still wanted.
    """

    seconds: float
    cores: int
    load: float | None
    others: float
    stolen: float
    clock: float | None
    heat: int
    held_up: float
    switches: float

    def to_json(self) -> dict[str, Any]:
        """Plain data for the process that plans, and for the record."""
        return asdict(self)


def sample(cores: Sequence[int] | None = None, root: Path = Path("/")) -> Sample:
    """Look at ``cores``, or at all that this process may use."""
    import psutil

    looked_at = tuple(cores) if cores else usable_cores()
    every = psutil.cpu_times(percpu=True)
    times = [every[core] for core in looked_at if core < len(every)]
    own = psutil.Process().cpu_times()
    return Sample(
        wall=perf_counter(),
        cores=len(times),
        busy=sum(_busy(one) for one in times),
        stolen=sum(getattr(one, "steal", 0.0) for one in times),
        own=own.user + own.system,
        switches=_switches(),
        heat=sum(_heat(root, looked_at)),
        held_up=held_up(root),
    )


def noise_between(before: Sample, after: Sample, load: float | None = None, clock: float | None = None) -> Noise:
    """What was between two samples, with what can only be told at one moment."""
    seconds = max(after.wall - before.wall, 1e-9)
    told = seconds >= _SHORTEST
    others = (after.busy - before.busy - (after.own - before.own)) / seconds
    return Noise(
        seconds=seconds,
        cores=after.cores,
        load=load,
        others=min(max(others, 0.0), float(after.cores)) if told else 0.0,
        stolen=max(0.0, after.stolen - before.stolen) / seconds / max(1, after.cores) if told else 0.0,
        clock=clock,
        heat=max(0, after.heat - before.heat),
        held_up=max(0.0, after.held_up - before.held_up),
        switches=max(0, after.switches - before.switches) / seconds,
    )


def noise_since(before: Sample, cores: Sequence[int] | None = None) -> Noise:
    """What was since that sample."""
    clock = clock_share()
    return noise_between(before, sample(cores), load_average(), clock)


def usable_cores() -> tuple[int, ...]:
    """The cores that this process may run on."""
    allowed = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    return tuple(sorted(allowed))


def load_average() -> float | None:
    """How many processes want a core, over a minute; none where the system does not count them."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def clock_share() -> float | None:
    """The frequency now against the highest; none where the system does not tell, as in most virtual machines."""
    import psutil

    try:
        found = psutil.cpu_freq()
    except (AttributeError, OSError, NotImplementedError, RuntimeError):
        return None
    return min(1.0, found.current / found.max) if found and found.max > 0 else None


def _busy(times: Any) -> float:
    """Waiting is not working; what guests used is in the user's time already."""
    names = ("user", "nice", "system", "irq", "softirq")
    return float(sum(getattr(times, name, 0.0) for name in names))


def _switches() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _heat(root: Path, cores: Sequence[int]) -> Iterator[int]:
    for core in cores:
        for name in ("core_throttle_count", "package_throttle_count"):
            with contextlib.suppress(OSError, ValueError):
                path = root / f"sys/devices/system/cpu/cpu{core}/thermal_throttle" / name
                yield int(path.read_text(encoding="ascii"))


# --- what it comes to -------------------------------------------------------------------------------


def summed(parts: Sequence[Mapping[str, Any]]) -> Noise | None:
    """One noise out of those of several processes that timed one after the other."""
    found = [Noise(**part) for part in parts]
    if not found:
        return None
    seconds = sum(one.seconds for one in found)

    def mean(name: str) -> float:
        return float(sum(getattr(one, name) * one.seconds for one in found) / seconds)

    return Noise(
        seconds=seconds,
        cores=found[-1].cores,
        load=max((one.load for one in found if one.load is not None), default=None),
        others=mean("others"),
        stolen=mean("stolen"),
        clock=min((one.clock for one in found if one.clock is not None), default=None),
        heat=sum(one.heat for one in found),
        held_up=sum(one.held_up for one in found),
        switches=mean("switches"),
    )


def reasons(noise: Noise | None, speed: float) -> list[str]:
    """What explains numbers that do not repeat, in words.

    :param speed: of the processor while it was timed, where 1 is the best it has shown.
    """
    found = [f"the processor ran at {100 * speed:.0f} % of its best speed"] if speed < _SLOW else []
    if noise is None:
        return found
    told = {
        f"other processes used {noise.others:.1f} of {_cores(noise.cores)}": noise.others >= _OTHERS,
        f"the hypervisor took {100 * noise.stolen:.0f} %": noise.stolen >= _STOLEN,
        f"its clock stood at {100 * (noise.clock or 1):.0f} % of its highest": (noise.clock or 1) < _CLOCK,
        f"it was slowed down for heat {noise.heat} times": noise.heat > 0,
        f"the share of its container was used up for {noise.held_up:.2g} s": noise.held_up > _HELD_UP * noise.seconds,
        f"it was sent off its core {noise.switches:.0f} times a second": noise.switches >= _SWITCHES,
    }
    return found + [text for text, is_so in told.items() if is_so]


def why_noisy(noise: Noise | None, speed: float) -> str:
    """The same as one text, also where nothing was found."""
    return ", ".join(reasons(noise, speed)) or "nothing that was looked at explains it"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"
