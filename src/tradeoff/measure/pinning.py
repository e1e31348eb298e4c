"""Keeps a worker on certain cores while it times, where the system can do that."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import sleep
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.measure.noise import usable_cores

AUTO: Final = "auto"
#: Seconds for which one looks which cores others use.
_LOOK: Final = 0.5
_TASKS: Final = Path("/proc/self/task")


def check_pin(text: str | None) -> None:
    """Raise for what no worker could be pinned to."""
    if text is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise BadInput(f"--tradeoff-pin={text}: {sys.platform} cannot keep a process on certain cores; leave it out")
    if text != AUTO:
        _written(text)


def cores_for(text: str | None, threads: int, *, root: Path = Path("/")) -> tuple[int, ...] | None:
    """The cores for work of so many threads; none when it may go where it likes."""
    if text is None:
        return None
    if text != AUTO:
        return _written(text)
    return choose(_used(_LOOK), _siblings(usable_cores(), root), threads)


def choose(used: Mapping[int, float], siblings: Mapping[int, frozenset[int]], count: int) -> tuple[int, ...]:
    """The ``count`` cores that others use least.

    Never core 0 if there are others enough, since it serves the system; and no two that share their hardware, if it
    can be avoided.

    :param used: share of each core that others use.
    :param siblings: for each core those that share its hardware, itself included.
    """
    ordered = sorted(used, key=lambda core: (core == 0, round(used[core], 1), core))
    chosen: list[int] = []
    for core in ordered:
        if core != 0 and not siblings.get(core, frozenset({core})) & {*chosen}:
            chosen.append(core)
    chosen += [core for core in ordered if core not in chosen]
    return tuple(sorted(chosen[: max(1, count)]))


@contextlib.contextmanager
def pinned(cores: Sequence[int] | None) -> Iterator[None]:
    """Every thread of this process on ``cores`` meanwhile, and those that it starts."""
    if not cores or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    _move({*cores})
    try:
        yield
    finally:
        _move(before)


def _move(cores: set[int]) -> None:
    if sys.platform != "linux":
        return
    for task in _TASKS.iterdir():
        # A thread may have ended meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cores)


def _written(text: str) -> tuple[int, ...]:
    usable = usable_cores()
    there = f"cores from {min(usable)} to {max(usable)}" if len(usable) > 1 else f"core {min(usable)}"
    if not re.fullmatch(r"\d{1,5}(,\d{1,5})*", text.replace(" ", "")):
        raise BadInput(f"--tradeoff-pin={text!r} names no cores; write 'auto', '1' or '0,1', there are {there}")
    cores = tuple(sorted({int(part) for part in text.split(",")}))
    for core in cores:
        if core not in usable:
            raise BadInput(f"--tradeoff-pin={text!r}: core {core} cannot be used here, there are {there}")
    return cores


def _used(seconds: float) -> dict[int, float]:
    """Share of each core that is in use while nothing of ours runs."""
    import psutil

    psutil.cpu_percent(percpu=True)
    sleep(seconds)
    every = psutil.cpu_percent(percpu=True)
    return {core: every[core] / 100 if core < len(every) else 0.0 for core in usable_cores()}


def _siblings(cores: Sequence[int], root: Path) -> dict[int, frozenset[int]]:
    found = {}
    for core in cores:
        path = root / f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
        with contextlib.suppress(OSError, ValueError):
            found[core] = frozenset(_spread(path.read_text(encoding="ascii").strip()))
    return found


def _spread(text: str) -> Iterator[int]:
    """``0,4-6`` as 0, 4, 5 and 6."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
