"""Cascades: how often two cells together are right, against what a request takes them, as the threshold rises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tradeoff.decide.advice import Advice, Recommendation
from tradeoff.decide.candidates import DOUBTS, Group
from tradeoff.decide.cascades import Tried, points_of
from tradeoff.decide.cascading import Cascading
from tradeoff.decide.counting import MEANS
from tradeoff.decide.objectives import ACCURACY
from tradeoff.decide.wishes import Roles, Wish, parse_goal

from ..tables.format import number, quantity_of
from .points import Point, Scene, short
from .specs import Picture, Spec, axis_of, scale_of

KIND: Final = "cascade"
_PAIRS: Final = 3
_UNITS: Final = {"latency": "s", "energy": "J"}
_CAPTION: Final = (
    "From the left, {small} alone, to the right, where {large} answers everything and both are paid for. Lines: the "
    "threshold rises; thresholds are chosen on the validation split, the test split is what they give. Diamonds: each "
    "alone{chosen}."
)


def cascade_picture(scene: Scene) -> Iterator[Picture | str]:
    """Of the cheapest and the most accurate of the cells that nothing dominates."""
    # Doubtful cells are drawn wherever else there are points.
    wish = Wish(parse_goal(ACCURACY), allow=frozenset(DOUBTS), cascade=Roles())
    found = Cascading(Group(scene.conditions, scene.candidates)).under(wish).tried
    if not found:
        yield f"{KIND}: no two cells of a group have answers sample by sample, one cheaper and one more often right"
        return
    # Pairs go from the cheapest small one to the dearest large one.
    first = found[0].small
    widest = [one for one in found if one.small is first][-1]
    yield _picture(widest, scene.number, scene.title, "latency")


def pictures_of(recommendation: Recommendation) -> Iterator[Picture]:
    """Of the pairs that compete, what was chosen first."""
    for advice in recommendation.advice:
        for tried in _worth_seeing(advice)[:_PAIRS]:
            for name in MEANS:
                if name in tried.small.numbers and name in tried.large.numbers:
                    yield _picture(tried, None, _scene(advice), name)


def _worth_seeing(advice: Advice) -> list[Tried]:
    tried = advice.cascades.tried if advice.cascades is not None else ()
    chosen = advice.choice.spelling if advice.choice is not None else ""
    return sorted(tried, key=lambda one: (one.spelling != chosen, one.cascade is None))


def _scene(advice: Advice) -> str:
    known = advice.conditions
    return " · ".join(short(part) for part in (known.task, known.device, known.load) if part)


def _picture(tried: Tried, group: int | None, scene: str, cost: str) -> Picture:
    values = tuple(_points(tried, cost))
    small, large = short(tried.small.name), short(tried.large.name)
    chosen = "; the ring is the chosen threshold" if any(point["part"] == "chosen" for point in values) else ""
    caption = _CAPTION.format(small=small, large=large, chosen=chosen)
    title = f"Cascade by {cost}: {small} > {large}"
    return Picture(KIND, group, scene, title, caption, _spec(values, cost), values)


def _points(tried: Tried, cost: str) -> Iterator[Point]:
    cells = f"{tried.small.record.cell.spelling} {tried.large.record.cell.spelling}"
    for found in points_of(tried):
        chosen = tried.cascade is not None and found["threshold"] == tried.cascade.threshold
        yield {**_told(found, cost), "cell": short(cells, 300), "part": "curve"}
        if chosen and found["split"] == "test":
            yield {**_told(found, cost), "cell": short(cells, 300), "part": "chosen"}
    for role, one in (("small", tried.small), ("large", tried.large)):
        numbers = one.numbers
        alone = {"split": "alone", ACCURACY: numbers[ACCURACY].value, cost: numbers[cost].value}
        label = f"{one.record.cell.model} {one.record.cell.chain}"
        yield {
            **_told(alone, cost),
            "cell": short(one.spelling, 300),
            "part": "alone",
            "role": role,
            "label": short(label),
        }


def _told(found: dict[str, Any], cost: str) -> Point:
    """Numbers with what a person reads beside them."""
    threshold, share = found.get("threshold"), found.get("share")
    return {
        **{key: found[key] for key in ("split", ACCURACY, cost)},
        "accuracy_text": number(found[ACCURACY], "percent"),
        f"{cost}_text": number(found[cost], quantity_of(_UNITS[cost]), _UNITS[cost]),
        **({} if threshold is None else {"threshold_text": f"{threshold:.4g}"}),
        **({} if share is None else {"share_text": number(share, "percent")}),
    }


def _spec(values: tuple[Point, ...], cost: str) -> Spec:
    colours = {"domain": ["validation", "test", "alone"]}
    colour = {"field": "split", "type": "nominal", "scale": colours, "title": None}
    return {
        "height": 260,
        "encoding": {
            "x": {
                "field": cost,
                "type": "quantitative",
                "scale": scale_of(values, cost),
                "axis": axis_of(cost, f"mean {cost}", values, grid=False, tickCount=6),
            },
            "y": {
                "field": ACCURACY,
                "type": "quantitative",
                "scale": {"zero": False, "nice": True, "padding": 16},
                "axis": {"title": ACCURACY, "tickCount": 5, "labelExpr": "format(100 * datum.value, '~r') + ' %'"},
            },
        },
        "layer": [
            {
                "transform": [{"filter": {"field": "part", "equal": "curve"}}],
                "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 18}},
                "encoding": {
                    "color": colour,
                    # Along the threshold, which a line over the cost alone would not follow where costs are equal.
                    "order": {"field": cost, "type": "quantitative"},
                    "tooltip": _tooltip(cost, "split", "threshold_text", "share_text"),
                },
            },
            {
                "transform": [{"filter": {"field": "part", "equal": "chosen"}}],
                "mark": {"type": "point", "style": "ring", "size": 220, "shape": "circle", "filled": False},
                "encoding": {"tooltip": _tooltip(cost, "threshold_text", "share_text")},
            },
            {
                "transform": [{"filter": {"field": "part", "equal": "alone"}}],
                "mark": {"type": "point", "shape": "diamond", "size": 110},
                "encoding": {"color": colour, "tooltip": _tooltip(cost, "cell")},
            },
            _name("small", align="left", dx=9, dy=12),
            _name("large", align="right", dx=-9, dy=-9),
        ],
    }


def _name(role: str, **look: Any) -> Spec:
    """The name of one of the two beside its point, on the side where the curve is not."""
    return {
        "transform": [{"filter": {"field": "role", "equal": role}}],
        "mark": {"type": "text", "style": "name", "limit": 200, "aria": False, **look},
        "encoding": {"text": {"field": "label", "type": "nominal"}},
    }


_TITLES: Final = {"threshold_text": "below", "share_text": "passed on", "cell": "cell", "split": "split"}


def _tooltip(cost: str, *names: str) -> list[Spec]:
    told = [*((name, _TITLES[name]) for name in names), ("accuracy_text", ACCURACY), (f"{cost}_text", f"mean {cost}")]
    return [{"field": name, "title": title, "type": "nominal"} for name, title in told]
