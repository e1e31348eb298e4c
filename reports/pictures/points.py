"""Candidates as points of a picture: plain values with the text that a person reads beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tradeoff.chain import BASELINE
from tradeoff.decide.candidates import Candidate, Conditions, Group
from tradeoff.decide.fronts import knee_of
from tradeoff.decide.objectives import ACCURACY, OBJECTIVES, Number
from tradeoff.record import Record

from ..tables.format import interval, marked, number, printable, quantity_of
from ..tables.fronts import Fronts, front_among

#: What accuracy is drawn against, in this order.
COSTS: Final = ("latency", "throughput", "size", "ram", "energy")
#: How the objectives are called on a page, where that differs.
TITLES: Final[Mapping[str, str]] = {"ram": "memory", "p99": "99th percentile"}
#: Longer names are of no use in a picture; the table has them in full.
_LONGEST: Final = 80
#: A front of fewer points is no picture.
_FEWEST: Final = 2
Point = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What may stand in one picture: the cells of one group.

    :param number: of the group; its points carry it as ``g``.
    :param points: one for each candidate, in the group's order.
    :param models: the most measured first.
    """

    number: int
    conditions: Conditions
    candidates: tuple[Candidate, ...]
    points: tuple[Point, ...]
    models: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """The conditions in short."""
        known = self.conditions
        suite = () if known.suite == Record.suite else (known.suite,)
        return " · ".join(short(part) for part in (known.task, known.device, known.load, *suite) if part)

    @property
    def metric(self) -> str:
        """What accuracy is called here."""
        return short(self.conditions.metric or ACCURACY)

    def having(self, *names: str) -> list[Point]:
        """The points that have all of these numbers."""
        return [point for point in self.points if all(name in point for name in names)]


def scenes_of(fronts: Fronts, most: int) -> tuple[list[Scene], int]:
    """A scene for each group with anything measured, what a machine here has timed first; and how many are left."""
    groups = sorted((group for group in fronts.groups if group.candidates), key=_is_away)
    machines = {group.conditions.machine for group in groups} - {""}
    scenes = [_scene(number_, group, len(machines) > 1) for number_, group in enumerate(groups[:most])]
    return scenes, max(0, len(groups) - most)


def _is_away(group: Group) -> bool:
    """Whether its device is not here, so that nothing was measured on it."""
    return any(one.record.facts.get("device_provenance") not in (None, "measured") for one in group.candidates)


def _scene(number_: int, group: Group, several_machines: bool) -> Scene:
    points = tuple(_point(number_, one) for one in group.candidates)
    for cost in COSTS:
        _place(group.candidates, points, cost)
    counted = Counter(point["model"] for point in points)
    conditions = group.conditions
    if several_machines and conditions.machine:
        conditions = conditions._replace(device=f"{conditions.device} of {conditions.machine}")
    return Scene(number_, conditions, group.candidates, points, tuple(name for name, _ in counted.most_common()))


def _point(number_: int, candidate: Candidate) -> Point:
    cell = candidate.record.cell
    technique, backend = short(cell.chain), short(cell.backend)
    point: Point = {
        "g": number_,
        "cell": short(cell.spelling, 200),
        "model": short(cell.model),
        "technique": technique,
        "backend": backend,
        "device": short(cell.device),
        "label": f"{technique}/{backend}",
    }
    if cell.chain == BASELINE:
        point["baseline"] = True
    if candidate.record.verdicts:
        point["verdicts"] = short("; ".join(candidate.record.verdicts), 200)
    for name, found in candidate.numbers.items():
        point |= _fields(name, found)
    return point


def _fields(name: str, found: Number) -> Point:
    """A number with its interval, bare and as text."""
    quantity = "percent" if found.name == "accuracy" else quantity_of(found.unit)
    told = marked(number(found.value, quantity, found.unit), found.provenance, short=True)
    fields: Point = {name: found.value, f"{name}_short": told, f"{name}_text": marked_in_full(told, found)}
    if found.low < found.high:
        fields |= {f"{name}_low": found.low, f"{name}_high": found.high}
        fields[f"{name}_text"] += f" [{interval(found.low, found.high, quantity, found.unit)}]"
    return fields


def marked_in_full(text: str, found: Number) -> str:
    """The text with its provenance in words, unless it was measured."""
    return text if found.provenance == "measured" else f"{text} ({found.provenance})"


def _place(candidates: Sequence[Candidate], points: Sequence[Point], cost: str) -> None:
    """Write down where each point stands when accuracy is weighed against one cost."""
    names = [ACCURACY, cost]
    both = [(one, point) for one, point in zip(candidates, points, strict=True) if set(names) <= one.numbers.keys()]
    if len(both) < _FEWEST:
        return
    chosen = [one for one, _ in both]
    front = front_among(chosen, names)
    knee = knee_of([[one.numbers[name].cost for name in names] for one in chosen])
    for place, (_, point) in enumerate(both):
        standing = front.standings[place]
        point[f"{cost}_front"] = "front?" if standing == "tied" and front.estimated[place] else standing
        if place == knee:
            point[f"{cost}_knee"] = True


def lean(point: Point, *more: str) -> Point:
    """What a picture with data of its own needs of a point: names, numbers, and what is told of them."""
    numbers = (f"{name}{end}" for name in (ACCURACY, *COSTS) for end in ("", "_low", "_high", "_text"))
    wanted = ("cell", "model", "technique", "backend", "device", "verdicts", *more, *numbers)
    return {name: point[name] for name in wanted if name in point}


def short(text: str, longest: int = _LONGEST) -> str:
    """A name that can do nothing, and not without end."""
    return printable(text if len(text) <= longest else f"{text[: longest - 1]}…")


def title_of(name: str, scene: Scene | None = None) -> str:
    """An objective as an axis calls it, with its provenance where nobody measured it."""
    told = scene.metric if scene and name == ACCURACY else TITLES.get(name, name)
    origins = origins_of(scene.candidates, name) if scene else ()
    return f"{told} ({', '.join(origins)})" if origins and origins != ("measured",) else told


def origins_of(candidates: Iterable[Candidate], name: str) -> tuple[str, ...]:
    """Where the numbers of an objective come from."""
    return tuple(sorted({one.numbers[name].provenance for one in candidates if name in one.numbers}))


def best(candidates: Sequence[Candidate], name: str) -> Candidate | None:
    """The best in one objective of those that no verdict casts doubt on; of equals the more accurate, then smaller."""
    found = [one for one in candidates if name in one.numbers and not one.doubts]
    order = (name, *OBJECTIVES)

    def costs(one: Candidate) -> tuple[float, ...]:
        return tuple(one.numbers[key].cost if key in one.numbers else float("inf") for key in order)

    return min(found, key=costs, default=None)


def telling(scene: Scene, most: int) -> list[tuple[Candidate, list[str]]]:
    """The cells worth a picture of their own, each with what it is the best in."""
    found: dict[str, tuple[Candidate, list[str]]] = {}
    for name in (ACCURACY, *COSTS):
        one = best(scene.candidates, name)
        if one is not None:
            found.setdefault(one.spelling, (one, []))[1].append(TITLES.get(name, name))
    return list(found.values())[:most]
