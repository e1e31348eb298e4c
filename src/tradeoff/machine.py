"""What this machine is, without importing anything heavy."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tradeoff.vocabulary import Requirement


@cache
def describe_machine() -> dict[str, Any]:
    """Node, system, processor, cores and memory: enough to tell two machines apart."""
    return {
        "node": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": _cpu("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": _memory(),
        "python": platform.python_version(),
    }


@cache
def cpu_flags() -> str:
    """The instruction sets that decide which kernels a runtime picks."""
    flags = _cpu("flags") or _cpu("Features")
    return " ".join(sorted(flags.split())) if flags else f"{platform.machine()} {platform.processor()}"


@cache
def _cpu(key: str) -> str:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == key:
            return value.strip()
    return ""


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, from its metadata."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def versions_of(needs: Iterable[Requirement]) -> dict[str, str]:
    """Distribution to version, of those that are installed."""
    names = dict.fromkeys(need.distribution for need in needs)
    return {name: found for name in names if (found := installed_version(name)) is not None}
