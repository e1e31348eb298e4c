"""Which points are better than which: fronts, ties, knees and hypervolumes, on plain arrays in which less is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from tradeoff.decide.covering import covering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

#: ``front``: nothing is shown to be better; ``tied``: that cannot be told; ``dominated``: something is.
Standing = Literal["front", "tied", "dominated"]
#: A bend that is flatter than this share of the front's extent is no knee.
_BEND: Final = 0.05
#: Where the worst of all points lies, with a little room: the point itself would count for nothing.
_REFERENCE: Final = 1.1


@dataclass(frozen=True)
class Front:
    """How points stand to each other.

    :param standings: of each point.
    :param by: for a dominated point one that is no worse anywhere and shown to be better somewhere; for a tied one
        the point that it cannot be told from, if one is known; else -1.
    :param estimated: whether the point is on the front of the estimates alone, as if they had no intervals.
    """

    standings: tuple[Standing, ...]
    by: tuple[int, ...]
    estimated: tuple[bool, ...]


def front_of(values: Any, least: Any = None, most: Any = None) -> Front:
    """Sort points into the front, what is tied with it, and what is dominated.

    A point is *dominated* when another one is no worse in any estimate, and better in one beyond the intervals. It is
    on the *front* when no other one is shown to be better in something without being shown to be worse in something
    else. All others are *tied*: a difference that the intervals do not show decides.

    :param values: a row for each point, a column for each objective, in which less is better.
    :param least: the lower ends of the intervals; the values where there are none.
    :param most: the upper ends.
    """
    import moocore
    import numpy as np

    middle = np.asarray(values, dtype=np.float64)
    below = middle if least is None else np.minimum(middle, np.asarray(least, dtype=np.float64))
    above = middle if most is None else np.maximum(middle, np.asarray(most, dtype=np.float64))
    if not len(middle):
        return Front((), (), ())
    estimated = moocore.is_nondominated(middle, keep_weakly=True)
    by = np.full(len(middle), -1)
    _settle(by, np.flatnonzero(~estimated), middle, middle, below, above)
    dominated = by >= 0
    if below is not middle or above is not middle:
        # Two points whose intervals overlap in all but one objective: the one that is better there may be so in all.
        _settle(by, np.flatnonzero(estimated), below, above, below, above)
    tied = ~dominated & (~estimated | (by >= 0))
    standings: list[Standing] = [
        "dominated" if d else "tied" if t else "front" for d, t in zip(dominated, tied, strict=True)
    ]
    return Front(tuple(standings), tuple(map(int, by)), tuple(map(bool, estimated)))


def _settle(by: Any, asked: Any, ours: Matrix, theirs: Matrix, below: Matrix, above: Matrix) -> None:
    """For each point asked for, one that is not worse (``ours`` against ``theirs``) and better for certain in one."""
    for column in range(ours.shape[1]):
        if not len(asked):
            return
        points, queries = ours.copy(), theirs[asked]
        points[:, column], queries[:, column] = above[:, column], below[asked, column]
        found = covering(points, queries, column)
        by[asked] = found
        asked = asked[found < 0]


def dominates(ours: Any, theirs: Any) -> bool:
    """Whether the first point is nowhere worse, and somewhere better."""
    return all(a <= b for a, b in zip(ours, theirs, strict=True)) and any(
        a < b for a, b in zip(ours, theirs, strict=True)
    )


def scaled(values: Any) -> Matrix:
    """Each column from 0, the best, to 1, the worst; costs that are all above zero by their logarithm."""
    import numpy as np

    columns = np.array(values, dtype=np.float64)
    for column in columns.T:
        if len(column) and column.min() > 0:
            column[:] = np.log(column)
    low, high = columns.min(axis=0), columns.max(axis=0)
    scale: Matrix = (columns - low) / np.where(high > low, high - low, 1.0)
    return scale


def knee_of(values: Any) -> int | None:
    """Of two objectives, the point of the front behind which little is gained for much; none where it does not bend."""
    import moocore
    import numpy as np

    points = np.asarray(values, dtype=np.float64)
    if len(points) < 3:
        return None
    kept = np.flatnonzero(moocore.is_nondominated(points, keep_weakly=False))
    if len(kept) < 3:
        return None
    # From one end of the front to the other is a diagonal; a knee lies far below it.
    depth = 1 - scaled(points[kept]).sum(axis=1)
    deepest = int(depth.argmax())
    return int(kept[deepest]) if depth[deepest] > _BEND else None


def hypervolumes(sets: Any) -> list[float]:
    """What share of the room below the worst of all points each set covers; more is better."""
    import moocore
    import numpy as np

    parts = [np.asarray(one, dtype=np.float64) for one in sets]
    everything = scaled(np.concatenate(parts))
    ends = np.cumsum([len(part) for part in parts])
    room = _REFERENCE ** everything.shape[1]
    reference = np.full(everything.shape[1], _REFERENCE)
    divided = np.split(everything, ends[:-1])
    return [float(moocore.hypervolume(part, ref=reference)) / room for part in divided]
