"""How much memory this process has in use at most while something is done, as the operating system counts it."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

import psutil

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
#: What resets the peak and nothing else; in the kernel since 4.0.
_PEAK: Final = "5"
#: The kernel's counters are not exact: by this much may a peak that was just reset be above what is in use.
_TOLERANCE: Final = 2**20
#: Between two looks, where the system keeps no peak of its own that could be reset.
_LOOK_SECONDS: Final = 0.001


@dataclass(frozen=True)
class Peak:
    """The most that was in use.

    :param added: bytes above what was in use when the measuring began.
    :param whole: bytes of the process since it began: interpreter, imports and all.
    :param note: what is less than exact about ``added``.
    """

    added: int
    whole: int
    note: str = ""


class PeakMeter(Protocol):
    """Measures one peak."""

    def begin(self) -> None:
        """From now on."""

    def end(self) -> Peak:
        """Until now."""
        ...


def peak_meter() -> PeakMeter:
    """The best that this system has."""
    # Trying whether the peak can be reset resets it.
    before = _ever()
    return KernelMeter(before) if _can_be_reset() else SamplingMeter()


def settle() -> None:
    """Give back what nobody uses: memory that was freed but kept would hide what is taken next."""
    gc.collect()
    if sys.platform == "linux":
        # Only one of the C libraries has it.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


class KernelMeter:
    """The kernel notes the peak itself, and can be told to begin anew.

    :param before: the peak of the process that it was made to forget already.
    """

    def __init__(self, before: int) -> None:
        self._before = before

    def begin(self) -> None:
        """Forget the peak so far."""
        self._before = max(self._before, _status("VmHWM"))
        _CLEAR.write_text(_PEAK, encoding="ascii")
        self._base = _status("VmRSS")

    def end(self) -> Peak:
        """What the kernel has noted."""
        high = _status("VmHWM")
        return Peak(max(0, high - self._base), max(self._before, high))


class SamplingMeter:
    """A thread looks all the time; where the process has never been as large before, the system knows its peak."""

    def begin(self) -> None:
        """Start to look."""
        self._process = psutil.Process()
        self._over = Event()
        self._before = _ever()
        self._base = self._highest = self._look()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> Peak:
        """The highest of what was seen and of what the system knows."""
        self._over.set()
        self._thread.join()
        self._highest = max(self._highest, self._look())
        ever = _ever()
        known = ever > self._before
        high = max(self._highest, ever) if known else self._highest
        note = "" if known else f"looked at every {1000 * _LOOK_SECONDS:g} ms: a shorter peak is not seen"
        return Peak(max(0, high - self._base), max(ever, high), note)

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._highest = max(self._highest, self._look())

    def _look(self) -> int:
        return int(self._process.memory_info().rss)


def _can_be_reset() -> bool:
    """Whether the kernel does it: some containers have the file and ignore what is written there."""
    try:
        _CLEAR.write_text(_PEAK, encoding="ascii")
        return _status("VmHWM") <= _status("VmRSS") + _TOLERANCE
    except (OSError, LookupError):
        return False


def _status(name: str) -> int:
    """A size in this process's own status, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    if found is None:
        raise LookupError(name)
    return int(found[1]) * 1024


def _ever() -> int:
    """The peak of this process since it began, as the system knows it."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    # On Linux the other one also holds the peak of the process that started this one.
    with suppress(OSError, LookupError):
        return _status("VmHWM")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
