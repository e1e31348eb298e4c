"""Where the energy of a request goes, as far as meters tell parts of the machine apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tradeoff.record import Record

from ..tables.format import is_number, number
from .points import Point, Scene, short
from .specs import Picture, Spec, axis_of, names_by, tooltip

KIND: Final = "energy split"
_CELLS: Final = 24
_CAPTION: Final = "Joules of one request by meter, the cells that need least first. Meters may see parts of each other."


def energy_split(scene: Scene) -> Iterator[Picture | str]:
    """One for each group in which a meter measured anything."""
    found: list[list[Point]] = []
    for point, candidate in zip(scene.points, scene.candidates, strict=True):
        parts = dict(_parts(candidate.record))
        if parts:
            label = f"{point['model']} {point['label']}"
            found.append(
                [
                    {
                        "cell": point["cell"],
                        "label": label,
                        "meter": short(meter),
                        "energy": joules,
                        "told": number(joules, "joules"),
                        "total": sum(parts.values()),
                    }
                    for meter, joules in parts.items()
                ]
            )
    if not found:
        yield f"{KIND}: no meter measured these cells"
        return
    found.sort(key=lambda parts: parts[0]["total"])
    values = tuple(part for parts in found[:_CELLS] for part in parts)
    yield Picture(KIND, scene.number, scene.title, "Energy by meter", _CAPTION, _spec(), values)


def _parts(record: Record) -> Iterator[tuple[str, float]]:
    told = record.facts.get("energy")
    meters = told.get("meters") if isinstance(told, Mapping) else None
    for name, meter in meters.items() if isinstance(meters, Mapping) else ():
        joules = meter.get("joules") if isinstance(meter, Mapping) else None
        if is_number(joules) and joules > 0:
            yield str(name), float(joules)


def _spec() -> Spec:
    return {
        "height": {"step": 22},
        "mark": {"type": "bar", "height": {"band": 0.66}},
        "encoding": {
            "y": names_by("label", "energy", op="sum"),
            "x": {
                "field": "energy",
                "type": "quantitative",
                "stack": "zero",
                "axis": axis_of("energy", "energy of a request", (), tickCount=5),
            },
            "color": {"field": "meter", "type": "nominal"},
            "tooltip": tooltip(("cell", "cell"), ("meter", "meter"), ("told", "energy")),
        },
    }
