"""Accuracy against what it costs: the front as a line, what is dominated paler, the baseline in a ring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tradeoff.decide.objectives import ACCURACY, OBJECTIVES

from .points import COSTS, TITLES, Point, Scene, title_of
from .specs import Picture, Spec, axis_of, backends_of, of_group, scale_of, tooltip

KIND: Final = "front"
_FEWEST: Final = 3
#: More names than this would lie on each other.
_NAMES: Final = 6
_INTERVALS: Final = 16
#: How much of its colour is left of a point.
_OPACITY: Final = "datum.{0} == 'dominated' ? 0.3 : datum.{0} == 'tied' ? 0.65 : 1"
_CAPTION: Final = (
    "The line joins what no other cell is better than; dominated cells are paler, a ring marks a baseline, thin lines "
    "are 95 % intervals."
)


def front_pictures(scene: Scene) -> Iterator[Picture | str]:
    """One for each cost that at least three cells have."""
    drawn = False
    for cost in COSTS:
        points = [point for point in scene.having(ACCURACY, cost) if f"{cost}_front" in point]
        if len(points) >= _FEWEST:
            drawn = True
            title = f"{title_of(ACCURACY, scene)} against {title_of(cost, scene)}"
            text = _CAPTION + _knee(points, cost)
            yield Picture(KIND, scene.number, scene.title, title.capitalize(), text, _spec(scene, points, cost))
    if not drawn:
        yield f"{KIND}: no group has {_FEWEST} cells with an accuracy and a cost"


def _knee(points: list[Point], cost: str) -> str:
    knee = next((point["label"] for point in points if f"{cost}_knee" in point), None)
    return f" Behind the knee, {knee}, little is gained for much." if knee else ""


def _spec(scene: Scene, points: list[Point], cost: str) -> Spec:
    standing = f"{cost}_front"
    several = len(scene.models) > 1
    x = {
        "field": cost,
        "type": "quantitative",
        "scale": scale_of(points, cost),
        "axis": _cost_axis(scene, points, cost),
    }
    y = {"field": ACCURACY, "type": "quantitative", "scale": _spread(points), "axis": _accuracy_axis(scene)}
    on_front = [point for point in points if str(point[standing]).startswith("front")]
    line = {
        "transform": [{"filter": {"field": standing, "oneOf": ["front", "front?"]}}],
        "mark": {"type": "line", "style": "front", "interpolate": _steps(cost)},
        "encoding": {"order": {"field": cost, "type": "quantitative"}},
    }
    return {
        "height": 280,
        "transform": of_group(scene.number, ACCURACY, cost),
        "encoding": {"x": x, "y": y},
        "layer": [
            *(
                _interval(side, name, standing, len(points))
                for side, name in (("y", ACCURACY), ("x", cost))
                if any(f"{name}_low" in point for point in points)
            ),
            line,
            _points(points, standing, several),
            _rings(),
            _names(standing, several, len(on_front)),
        ],
    }


def _steps(cost: str) -> str:
    """From point to point so that everything behind the line is dominated."""
    return "step-before" if OBJECTIVES[cost].direction == "higher" else "step-after"


def _cost_axis(scene: Scene, points: list[Point], cost: str) -> Spec:
    return axis_of(cost, title_of(cost, scene), points, tickCount=6, grid=False)


def _accuracy_axis(scene: Scene) -> Spec:
    percent = {"labelExpr": "format(100 * datum.value, '~r') + ' %'"} if scene.metric == ACCURACY else {}
    return {"title": title_of(ACCURACY, scene), "tickCount": 5, **percent}


def _spread(points: list[Point]) -> Spec:
    """Wide enough that equal accuracies do not look different."""
    values = [point[ACCURACY] for point in points]
    flat = max(values) - min(values) < 1e-9
    return {"zero": False, "nice": True, "padding": 60 if flat else 16}


def _interval(side: str, name: str, standing: str, count: int) -> Spec:
    """Of many points only the intervals of the front: the others would hide it."""
    tests: list[Spec] = [{"field": f"{name}_low", "valid": True}]
    if count > _INTERVALS:
        tests.append({"field": standing, "oneOf": ["front", "front?"]})
    return {
        "transform": [{"filter": {"and": tests}}],
        "mark": {"type": "rule", "style": "interval", "aria": False},
        "encoding": {
            side: {"field": f"{name}_low", "type": "quantitative"},
            f"{side}2": {"field": f"{name}_high"},
            "opacity": {"condition": {"test": f"datum.{standing} == 'dominated'", "value": 0.25}, "value": 0.7},
        },
    }


def _points(points: list[Point], standing: str, several: bool) -> Spec:
    # All models by name: without a single one, as when a page is filtered, a legend of shapes would have no end.
    models = sorted({point["model"] for point in points})
    scale = {"domain": models, "range": [_SHAPES[place % len(_SHAPES)] for place in range(len(models))]}
    shapes = {"shape": {"field": "model", "type": "nominal", "scale": scale}} if several else {}
    return {
        "params": [{"name": "picked", "select": {"type": "point", "fields": ["backend"]}, "bind": "legend"}],
        "transform": [{"calculate": _OPACITY.format(standing), "as": "weight"}],
        "mark": {"type": "point", "filled": True},
        "encoding": {
            "color": backends_of(points),
            **shapes,
            "opacity": {
                "condition": {"param": "picked", "field": "weight", "type": "quantitative", "scale": None},
                "value": 0.06,
            },
            "tooltip": told(standing, several),
        },
    }


_SHAPES: Final = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]


def told(standing: str = "", several: bool = True) -> list[Spec]:
    """What is told of a cell: its name, all its numbers, its verdicts."""
    names = [name for name in OBJECTIVES if name not in ("p99", "flash")]
    called = {**TITLES, ACCURACY: "quality"}
    pairs = [("cell", "cell"), *((f"{name}_text", called.get(name, name)) for name in names)]
    found = tooltip(*pairs, *([(standing, "standing")] if standing else []), ("verdicts", "verdicts"))
    return [{**one, "type": "nominal"} for one in found]


def _rings() -> Spec:
    return {
        "transform": [{"filter": {"field": "baseline", "equal": True}}],
        "mark": {"type": "point", "style": "ring", "size": 190, "shape": "circle", "filled": False, "aria": False},
    }


def _names(standing: str, several: bool, count: int) -> Spec:
    """The names of what is on the front, where there is room for them."""
    words = ["front", "front?"] if count <= _NAMES else ["front"]
    return {
        "transform": [
            {"filter": {"field": standing, "oneOf": words}},
            {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": ACCURACY, "order": "descending"}]},
            {"filter": {"field": "place", "lte": _NAMES}},
            *([{"calculate": "datum.model + ' ' + datum.label", "as": "label"}] if several else []),
        ],
        "mark": {"type": "text", "style": "name", "align": "left", "dx": 9, "dy": -11, "limit": 200, "aria": False},
        "encoding": {"text": {"field": "label", "type": "nominal"}},
    }
