"""What is noted of a cell on a device that is not here: nothing is timed, and nothing of this machine is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from tradeoff.record import Axes, Measurement
from tradeoff.vocabulary import Device, Estimated, Figure

#: What a process on this machine takes, which says nothing of another device.
OF_THIS_MACHINE: Final = {
    "load_seconds": "s",
    "first_seconds": "s",
    "peak_bytes": "B",
    "process_bytes": "B",
    "python_bytes": "B",
    "native_bytes": "B",
    "device_bytes": "B",
}


def joined(told: Estimated, more: Estimated) -> Estimated:
    """What a backend tells and what the model of a device adds: where both tell one number, it is the latter's."""
    figures = {figure.name: figure for figure in told.figures}
    news = (figure for figure in more.figures if figure.value is not None or figure.name not in figures)
    figures |= {figure.name: figure for figure in news}
    return Estimated(
        tuple(figures.values()),
        more.operators or told.operators,
        more.source or told.source,
        (*told.verdicts, *more.verdicts),
        told.fits if more.fits is None else more.fits,
    )


def estimate_to_json(found: Estimated) -> dict[str, Any]:
    """Plain data for the process that plans."""
    return asdict(found)


def figures_of(facts: Mapping[str, Any]) -> dict[str, Figure]:
    """By name, of what :func:`estimate_to_json` gave."""
    return {told["name"]: Figure(**told) for told in facts["figures"]}


def measurements_of(figures: Iterable[Figure], device: Device) -> dict[str, Measurement]:
    """What the record has of them; a latency and an energy are always told of, and be it that there is none."""
    found = {figure.name: _measurement(figure) for figure in figures}
    for name, unit in (("latency", "s"), ("energy", "J"), ("energy_above_idle", "J")):
        note = f"{device.name} has no model that tells it, and nothing of this machine would be true of it"
        found.setdefault(name, Measurement(None, unit, "lower", "unavailable", note=note))
    for name, unit in OF_THIS_MACHINE.items():
        note = f"of a process on this machine, which says nothing of {device.name}"
        found.setdefault(name, Measurement(None, unit, "lower", "unavailable", note=note))
    return found


def _measurement(figure: Figure) -> Measurement:
    if figure.value is None:
        return Measurement(None, figure.unit, figure.direction, "unavailable", note=figure.note)
    parts = (error_of(figure) if figure.error is not None or figure.name == "latency" else "", figure.note)
    note = "; ".join(part for part in parts if part)
    return Measurement(figure.value, figure.unit, figure.direction, figure.provenance, note=note)


def error_of(figure: Figure) -> str:
    """How far such numbers are to be believed."""
    return "unvalidated" if figure.error is None else f"mean error {100 * figure.error:.3g} %"


def group_of(axes: Axes, latency: Figure) -> str:
    """The heading of a cell in pytest-benchmark's tables: it ranks among none that were timed."""
    return f"{axes.model} on {axes.device}, {axes.load}: {latency.provenance}, {error_of(latency)}"


def profile_of(facts: Mapping[str, Any], figures: Mapping[str, Figure]) -> dict[str, Any] | None:
    """Where the time of a request goes on the device, if its model says so."""
    operators = facts["operators"]
    if not any(told["seconds"] is not None for told in operators):
        return None
    note = error_of(figures["latency"]) if "latency" in figures else ""
    return {"operators": operators, "source": facts["source"], "seconds": "modelled", "note": note}


def without_seconds(profile: Mapping[str, Any], device: Device) -> dict[str, Any]:
    """A profile that was taken on this machine, less its times."""
    if profile["seconds"] == "unavailable":
        return dict(profile)
    return {
        **profile,
        "operators": [{**told, "seconds": None} for told in profile["operators"]],
        "seconds": "unavailable",
        "note": f"seconds on this machine say nothing of {device.name}",
    }
