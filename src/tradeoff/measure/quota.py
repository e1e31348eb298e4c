"""A container's share of the processor, and how often it was used up: what control groups say of this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Where the groups of version 2 are, and where those of version 1 that have to do with the processor.
_NEW: Final = "sys/fs/cgroup"
_OLD: Final = ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct")


def quota_cores(root: Path = Path("/")) -> float | None:
    """So many cores' worth of time this process may use, if that is limited."""
    found = [cores for folder in _folders(root) if (cores := _cores(folder)) is not None]
    return min(found, default=None)


def held_up(root: Path = Path("/")) -> float:
    """Seconds that the group of this process has waited so far because its share was used up."""
    return max((_seconds(folder) for folder in _folders(root)), default=0.0)


def _folders(root: Path) -> Iterator[Path]:
    """The folders of the group of this process and of those above it; in a container its own is the topmost."""
    for top, group in _groups(root):
        place = top / group.lstrip("/")
        for folder in (place, *place.parents):
            if folder.is_relative_to(top) and folder.is_dir():
                yield folder


def _groups(root: Path) -> Iterator[tuple[Path, str]]:
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, group = (*line.split(":", 2), "", "")[:3]
            if number == "0" and not controllers:
                yield root / _NEW, group
                yield root / _NEW, "/"
            elif "cpu" in controllers.split(","):
                for place in _OLD:
                    yield root / place, group
                    yield root / place, "/"


def _cores(folder: Path) -> float | None:
    """A limit of version 2, ``200000 100000``, or of version 1, in two files."""
    with contextlib.suppress(OSError, ValueError):
        limit, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(limit) / int(period) if limit != "max" else None
    with contextlib.suppress(OSError, ValueError):
        limit = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
        period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
        return int(limit) / int(period) if int(limit) > 0 else None
    return None


def _seconds(folder: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        lines = (folder / "cpu.stat").read_text(encoding="ascii").splitlines()
        told = {name: int(value) for name, value in (line.split() for line in lines)}
        return told.get("throttled_usec", 0) / 1e6 + told.get("throttled_time", 0) / 1e9
    return 0.0
