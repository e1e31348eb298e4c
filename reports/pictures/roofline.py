"""The roofline with the operators in it: what arithmetic and traffic allow, and what each operator makes of it.

The roof is that of the operators themselves, since a record knows nothing of the hardware's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.decide.candidates import Candidate
from tradeoff.vocabulary import Operator

from ..tables.format import number
from .layers import profile_in
from .points import Point, Scene, short, telling
from .specs import Picture, Spec, tooltip

KIND: Final = "roofline"
_CELLS: Final = 4
_FEWEST: Final = 4
_CAPTION: Final = (
    "Arithmetic of each operator against what it has for each byte that it moves: weights, its result and that of the "
    "operator before. The roof is the best that any of them reached in either; the hardware's may be higher."
)


def roofline(scene: Scene) -> Iterator[Picture | str]:
    """One for the operators of the best cells, where a profile has their arithmetic, bytes and times."""
    values = tuple(point for candidate, _ in telling(scene, _CELLS) for point in _operators(candidate))
    if len(values) < _FEWEST:
        yield f"{KIND}: no best cells have {_FEWEST} operators with times, bytes and arithmetic"
        return
    roof = tuple(_roof(values))
    yield Picture(KIND, scene.number, scene.title, "Roofline of the best cells", _CAPTION, _spec(), (*values, *roof))


def _operators(candidate: Candidate) -> Iterator[Point]:
    record = candidate.record
    found = profile_in(candidate.run, record)
    before = 0
    for place, one in enumerate(found.profile.operators if found else (), 1):
        moved = _moved(one, before)
        before = one.output_bytes or 0
        if one.flops and one.seconds and moved:
            yield {
                "part": "operator",
                "cell": short(record.cell.spelling, 200),
                "label": short(f"{record.cell.model} {record.cell.chain}/{record.cell.backend}"),
                "operator": f"{place} {short(one.kind, 40)}",
                "intensity": one.flops / moved,
                "rate": one.flops / one.seconds,
                "moved": moved / one.seconds,
                "told": f"{number(one.flops / one.seconds, 'count')}FLOP/s",
                "time": number(one.seconds, "seconds"),
            }


def _moved(one: Operator, before: int) -> int:
    return (one.weights_bytes or 0) + (one.output_bytes or 0) + before


def _roof(values: Sequence[Point]) -> Iterator[Point]:
    peak, moved = max(point["rate"] for point in values), max(point["moved"] for point in values)
    first = min(point["intensity"] for point in values) / 1.5
    last = max(point["intensity"] for point in values) * 1.5
    ridge = peak / moved
    for place in sorted({first, min(max(ridge, first), last), last}):
        yield {"part": "roof", "intensity": place, "rate": min(peak, moved * place)}


def _spec() -> Spec:
    log = {"type": "log", "nice": False, "padding": 12}
    tens = "indexof([1, 2, 5], round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))) >= 0"

    def side(name: str, title: str, form: str) -> Spec:
        shown = f"{tens} ? format(datum.value, '{form}') : ''"
        axis = {"title": title, "labelExpr": shown, "labelOverlap": "greedy", "grid": False}
        return {"field": name, "type": "quantitative", "scale": log, "axis": axis}

    return {
        "height": 300,
        "encoding": {
            "x": side("intensity", "FLOP for each byte", "~g"),
            "y": side("rate", "FLOP/s", "~s"),
        },
        "layer": [
            {
                "transform": [{"filter": {"field": "part", "equal": "roof"}}],
                "mark": {"type": "line", "style": "front", "aria": False},
            },
            {
                "transform": [{"filter": {"field": "part", "equal": "operator"}}],
                "mark": {"type": "point", "size": 70, "opacity": 0.85},
                "encoding": {
                    "color": {"field": "label", "type": "nominal", "title": "cell"},
                    "tooltip": tooltip(("cell", "cell"), ("operator", "operator"), ("told", "rate"), ("time", "time")),
                },
            },
        ],
    }
