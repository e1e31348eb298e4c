"""Parts of the page that are no tables: what is seen first, and the frames of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final, NamedTuple

from tradeoff.decide.candidates import Candidate
from tradeoff.decide.objectives import ACCURACY, Number

from ..pictures.points import Scene, best, marked_in_full, short
from ..pictures.specs import Picture
from ..tables.format import is_available, marked, number, quantity_of, times

#: What a person wants to see first: the objective, and how its best is called.
_BEST: Final = {
    ACCURACY: "Most accurate",
    "latency": "Fastest",
    "throughput": "Most in a second",
    "size": "Smallest",
    "ram": "Least memory",
    "energy": "Least energy",
}
_HOW: Final = {"latency": "faster", "throughput": "more", "size": "smaller", "ram": "less", "energy": "less"}


class _Tile(NamedTuple):
    name: str
    value: str
    cell: str
    told: str


def glance(scenes: Iterable[Scene]) -> Iterator[str]:
    """For each group the best cell in each objective; on the page one group is shown at a time."""
    for scene in scenes:
        tiles = list(_tiles(scene))
        if len(scene.points) < 2 or not tiles:
            continue
        hidden = " hidden" if scene.number else ""
        yield f'<dl class="tiles" data-group="{scene.number}"{hidden}>'
        for tile in tiles:
            yield (
                f"<div><dt>{escape(tile.name)}</dt><dd><b>{escape(tile.value)}</b>"
                f"<span>{_breakable(tile.cell)}</span><small>{escape(tile.told)}</small></dd></div>"
            )
        yield "</dl>"


def _breakable(name: str) -> str:
    """A name that is broken between its parts rather than within them."""
    return escape(name).replace("/", "/<wbr>")


def _tiles(scene: Scene) -> Iterator[_Tile]:
    baselines = {
        (one.record.cell.model, one.record.cell.backend): one
        for one, point in zip(scene.candidates, scene.points, strict=True)
        if "baseline" in point
    }
    for name, called in _BEST.items():
        one = best(scene.candidates, name)
        if one is None:
            continue
        found = one.numbers[name]
        bare = number(found.value, "percent" if found.name == "accuracy" else quantity_of(found.unit), found.unit)
        value = marked(bare, found.provenance, short=True)
        base = baselines.get((one.record.cell.model, one.record.cell.backend))
        told = _against(name, one, base) or _others(scene, name, found) or _origin(found)
        yield _Tile(called, value, short(one.name), told)


def _others(scene: Scene, name: str, found: Number) -> str:
    count = sum(point.get(name) == found.value for point in scene.points) - 1
    return f"and {count:,} more as good" if count > 0 else ""


def _origin(found: Number) -> str:
    return marked_in_full("", found).strip(" ()")


def _against(name: str, one: Candidate, base: Candidate | None) -> str:
    """How much better than its own baseline; nothing for the baseline itself."""
    origin = _origin(one.numbers[name])
    if base is None or name not in base.numbers or base is one:
        return " · ".join(filter(None, ("the baseline" if base is one else "", origin)))
    ours, theirs = one.numbers[name], base.numbers[name]
    if name == ACCURACY:
        gain = 100 * (ours.value - theirs.value)
        return f"{gain:+.2f} points to its baseline" if ours.name == "accuracy" and gain else ""
    if ours.value <= 0 or theirs.value <= 0 or ours.provenance != theirs.provenance:
        return origin
    ratio = _timed_in_turns(name, one) or (
        theirs.value / ours.value if ours.direction == "lower" else ours.value / theirs.value
    )
    return " · ".join(filter(None, (f"{times(ratio)} {_HOW[name]} than its baseline", origin)))


def _timed_in_turns(name: str, one: Candidate) -> float | None:
    """The speed-up as the tables have it, which repeats better than a quotient of two latencies."""
    found = one.record.measurements.get("speed_up") if name == "latency" else None
    return found.value if found is not None and is_available(found) else None


def picture_html(place: int, picture: Picture) -> str:
    """A frame that the page draws the picture into when it comes into sight."""
    group = "" if picture.group is None else f' data-group="{picture.group}"{" hidden" if picture.group else ""}'
    wide = " wide" if picture.wide else ""
    return (
        f'<figure class="picture{wide}" data-picture="{place}"{group}>'
        f'<h3 id="p{place}">{escape(picture.title)}</h3><div class="drawing" role="img" aria-labelledby="p{place}" '
        f'aria-describedby="c{place}"></div><figcaption id="c{place}">{escape(picture.caption)}</figcaption></figure>'
    )
