"""All pictures of a report, and why those that are not there are not. Vega-Lite specifications as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tradeoff.record import Run

from ..tables.fronts import Fronts
from .bars import bars
from .cascade import cascade_picture
from .curves import curves
from .devices import over_devices
from .energy import energy_split
from .fronts import front_pictures
from .layers import layers
from .points import Point, Scene, scenes_of
from .radar import radar
from .roofline import roofline
from .sensitivity import heat_maps
from .specs import BACKENDS, Picture, spec_with
from .trainings import training_curves

#: A page of more pictures is read by nobody; the tables have every cell.
GROUPS: Final = 12


@dataclass(frozen=True)
class Gallery:
    """What is drawn of any number of runs.

    :param scenes: the groups that pictures are drawn of.
    :param pictures: in the order in which they are looked at.
    :param left_out: kinds of pictures that nothing could be drawn of, one line each.
    """

    scenes: tuple[Scene, ...] = ()
    pictures: tuple[Picture, ...] = ()
    left_out: tuple[str, ...] = ()
    points: tuple[Point, ...] = field(default=())


def gallery(runs: Sequence[Run], fronts: Fronts | None = None) -> Gallery:
    """All pictures of all runs."""
    scenes, left = scenes_of(fronts or Fronts(runs), GROUPS)
    look = _Backends(scenes)
    drawn = [*_of_each(scenes), *over_devices(scenes), *training_curves(runs), *heat_maps(runs)]
    pictures = tuple(look.dress(one) for one in drawn if isinstance(one, Picture))
    missing = _missing([one for one in drawn if isinstance(one, str)], pictures)
    more = [f"{left:,} more groups of cells have no pictures: select fewer cells"] if left else []
    points = tuple(point for scene in scenes for point in scene.points)
    return Gallery(tuple(scenes), pictures, (*missing, *more), points)


def _of_each(scenes: Iterable[Scene]) -> Iterator[Picture | str]:
    for scene in scenes:
        yield from front_pictures(scene)
        yield from radar(scene)
        yield from bars(scene)
        yield from energy_split(scene)
        yield from roofline(scene)
        yield from layers(scene)
        yield from curves(scene)
        yield from cascade_picture(scene)


def _missing(reasons: Iterable[str], pictures: Iterable[Picture]) -> list[str]:
    """Each reason once, and only of kinds that are nowhere: ``kind: why``."""
    kinds = {one.kind for one in pictures}
    return [text for text in dict.fromkeys(reasons) if text.partition(":")[0] not in kinds]


class _Backends:
    """One colour for each backend on the whole page, whatever is shown of it."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        self._names = sorted({point["backend"] for scene in scenes for point in scene.points})

    def dress(self, picture: Picture) -> Picture:
        """The picture with the names of all backends in its scale of colours."""
        return replace(picture, spec=self._with_domain(picture.spec))

    def _with_domain(self, part: Any) -> Any:
        if isinstance(part, list):
            return [self._with_domain(one) for one in part]
        if not isinstance(part, dict):
            return part
        found = {key: self._with_domain(value) for key, value in part.items()}
        if found.get("field") == "backend" and found.get("scale") == BACKENDS:
            found["scale"] = {"domain": self._names}
        return found


def as_files(drawn: Gallery) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each picture under the name of its file, with its own data in it."""
    taken: set[str] = set()
    for picture in drawn.pictures:
        name = stem = picture.file
        position = 2
        while name in taken:
            name, position = f"{stem}-{position}", position + 1
        taken.add(name)
        yield name, spec_with(picture, drawn.points)
