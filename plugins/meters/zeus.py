"""Every sensor that the ``zeus`` library finds: NVIDIA and AMD GPUs, RAPL, Apple silicon, Jetson."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import tradeoff

#: The counter of a GPU is renewed every 20 to 100 ms, that of a Jetson is sampled every 100 ms.
_SLOW: Final = 0.1
#: They tell whole millijoules.
_STEP_JOULES: Final = 0.001
#: Of a chip that is one system: its total, if it has one, else the parts that do not hold each other.
_TOTAL: Final = ("total_energy_mj",)
_PARTS: Final = ("cpu_total_mj", "cpu_energy_mj", "gpu_mj", "gpu_energy_mj", "gpu_sram_mj", "dram_mj", "ane_mj")
_WINDOW: Final = "tradeoff"


class Sensors(tradeoff.Reading):
    """One window after the other, added up.

    :param monitor: a ``zeus.monitor.ZeusMonitor``.
    """

    def __init__(self, monitor: Any) -> None:
        self._monitor = monitor
        self._total = 0.0
        self._begin()
        self.covers = tuple(dict.fromkeys(part for part, _ in self._window()))
        if not self.covers:
            raise OSError("zeus finds no sensor here")
        self._begin()
        self.step_joules = _STEP_JOULES * len(self.covers)
        self.step_seconds = 0.001 if set(self.covers) <= {"package", "dram"} else _SLOW

    def read(self) -> float:
        """Ends a window and begins the next; what is used between two blocks is in neither."""
        self._total += sum(joules for _, joules in self._window())
        self._begin()
        return self._total

    def close(self) -> None:
        """End the last window."""
        self._end()

    def _begin(self) -> None:
        # A request has ended when its call returns, so there is nothing to wait for, and no framework to import.
        self._monitor.begin_window(_WINDOW, sync_execution=False)

    def _end(self) -> Any:
        with warnings.catch_warnings():
            # It warns of a window too short for the sensor; those are left out here, by their uncertainty.
            warnings.simplefilter("ignore")
            return self._monitor.end_window(_WINDOW, sync_execution=False)

    def _window(self) -> list[tuple[str, float]]:
        return list(parts_of(self._end()))


def parts_of(measurement: Any) -> Iterator[tuple[str, float]]:
    """Part and joules of each sensor in a ``zeus.monitor.energy.Measurement``."""
    for part in ("gpu", "cpu", "dram"):
        found: Mapping[int, float] = getattr(measurement, f"{part}_energy", None) or {}
        for joules in found.values():
            yield ("package" if part == "cpu" else part), float(joules)
    chip = getattr(measurement, "soc_energy", None)
    for names in (_TOTAL, _PARTS):
        found_on_chip = [value for name in names if (value := getattr(chip, name, None)) is not None]
        if found_on_chip:
            yield "soc", sum(found_on_chip) / 1000
            return


class Zeus(tradeoff.Meter):
    """Whatever ``zeus`` can read on this machine."""

    name: ClassVar[str] = "zeus"
    summary: ClassVar[str] = "what the zeus library finds: NVIDIA and AMD GPUs, RAPL, Apple silicon, Jetson"
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("zeus", "zeus"),)
    install: ClassVar[str] = "tradeoff[energy]"

    def open(self) -> tradeoff.Reading:
        """Imports ``zeus``, which looks for its sensors."""
        from zeus.monitor import ZeusMonitor

        return Sensors(ZeusMonitor())


@tradeoff.hookimpl
def tradeoff_meters() -> Sequence[tradeoff.Meter]:
    """``zeus``."""
    return [Zeus()]
