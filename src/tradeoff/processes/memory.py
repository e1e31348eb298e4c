"""How much memory there is, and how a limit of it is written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.text import size

DEFAULT: Final = "80%"
_UNITS: Final = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_WRITTEN: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+) *([a-z]+|%)", re.IGNORECASE)
#: Where a container or a service has its limit: version 2 of control groups, and version 1.
_GROUPS: Final = ((Path("/sys/fs/cgroup"), "memory.max"), (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"))
_OWN_GROUPS: Final = Path("/proc/self/cgroup")


def memory_limit(text: str) -> int:
    """Bytes from ``4GB``, ``800 MB``, or ``50%`` of what there is."""
    match = _WRITTEN.fullmatch(text.strip())
    value = float(match[1]) if match else 0.0
    unit = match[2].upper() if match else ""
    if unit == "%" and 0 < value <= 100:
        return int(machine_memory() * value / 100)
    limit = value * _UNITS.get(unit, 0)
    # A number that is not finite, such as one of 400 digits, is no size either.
    if 1 <= limit < 2**63:
        return int(limit)
    raise BadInput(
        f"--tradeoff-memory={text!r} is not a size: write '4GB', '800MB', or '50%' of what there is here "
        f"({size(machine_memory())})"
    )


def machine_memory() -> int:
    """What this process may use at most: the machine's memory, or less where a control group says so."""
    import psutil

    return min(int(psutil.virtual_memory().total), *_limits(_own_groups()), 2**63)


def _own_groups() -> list[str]:
    """The control groups of this process, as paths that begin with a slash."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [line.split(":", 2)[2] for line in lines if line.startswith("0::") or ":memory:" in line]


def _limits(groups: list[str]) -> Iterator[int]:
    """Every limit that is set for a group or for one above it; inside a container its own group is the root."""
    for root, name in _GROUPS:
        for group in (*groups, "/"):
            place = root / group.lstrip("/")
            for folder in (place, *place.parents):
                if folder.is_relative_to(root):
                    with contextlib.suppress(OSError, ValueError):
                        yield int((folder / name).read_text(encoding="ascii"))
