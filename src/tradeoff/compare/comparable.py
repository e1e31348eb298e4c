"""Whether two runs can be compared at all: the machine's fingerprint, with tolerances, and what else differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tradeoff.record import Run

#: Where one of these differs, times, memory and energy are those of another machine.
DECISIVE: Final = ("processor", "architecture", "cores")
#: The kernel keeps some of the memory for itself, and not always the same.
MEMORY_TOLERANCE: Final = 0.1
_TOLD: Final = ("system", "node", "python")
_MEMORY: Final = "memory_bytes"
#: Whole numbers of JSON can be larger than any float.
_NO_MACHINE: Final = 1e30


@dataclass(frozen=True)
class Difference:
    """Something in which the two runs differ.

    :param what: ``processor``, ``tensorflow``, ``seed``.
    :param decisive: measured times, memory and energy cannot be compared because of it.
    """

    what: str
    old: str
    new: str
    decisive: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.old or 'unknown'} -> {self.new or 'unknown'}"


def differences(old: Run, new: Run) -> tuple[Difference, ...]:
    """What differs between the two, the decisive first."""
    return (
        *_decisive(old.machine, new.machine),
        *_differing(
            "", {name: old.machine.get(name) for name in _TOLD}, {name: new.machine.get(name) for name in _TOLD}
        ),
        *_differing("", old.versions, new.versions),
        *_differing("", {"seed": old.options.get("seed")}, {"seed": new.options.get("seed")}),
        *_differing("timing ", _timing(old), _timing(new)),
    )


def machine_key(run: Run) -> tuple[str, ...]:
    """What two runs of one history must share; memory is left out, since it only counts within a tolerance."""
    return tuple(_said(run.machine.get(name)) for name in DECISIVE)


def _decisive(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in DECISIVE:
        ours, theirs = _said(old.get(name)), _said(new.get(name))
        # Of two machines that say nothing nobody knows that they are the same.
        if ours != theirs or not ours:
            yield Difference(name, ours, theirs, decisive=True)
    before, after = _bytes(old), _bytes(new)
    if before and after and abs(before - after) > MEMORY_TOLERANCE * max(before, after):
        yield Difference("memory", f"{before / 1e9:.1f} GB", f"{after / 1e9:.1f} GB", decisive=True)


def _differing(prefix: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        ours, theirs = _said(old.get(name)), _said(new.get(name))
        if ours != theirs:
            yield Difference(f"{prefix}{name}", ours, theirs)


def _timing(run: Run) -> Mapping[str, Any]:
    found = run.options.get("timing")
    return found if isinstance(found, dict) else {}


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _bytes(machine: Mapping[str, Any]) -> float:
    """Its memory; 0 where that is not known, or is no number that a machine could have."""
    value = machine.get(_MEMORY)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < _NO_MACHINE else 0.0
