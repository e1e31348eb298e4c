"""One model on one device after another: how long each technique takes there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from .fronts import told
from .points import Point, Scene, lean, short
from .specs import Picture, Spec, axis_of, names_by, scale_of

KIND: Final = "latency over devices"
_MODELS: Final = 6
#: Rows of the picture, the fastest first.
_PLACES: Final = 24
_CAPTION: Final = "Each line is a device and what runs on it, the fastest first; hollow points are not measured."


def over_devices(scenes: Iterable[Scene]) -> Iterator[Picture | str]:
    """For each model that several devices ran."""
    found: dict[tuple[str, str], list[Point]] = {}
    for scene in scenes:
        for point, candidate in zip(scene.points, scene.candidates, strict=True):
            if "latency" in point:
                key = (point["model"], short(scene.conditions.load))
                origin = candidate.numbers["latency"].provenance
                found.setdefault(key, []).append(_placed(point, scene, origin))
    several = {key: points for key, points in found.items() if len({point["device"] for point in points}) > 1}
    if not several:
        yield f"{KIND}: no model ran on more than one device"
    for (model, load), points in list(several.items())[:_MODELS]:
        yield Picture(
            KIND, None, load, f"Latency of {model} over devices", _CAPTION, _spec(points), tuple(_shown(points)), True
        )


def _placed(point: Point, scene: Scene, origin: str) -> dict[str, Any]:
    device = short(scene.conditions.device)
    return {**point, "place": f"{device} · {point['backend']}", "origin": origin, "taken": origin == "measured"}


def _shown(points: list[Point]) -> list[Point]:
    fastest: dict[str, float] = {}
    for point in points:
        fastest[point["place"]] = min(point["latency"], fastest.get(point["place"], float("inf")))
    kept = set(sorted(fastest, key=lambda place: fastest[place])[:_PLACES])
    return [lean(point, "place", "origin", "taken") for point in points if point["place"] in kept]


def _spec(points: list[Point]) -> Spec:
    scale = scale_of(points, "latency")
    return {
        "height": {"step": 26},
        "encoding": {
            "y": names_by("place", "latency", grid=True),
        },
        "layer": [
            {
                "transform": [{"filter": {"field": "latency_low", "valid": True}}],
                "mark": {"type": "rule", "style": "interval", "aria": False},
                "encoding": {
                    "x": {"field": "latency_low", "type": "quantitative", "scale": scale},
                    "x2": {"field": "latency_high"},
                },
            },
            {
                "mark": {"type": "point", "size": 90, "strokeWidth": 1.8, "filled": False},
                "encoding": {
                    "x": {
                        "field": "latency",
                        "type": "quantitative",
                        "scale": scale,
                        "axis": axis_of("latency", "latency", points, tickCount=6, grid=False),
                    },
                    "stroke": {"field": "technique", "type": "nominal", "title": "technique"},
                    "fill": {"field": "technique", "type": "nominal", "title": "technique"},
                    "fillOpacity": {"condition": {"test": "datum.taken", "value": 1}, "value": 0},
                    "tooltip": told(),
                },
            },
        ],
    }
