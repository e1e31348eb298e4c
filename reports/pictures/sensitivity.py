"""Sensitivity heat map: which layer suffers from what, in colours with a number in each field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.record import Run

from ..tables.sensitivity import Sensitivity, rise_text, sensitivities_of, setting_text
from .points import Point, short
from .specs import Picture, Spec, names_by, tooltip

KIND: Final = "sensitivity heat map"
_MAPS: Final = 6
#: Rows of one picture, those that suffer most.
_LAYERS: Final = 32
#: Small rises stay apart from none beside large ones.
_EXPONENT: Final = 0.5
_CAPTION: Final = (
    "Change of the loss on validation with this layer alone at that setting ({over}); the stronger the colour, "
    "the more it suffers. What is below zero is chance, and has none."
)


def heat_maps(runs: Sequence[Run]) -> Iterator[Picture | str]:
    """One for each map that a technique has told."""
    found = sensitivities_of(runs)
    if not found:
        yield f"{KIND}: no technique measured layer by layer, as sensitive and channels do"
    for one in found[:_MAPS]:
        values = tuple(_values(one))
        left = len(one.rises) - len({point["layer"] for point in values})
        more = f" {left:,} layers that suffer less are left out." if left else ""
        title = f"Sensitivity of {short(one.model)} to {short(one.over)}"
        caption = _CAPTION.format(over=short(one.over)) + more
        yield Picture(KIND, None, f"{short(one.model)} · {short(one.step)}", title, caption, _spec(one, values), values)
    if len(found) > _MAPS:
        yield f"{KIND} of all models: {len(found) - _MAPS:,} more are not drawn; select fewer"


def _values(one: Sensitivity) -> Iterator[Point]:
    def suffers(layer: str) -> float:
        return max((rise for rise in one.rises[layer] if rise is not None), default=0.0)

    kept = set(sorted(one.rises, key=suffers, reverse=True)[:_LAYERS])
    for place, (layer, rises) in enumerate(one.rises.items()):
        for setting, rise in zip(one.settings, rises, strict=True):
            if layer in kept and rise is not None:
                yield {
                    "cell": short(f"{one.model}/{one.step}", 200),
                    "place": place,
                    "layer": short(layer),
                    "setting": setting_text(setting),
                    "rise": rise,
                    "harm": max(0.0, rise),
                    "told": rise_text(rise),
                }


def _spec(one: Sensitivity, values: Sequence[Point]) -> Spec:
    most = max(point["harm"] for point in values)
    colour = {
        "field": "harm",
        "type": "quantitative",
        "legend": None,
        "scale": {"type": "pow", "exponent": _EXPONENT, "domain": [0, most or 1.0]},
    }
    return {
        "height": {"step": 26},
        "encoding": {
            "y": names_by("layer", "place"),
            "x": {
                "field": "setting",
                "type": "nominal",
                "sort": [setting_text(setting) for setting in one.settings],
                "axis": {"title": short(one.over), "orient": "top", "grid": False, "labelAngle": 0},
            },
        },
        "layer": [
            {
                "mark": {"type": "rect", "style": "field"},
                "encoding": {
                    "color": colour,
                    "tooltip": tooltip(("layer", "layer"), ("setting", short(one.over)), ("told", "change of loss")),
                },
            },
            {
                "mark": {"type": "text", "style": "name", "aria": False},
                "encoding": {"text": {"field": "told", "type": "nominal"}},
            },
        ],
    }
