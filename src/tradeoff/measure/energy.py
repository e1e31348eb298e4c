"""Joules of a request out of what meters told; or why there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tradeoff.errors import UnknownName
from tradeoff.measure.estimating import estimate
from tradeoff.measure.metering import Block, Told, uncertainty
from tradeoff.record import Measurement
from tradeoff.registry import Registry
from tradeoff.vocabulary import Meter, Provenance

ALL: Final = "all"
NONE: Final = "none"
#: A meter that covers this sees everything that any other sees.
WHOLE: Final = "device"
#: A number, and what it lies between.
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Metered:
    """What was found out of a cell's energy.

    :param told: by each meter that was read.
    :param refused: why each of the others was not.
    """

    told: Mapping[str, Told] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def why_not(self) -> dict[str, str]:
        """Each meter without a number, and why."""
        return {**self.refused, **{name: told.why for name, told in self.told.items() if told.why}}


@dataclass(frozen=True)
class Joules:
    """Of one request, by one meter or by several.

    :param value: joules, with what they lie between.
    :param idle: joules that the same time takes while nothing runs, with what they lie between; none where a meter
        could not tell.
    """

    value: Triple
    idle: Triple | None

    def __add__(self, other: Joules) -> Joules:
        idle = _sum(self.idle, other.idle) if self.idle and other.idle else None
        return Joules(_sum(self.value, other.value), idle)


def _sum(one: Triple, other: Triple) -> Triple:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def chosen_meters(words: Sequence[str] | None, registry: Registry) -> tuple[str, ...]:
    """The meters that were asked for, or all of them."""
    if words is None or tuple(words) == (ALL,):
        return tuple(registry.meters)
    if tuple(words) == (NONE,):
        return ()
    for word in words:
        if word not in registry.meters:
            raise UnknownName("meter", word, [*registry.meters, ALL, NONE])
    return tuple(dict.fromkeys(words))


def why_not(meter: Meter) -> str:
    """Why a meter cannot be read here, or nothing."""
    missing = [need.distribution for need in meter.requires if not need.installed()]
    if missing:
        return f"not installed: {', '.join(missing)}; pip install '{meter.install or ' '.join(missing)}'"
    try:
        return str(meter.available())
    except Exception as error:  # a plugin's own code: its failure costs itself alone
        return f"{type(error).__name__}: {error}"


def taken(told: Mapping[str, Told], meters: Mapping[str, Meter]) -> list[str]:
    """The meters whose joules are added up: those that see most, and never the same part twice."""
    able = [name for name, one in told.items() if not one.why]
    found: list[str] = []
    for name in sorted(able, key=lambda name: _rank(told[name], meters[name]), reverse=True):
        same = not found or meters[name].provenance == meters[found[0]].provenance
        if same and not _overlap(told[name].covers, [part for one in found for part in told[one].covers]):
            found.append(name)
    return found


def _rank(told: Told, meter: Meter) -> tuple[bool, bool, int]:
    """What was measured goes before what was modelled."""
    return meter.provenance == "measured", WHOLE in told.covers, len(told.covers)


def _overlap(parts: Sequence[str], others: Sequence[str]) -> bool:
    return bool(others) and (WHOLE in parts or WHOLE in others or bool({*parts} & {*others}))


def joules_of(told: Told) -> Joules:
    """Joules of a request as one meter tells them."""
    found = estimate([[block.joules / block.requests] for block in told.busy])
    unknown = max(uncertainty(told, block) / block.requests for block in told.busy)
    return Joules((found.median, found.low - unknown, found.high + unknown), _idle(told))


def _idle(told: Told) -> Triple | None:
    """What the time of a request takes while nothing runs."""
    if not told.idle:
        return None
    seconds = estimate([[block.seconds / block.requests] for block in told.busy]).median
    watts = estimate([[block.joules / block.seconds] for block in told.idle])
    doubt = max(uncertainty(told, block) / block.seconds for block in told.idle)
    return watts.median * seconds, max(0.0, watts.low - doubt) * seconds, (watts.high + doubt) * seconds


def energies(metered: Metered, meters: Mapping[str, Meter]) -> tuple[Measurement, Measurement]:
    """Joules of a request, all of them and those above idle."""
    names = taken(metered.told, meters)
    if not names:
        nothing = unavailable(_list(metered.why_not) or "no meter is registered, or --tradeoff-meters=none")
        return nothing, nothing
    by_meter = [joules_of(metered.told[name]) for name in names]
    joules = by_meter[0]
    for other in by_meter[1:]:
        joules = joules + other
    provenance = meters[names[0]].provenance
    note = "; ".join(_heard(name, metered.told[name]) for name in names)
    whole = _measurement(joules.value, provenance, note)
    return whole, _above_idle(joules, provenance, note, {name: metered.told[name].why_idle for name in names})


def _above_idle(joules: Joules, provenance: Provenance, note: str, why: Mapping[str, str]) -> Measurement:
    """What a request adds to what the same time takes while nothing runs, if that is told apart."""
    if joules.idle is None:
        return unavailable(_list({name: text for name, text in why.items() if text}))
    value = joules.value[0] - joules.idle[0], joules.value[1] - joules.idle[2], joules.value[2] - joules.idle[1]
    if value[1] <= 0:
        idle = f"{joules.idle[0]:.3g} J of {joules.value[0]:.3g} J are idle"
        return unavailable(f"the request cannot be told from idle: {idle}; {note}")
    return _measurement(value, provenance, f"less what the same time takes idle; {note}")


def unavailable(why: str) -> Measurement:
    """No energy, and why."""
    return Measurement(None, "J", "lower", "unavailable", note=why)


def _measurement(value: Triple, provenance: Provenance, note: str) -> Measurement:
    return Measurement(value[0], "J", "lower", provenance, value[1], value[2], note)


def _heard(name: str, told: Told) -> str:
    """How a meter was read, in words that are the same for cells that were read in the same way."""
    return f"{name}: {', '.join(told.covers)}"


def _list(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in reasons.items())


def energy_facts(metered: Metered, meters: Mapping[str, Meter]) -> dict[str, Any]:
    """What each meter told, those too whose joules are in no sum."""
    summed = taken(metered.told, meters)
    return {
        "meters": {name: _facts(told, name in summed) for name, told in metered.told.items() if not told.why},
        "unavailable": metered.why_not,
    }


def _facts(told: Told, summed: bool) -> dict[str, Any]:
    return {
        "covers": list(told.covers),
        "counted": summed,
        "joules": joules_of(told).value[0],
        "idle_watts": _watts(told.idle) if told.idle else None,
        "watts": _watts(told.busy),
        "requests": sum(block.requests for block in told.busy),
        "blocks": len(told.busy),
        "step_joules": told.step_joules,
        "step_seconds": told.step_seconds,
    }


def _watts(blocks: Sequence[Block]) -> float:
    return sum(block.joules for block in blocks) / sum(block.seconds for block in blocks)
