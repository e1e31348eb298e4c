"""Where a request spends its time, operator by operator, of the cells that are the best in something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tradeoff.compare.profiles import CellProfile, profile_of
from tradeoff.errors import BadInput
from tradeoff.record import Record

from ..tables.format import marked, number
from .points import Point, Scene, short, telling
from .specs import Picture, Spec, axis_of, names_by, tooltip

KIND: Final = "per-layer profile"
_CELLS: Final = 3
_OPERATORS: Final = 24
_CAPTION: Final = "Time of each operator, in the order in which they run; {source}."


def layers(scene: Scene) -> Iterator[Picture | str]:
    """One for each of the best cells that has a profile with times."""
    drawn = 0
    for candidate, _ in telling(scene, 2 * _CELLS):
        profile = profile_in(candidate.run, candidate.record)
        values = tuple(_values(profile)) if profile else ()
        if profile and values and drawn < _CELLS:
            drawn += 1
            told = f"{profile.profile.seconds}, {short(profile.profile.source, 120)}".rstrip(", ")
            left = len([one for one in profile.profile.operators if one.seconds]) - len(values)
            caption = _CAPTION.format(source=told) + (f" {left:,} quicker ones are left out." if left > 0 else "")
            title = f"Operators of {short(candidate.name)}"
            yield Picture(KIND, scene.number, scene.title, title, caption, _spec(values), values)
    if not drawn:
        yield f"{KIND}: none of the best cells has a profile with times"


def profile_in(run: str, record: Record) -> CellProfile | None:
    """What a stranger wrote there in another shape is no profile."""
    try:
        return profile_of(run, record)
    except BadInput:
        return None


def _values(found: CellProfile) -> Iterator[Point]:
    timed = [(place, one) for place, one in enumerate(found.profile.operators, 1) if one.seconds]
    total = sum(one.seconds or 0.0 for _, one in timed)
    slowest = sorted(timed, key=lambda pair: -(pair[1].seconds or 0.0))[:_OPERATORS]
    for place, one in sorted(slowest, key=lambda pair: pair[0]):
        seconds = one.seconds or 0.0
        yield {
            "place": place,
            "operator": f"{place} {short(one.kind, 40)}",
            "kind": short(one.kind, 40),
            "name": short(one.name),
            "latency": seconds,
            "told": marked(number(seconds, "seconds"), found.profile.seconds, short=True),
            "share": f"{100 * seconds / total:.1f} %",
            "weights": number(one.weights_bytes, "bytes"),
            "flops": number(one.flops, "count"),
        }


def _spec(values: Sequence[Point]) -> Spec:
    longest = max(point["latency"] for point in values)
    return {
        "height": {"step": 20},
        "encoding": {
            "y": names_by("operator", "place"),
            "x": {
                "field": "latency",
                "type": "quantitative",
                # Room for the share behind the longest bar.
                "scale": {"domain": [0, 1.12 * longest], "nice": False},
                "axis": axis_of("latency", "time", (), tickCount=4),
            },
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.66}},
                "encoding": {
                    "color": {"field": "kind", "type": "nominal", "legend": None},
                    "tooltip": tooltip(
                        ("operator", "operator"),
                        ("name", "where"),
                        ("told", "time"),
                        ("share", "share"),
                        ("weights", "weights"),
                        ("flops", "FLOP"),
                    ),
                },
            },
            {
                "mark": {"type": "text", "style": "number", "align": "left", "dx": 5, "aria": False},
                "encoding": {"text": {"field": "share", "type": "nominal"}},
            },
        ],
    }
