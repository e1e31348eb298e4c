"""Sweeps: cells whose chains differ in one number of one technique, as curves over that number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tradeoff.decide.objectives import ACCURACY

from .fronts import told
from .points import Point, Scene, short, title_of
from .specs import Picture, Spec, axis_of, backends_of

KIND: Final = "curves of a sweep"
_FEWEST: Final = 3
_SWEEPS: Final = 3
#: More lines than this are a tangle.
_LINES: Final = 8
_NAMES: Final = (ACCURACY, "latency", "throughput", "size", "energy")
_CAPTION: Final = "Chains {chain}, where # is the number on the axis; thin lines are 95 % intervals."


class Sweep(NamedTuple):
    """What a chain is but for one of its numbers: ``prune:#+int8``, and what that number is called."""

    chain: str
    name: str


def curves(scene: Scene) -> Iterator[Picture | str]:
    """For the longest sweeps what became of each quantity."""
    found = {sweep: points for sweep, points in _sweeps(scene).items() if _longest(points) >= _FEWEST}
    if not found:
        yield f"{KIND}: no {_FEWEST} cells differ in one number of one technique alone"
    for sweep, points in sorted(found.items(), key=lambda pair: -_longest(pair[1]))[:_SWEEPS]:
        for name in _NAMES:
            values, left = _shown([point for point in points if name in point], name)
            if _longest(values) >= _FEWEST:
                title = f"{title_of(name, scene).capitalize()} over {sweep.name} in {sweep.chain}"
                caption = _CAPTION.format(chain=sweep.chain) + (f" {left:,} more lines are left out." if left else "")
                yield Picture(
                    KIND, scene.number, scene.title, title, caption, _spec(scene, sweep, name, values), values
                )


def numbers_in(chain: str) -> Iterator[tuple[Sweep, float]]:
    """Each number in a chain, with what is left of the chain without it."""
    techniques = [technique.split(":") for technique in chain.split("+")]
    for place, words in enumerate(techniques):
        for position, word in enumerate(words[1:], 1):
            key, equals, value = word.rpartition("=")
            number = _number(value)
            if number is None:
                continue
            left = [*words[:position], f"{key}{equals}#", *words[position + 1 :]]
            whole = "+".join(":".join(left if at == place else other) for at, other in enumerate(techniques))
            yield Sweep(whole, f"{words[0]} {key}".strip()), number


def _number(text: str) -> float | None:
    # Digits and one point alone: what else a float can be read from is a word here.
    bare = text.replace(".", "", 1)
    return float(text) if bare.isascii() and bare.isdigit() and len(bare) < 20 else None


def _sweeps(scene: Scene) -> Mapping[Sweep, list[Point]]:
    found: dict[Sweep, list[Point]] = {}
    for point, candidate in zip(scene.points, scene.candidates, strict=True):
        for sweep, number in numbers_in(candidate.record.cell.chain):
            shown = Sweep(short(sweep.chain), short(sweep.name))
            found.setdefault(shown, []).append({**point, "at": number, "line": f"{point['model']} {point['backend']}"})
    return found


def _shown(points: list[Point], name: str) -> tuple[tuple[Point, ...], int]:
    """The points of the longest lines, with what this picture needs of them; and how many lines are left out."""
    lines: dict[str, list[Point]] = {}
    for point in points:
        lines.setdefault(point["line"], []).append(point)
    longest = sorted(lines, key=lambda line: -len(lines[line]))
    ends = ("", "_low", "_high", "_text")
    names = ("cell", "model", "backend", "verdicts", "at", "line", *(f"{name}{end}" for end in ends))
    kept = [{key: point[key] for key in names if key in point} for line in longest[:_LINES] for point in lines[line]]
    return tuple(kept), max(0, len(longest) - _LINES)


def _longest(points: list[Point] | tuple[Point, ...]) -> int:
    """How many different numbers the longest line has."""
    lines: dict[str, set[float]] = {}
    for point in points:
        lines.setdefault(point["line"], set()).add(point["at"])
    return max(map(len, lines.values()), default=0)


def _spec(scene: Scene, sweep: Sweep, name: str, values: tuple[Point, ...]) -> Spec:
    several = len({point["model"] for point in values}) > 1
    percent = {"labelExpr": "format(100 * datum.value, '~r') + ' %'"} if name == scene.metric == ACCURACY else {}
    bare = axis_of(name, title_of(name, scene), (), tickCount=5)
    axis = {**bare, **percent} if name != ACCURACY or percent else {"title": scene.metric, "tickCount": 5}
    colour = backends_of(values)
    dash = {"strokeDash": {"field": "model", "type": "nominal"}} if several else {}
    zero = name != ACCURACY
    spread = any(f"{name}_low" in point for point in values)
    return {
        "height": 240,
        "encoding": {
            "x": {
                "field": "at",
                "type": "quantitative",
                "scale": {"zero": False, "padding": 14},
                "axis": {"title": sweep.name, "grid": False, "tickCount": 6},
            },
            "y": {"field": name, "type": "quantitative", "scale": {"zero": zero, "padding": 10}, "axis": axis},
        },
        "layer": [
            *([_interval(name)] if spread else []),
            {
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"color": colour, "detail": {"field": "line", "type": "nominal"}, **dash},
            },
            {"mark": {"type": "point", "size": 60}, "encoding": {"color": colour, "tooltip": told()}},
        ],
    }


def _interval(name: str) -> Spec:
    return {
        "mark": {"type": "rule", "style": "interval", "aria": False},
        "encoding": {"y": {"field": f"{name}_low", "type": "quantitative"}, "y2": {"field": f"{name}_high"}},
    }
