"""How large and how fast, technique by technique: a panel for each backend, a bar for each technique."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .fronts import told
from .points import Point, Scene, title_of
from .specs import BACKENDS, Picture, Spec, names_by, of_group

#: What bars are drawn of; throughput where nobody waits for an answer.
_NAMES: Final = ("size", "latency", "throughput")
_MODELS: Final = 4
_BARS: Final = 36
_STEP: Final = 22
_ENDS: Final = ("low", "high")
_CAPTIONS: Final = {
    "size": "The bytes that would be shipped, on one scale.",
    "latency": "One whole request, each backend on its own scale; thin lines are 95 % intervals.",
    "throughput": "Samples answered in a second, each backend on its own scale; thin lines are 95 % intervals.",
}


def bars(scene: Scene) -> Iterator[Picture | str]:
    """For each model its sizes and its latencies."""
    for model in scene.models[:_MODELS]:
        for name in _NAMES:
            points = [point for point in scene.having(name) if point["model"] == model]
            if len(points) > 1:
                yield _picture(scene, model, name, points)
            elif name != "throughput":
                yield f"{name} bars: no model has two cells with a {name} under the same conditions"
    if len(scene.models) > _MODELS:
        left = len(scene.models) - _MODELS
        yield f"bars of all models: {scene.title}: of {left:,} more models there are none; select fewer"


def _picture(scene: Scene, model: str, name: str, points: Sequence[Point]) -> Picture:
    count = len(points)
    title = f"{title_of(name, scene).capitalize()} of {model}"
    caption = f"{_CAPTIONS[name]} Baselines are paler."
    if count > _BARS:
        caption += f" The best {_BARS} of {count:,} cells."
    return Picture(f"{name} bars", scene.number, scene.title, title, caption, _spec(scene, model, name, points))


def _spec(scene: Scene, model: str, name: str, points: Sequence[Point]) -> Spec:
    best_first = "descending" if name == "throughput" else "ascending"
    own = name != "size"
    return {
        "transform": [
            *of_group(scene.number, name, model=model),
            {"window": [{"op": "row_number", "as": "place"}], "sort": [{"field": name, "order": best_first}]},
            {"filter": {"field": "place", "lte": _BARS}},
            # Here and not in a layer: panels of their own scales want one source for all layers.
            *(
                {"calculate": f"isValid(datum.{name}_{end}) ? datum.{name}_{end} : datum.{name}", "as": end}
                for end in _ENDS
            ),
        ],
        "facet": {"field": "backend", "type": "nominal"},
        "columns": 1,
        "spacing": 14,
        "resolve": {"scale": {"y": "independent", **({"x": "independent"} if own else {})}},
        "spec": {
            "height": {"step": _STEP},
            "encoding": {
                "y": names_by("technique", name, order=best_first),
                "x": {"field": name, "type": "quantitative", "axis": None, "scale": {"zero": True, "nice": False}},
            },
            "layer": [
                {
                    "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.66}},
                    "encoding": {
                        "color": {"field": "backend", "type": "nominal", "scale": BACKENDS, "legend": None},
                        "opacity": {"condition": {"test": "datum.baseline", "value": 0.45}, "value": 1},
                        "tooltip": told(),
                    },
                },
                *([_interval()] if any(f"{name}_low" in point for point in points) else []),
                _numbers(name),
            ],
        },
    }


def _interval() -> Spec:
    return {
        "mark": {"type": "rule", "style": "over", "aria": False},
        "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
    }


def _numbers(name: str) -> Spec:
    """The number itself, behind the bar and its interval."""
    return {
        "mark": {"type": "text", "style": "number", "align": "left", "dx": 6, "aria": False},
        "encoding": {
            "x": {"field": "high", "type": "quantitative"},
            "text": {"field": f"{name}_short", "type": "nominal"},
        },
    }
