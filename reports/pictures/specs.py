"""Vega-Lite specifications: what all pictures have in common.

Names of strangers are data, or values that data are compared with; none of them is ever part of an expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .points import Point

Spec = dict[str, Any]
#: Under this name a page holds the points of all groups, once for all pictures.
CELLS: Final = "cells"
#: A scale over fewer powers of ten than this shows more without logarithms.
_LOG: Final = 8.0
#: Over more than this there is no room for labels between powers of ten.
_DECADES: Final = 300.0
_UNITS: Final = {"latency": "s", "p99": "s", "size": "B", "ram": "B", "flash": "B", "energy": "J", "throughput": "/s"}
#: Stands for the scale that gives each backend its colour until all backends are known.
BACKENDS: Final = "backends"
#: In a file, where there is no page to fill.
_WIDTH: Final = 460
#: A point stands in a number, or in the name of a file; several would be a folder.
_NAME: Final = re.compile(r"(?:[^A-Za-z0-9.]|(?<![A-Za-z0-9])\.|\.(?![A-Za-z0-9]))+")
_LONGEST: Final = 100


@dataclass(frozen=True)
class Picture:
    """One picture.

    :param kind: what it is one of: ``front``; reasons for missing ones begin with it.
    :param group: the number of the scene; ``None`` for what is drawn over several.
    :param title: what it shows, for a person.
    :param caption: how to read it.
    :param spec: without data, unless ``values`` is empty and it needs none.
    :param values: its own data; where there are none it draws the points of all groups.
    :param wide: it takes the whole width of a page.
    """

    kind: str
    group: int | None
    scene: str
    title: str
    caption: str
    spec: Spec
    values: tuple[Point, ...] = ()
    wide: bool = False

    @property
    def file(self) -> str:
        """The stem of its file, which is no path whatever a model is called."""
        return _NAME.sub("-", f"{self.scene} {self.title}").strip("-.").lower()[:_LONGEST] or "picture"


def spec_with(picture: Picture, points: Sequence[Point]) -> Spec:
    """The specification of a picture that stands alone: with data, a title, and a width."""
    values = picture.values or [p for p in points if picture.group is None or p["g"] == picture.group]
    spec = {**picture.spec, "data": {"name": CELLS, "values": list(values)}}
    inner = spec["spec"] = dict(spec["spec"]) if "spec" in spec else {}
    if inner:
        inner.setdefault("width", _WIDTH)
    else:
        del spec["spec"]
        spec.setdefault("width", _WIDTH)
    spec["title"] = {"text": picture.title, "subtitle": picture.scene}
    return spec


def of_group(number: int, *names: str, **equal: Any) -> list[Spec]:
    """Keep the points of a group that have these numbers, and these values."""
    tests: list[Spec] = [{"field": "g", "equal": number}]
    tests += [{"field": name, "valid": True} for name in names]
    tests += [{"field": name, "equal": value} for name, value in equal.items()]
    return [{"filter": {"and": tests}}]


def scale_of(points: Sequence[Mapping[str, Any]], *names: str) -> Spec:
    """Logarithms where numbers are far apart; never from zero, since points are no bars."""
    low, high = _ends(points, names)
    if low > 0 and high > _LOG * low:
        return {"type": "log", "nice": False, "padding": 18}
    return {"zero": False, "nice": True, "padding": 18}


def _ends(points: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[float, float]:
    values = [point[name] for point in points for name in names if name in point]
    return (min(values), max(values)) if values else (0.0, 0.0)


def axis_of(name: str, title: str, points: Sequence[Mapping[str, Any]], **more: Any) -> Spec:
    """An axis with the unit of an objective on its labels; of logarithms, at 1, 2 and 5, or at powers of ten alone."""
    axis: Spec = {"title": title, "labelOverlap": "greedy", "labelFlush": False, **more}
    shown = "''"
    if name in _UNITS:
        shown = f"replace(format(datum.value, '~s'), regexp('([a-zA-Zµ]?)$'), ' $1{_UNITS[name]}')"
    low, high = _ends(points, (name,))
    if low > 0 and high > _LOG * low:
        digits = "[1]" if high > _DECADES * low else "[1, 2, 5]"
        first = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
        shown = f"indexof({digits}, {first}) >= 0 ? {shown} : ''"
    return {**axis, "labelExpr": shown}


def names_by(field: str, number: str, *, op: str = "min", order: str = "ascending", grid: bool = False) -> Spec:
    """Names below each other, sorted by a number of their points."""
    return {
        "field": field,
        "type": "nominal",
        "sort": {"field": number, "op": op, "order": order},
        "axis": {"title": None, "grid": grid},
    }


def backends_of(points: Sequence[Mapping[str, Any]]) -> Spec:
    """Colours by backend, each the same in all pictures; the legend has those that are shown here."""
    shown = sorted({point["backend"] for point in points})
    return {"field": "backend", "type": "nominal", "scale": BACKENDS, "legend": {"values": shown}}


def tooltip(*pairs: tuple[str, str]) -> list[Spec]:
    """What is told of the point under the pointer: field and what it is called."""
    return [{"field": name, "title": title} for name, title in pairs]
