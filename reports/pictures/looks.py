"""What pictures look like, on light and on dark ground: colours that the colour-blind can tell apart, little ink."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

Theme = Literal["light", "dark"]
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class _Palette(NamedTuple):
    """Named as in the style sheet of the page."""

    ink: str
    soft: str
    line: str
    ground: str
    accent: str
    grey: str
    categories: tuple[str, ...]
    heat: tuple[str, ...]


# After Okabe and Ito, lighter on dark ground.
_PALETTES: Final[dict[Theme, _Palette]] = {
    "light": _Palette(
        *("#1b1f24", "#5b6470", "#e3e6ea", "#ffffff", "#0b63a8", "#9aa3ad"),
        ("#0b6fb3", "#d55e00", "#00916b", "#b8568f", "#c98a00", "#4aa3d9", "#6b5fb5", "#7a5c3e"),
        # One hue, so that lightness alone tells; letters of the ink can be read on all of it.
        ("#fbfaf8", "#fbe3cd", "#f5bd8b", "#ea9350"),
    ),
    "dark": _Palette(
        *("#e8eaed", "#a3abb5", "#31373f", "#171b21", "#6cb6f0", "#77808b"),
        ("#5ab4ee", "#f0863c", "#2fc79a", "#e08fbd", "#e8bb3f", "#9ad1f5", "#a99cf0", "#c9a27e"),
        ("#1d222a", "#3f2d20", "#673f1e", "#8f5117"),
    ),
}


def config(theme: Theme, font: str = FONT) -> dict[str, Any]:
    """What Vega-Lite is told of colours, lines and letters."""
    look = _PALETTES[theme]
    return {
        "font": font,
        "background": None,
        "view": {"stroke": None},
        "axis": {
            "labelColor": look.soft,
            "titleColor": look.soft,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": look.line,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "labelLimit": 190,
        },
        "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -14, "titleX": 0},
        "legend": {
            "orient": "bottom",
            "direction": "horizontal",
            "titleColor": look.soft,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "titlePadding": 4,
            "labelColor": look.ink,
            "labelFontSize": 11,
            "labelLimit": 180,
            "symbolStrokeWidth": 1.5,
            "symbolOpacity": 1,
            "symbolBaseFillColor": look.soft,
            "symbolBaseStrokeColor": look.soft,
            "columns": 4,
            "offset": 12,
        },
        "header": {
            "title": None,
            "labelColor": look.ink,
            "labelFontSize": 12,
            "labelFontWeight": 600,
            "labelAnchor": "start",
            "labelOrient": "top",
            "labelPadding": 4,
        },
        "range": {"category": list(look.categories), "heatmap": list(look.heat)},
        "point": {"filled": True, "size": 80, "opacity": 1},
        "title": {"color": look.ink, "fontSize": 14, "fontWeight": 600, "anchor": "start", "offset": 20},
        "style": {
            "front": {"color": look.accent, "strokeWidth": 1.5, "strokeOpacity": 0.7},
            "interval": {"color": look.grey, "strokeWidth": 1},
            "ring": {"color": look.soft, "strokeWidth": 1.2},
            "name": {"color": look.ink, "fontSize": 11},
            "number": {"color": look.soft, "fontSize": 11},
            "field": {"stroke": look.line, "strokeWidth": 1},
            "spoke": {"color": look.line, "strokeWidth": 1},
            "over": {"color": look.ink, "strokeWidth": 1.2, "strokeOpacity": 0.8},
        },
    }
