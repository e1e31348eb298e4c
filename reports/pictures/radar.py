"""A few cells in all dimensions at once: the further out, the better."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.decide.candidates import Candidate
from tradeoff.decide.fronts import scaled
from tradeoff.decide.objectives import ACCURACY

from .points import COSTS, Point, Scene, telling, title_of
from .specs import Picture, Spec, tooltip

KIND: Final = "radar"
_CELLS: Final = 4
#: Fewer axes make no area.
_AXES: Final = 3
#: Where the worst of the group lies: at the centre itself all cells would fall together.
_INNER: Final = 0.15
_OUTER: Final = 1.14
_ROOM: Final = 1.45
_CAPTION: Final = (
    "The cells that are the best in something, {best}; further out is better, the worst cell of the group lies on the "
    "inner ring. Axes of costs are logarithmic."
)


def radar(scene: Scene) -> Iterator[Picture | str]:
    """One for the group, where its best cells have three dimensions in common."""
    chosen = telling(scene, _CELLS)
    names = [name for name in (ACCURACY, *COSTS) if chosen and all(name in one.numbers for one, _ in chosen)]
    known = [one for one in scene.candidates if set(names) <= one.numbers.keys()]
    if len(chosen) < 2 or len(names) < _AXES or len(known) < _AXES:
        yield f"{KIND}: no group has two best cells with {_AXES} numbers in common"
        return
    values = tuple(_values(scene, [one for one, _ in chosen], known, names))
    best = ", ".join(sorted({name for _, told in chosen for name in told}))
    title = "The best cells in all dimensions"
    yield Picture(KIND, scene.number, scene.title, title, _CAPTION.format(best=best), _spec(values), values)


def _values(
    scene: Scene, chosen: Sequence[Candidate], known: Sequence[Candidate], names: Sequence[str]
) -> Iterator[Point]:
    places = scaled([[one.numbers[name].cost for name in names] for one in known])
    points = {one.spelling: point for one, point in zip(scene.candidates, scene.points, strict=True)}
    for axis, name in enumerate(names):
        yield {"part": "spoke", **_at(axis, len(names), 1.0), "x2": 0, "y2": 0}
        yield {"part": "axis", **_outside(axis, len(names)), "told": title_of(name, scene)}
    for ring in (_INNER, (1 + _INNER) / 2, 1.0):
        for axis in range(len(names) + 1):
            yield {"part": "ring", **_at(axis % len(names), len(names), ring), "ring": ring, "turn": axis}
    for one in chosen:
        point, place = points[one.spelling], places[known.index(one)]
        for axis in range(len(names) + 1):
            name = names[axis % len(names)]
            out = _INNER + (1 - _INNER) * (1 - float(place[axis % len(names)]))
            where = _at(axis % len(names), len(names), out)
            told = {"told": title_of(name, scene), "number": point[f"{name}_text"], "turn": axis}
            yield {"part": "cell", "cell": point["cell"], "label": _name(point, scene), **where, **told}


def _name(point: Point, scene: Scene) -> str:
    return f"{point['model']} {point['label']}" if len(scene.models) > 1 else str(point["label"])


def _at(axis: int, axes: int, out: float) -> Point:
    turn = 2 * math.pi * axis / axes
    return {"x": round(out * math.sin(turn), 4), "y": round(out * math.cos(turn), 4)}


def _outside(axis: int, axes: int) -> Point:
    """Where the name of an axis stands: a word is wider than it is high."""
    where = _at(axis, axes, _OUTER)
    return {"x": where["x"] * 1.12, "y": where["y"]}


def _spec(values: Sequence[Point]) -> Spec:
    def side(name: str) -> Spec:
        return {"field": name, "type": "quantitative", "axis": None, "scale": {"domain": [-_ROOM, _ROOM]}}

    def part(name: str) -> list[Spec]:
        return [{"filter": {"field": "part", "equal": name}}]

    labels = list(dict.fromkeys(point["label"] for point in values if point["part"] == "cell"))
    colour = {"field": "label", "type": "nominal", "title": "cell", "scale": {"domain": labels}}
    turn = {"field": "turn", "type": "quantitative"}
    return {
        "width": 300,
        "height": 300,
        "encoding": {"x": side("x"), "y": side("y")},
        "layer": [
            {
                "transform": part("spoke"),
                "mark": {"type": "rule", "style": "spoke", "aria": False},
                "encoding": {"x2": {"field": "x2"}, "y2": {"field": "y2"}},
            },
            {
                "transform": part("ring"),
                "mark": {"type": "line", "style": "spoke", "aria": False},
                "encoding": {"detail": {"field": "ring", "type": "nominal"}, "order": turn},
            },
            {
                "transform": part("cell"),
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"color": colour, "order": turn},
            },
            {
                "transform": part("cell"),
                "mark": {"type": "point", "size": 60},
                "encoding": {
                    "color": colour,
                    "tooltip": tooltip(("cell", "cell"), ("told", "dimension"), ("number", "value")),
                },
            },
            {
                "transform": part("axis"),
                "mark": {"type": "text", "style": "name", "aria": False},
                "encoding": {"text": {"field": "told", "type": "nominal"}},
            },
        ],
    }
