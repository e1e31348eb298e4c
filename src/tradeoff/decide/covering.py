"""The search that fronts with intervals are made of: a point nowhere above this one, and below it in one column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Places = NDArray[np.int64]

#: Room for comparisons at once, in numbers.
_BLOCK: Final = 4_000_000
#: So many comparisons are made pair by pair before a better way is looked for.
_MANY: Final = 50_000_000
_QUERIES: Final = 512


def covering(points: Any, queries: Any, column: int) -> Any:
    """For each query the place of a point that is nowhere above it, and below it in ``column``; or -1."""
    import moocore
    import numpy as np

    # What is dominated covers nothing that its dominator does not.
    kept = np.flatnonzero(moocore.is_nondominated(points, keep_weakly=False))
    search = _swept if points.shape[1] == 3 and len(kept) * len(queries) > _MANY else _paired
    found = search(points[kept], queries, column)
    return np.where(found < 0, -1, kept[found])


def _paired(points: Matrix, queries: Matrix, column: int) -> Any:
    """Pair by pair, the most likely points first, and no longer than until one is found."""
    import numpy as np

    # The point nearest to the ideal covers most.
    order = np.argsort(points.argsort(axis=0).argsort(axis=0).sum(axis=1), kind="stable")
    found = np.full(len(queries), -1)
    left = np.arange(len(queries))
    place, step = 0, 16
    while place < len(order) and len(left):
        step = max(1, min(step, _BLOCK // (len(left) * points.shape[1])))
        some = order[place : place + step]
        covers = _covers(points[some], queries[left], column)
        hit = covers.any(axis=1)
        found[left[hit]] = some[covers[hit].argmax(axis=1)]
        left = left[~hit]
        place, step = place + step, step * 4
    return found


def _covers(points: Matrix, queries: Matrix, column: int) -> Any:
    """A row for each query, a column for each point."""
    import numpy as np

    covers = np.ones((len(queries), len(points)), dtype=bool)
    for axis in range(points.shape[1]):
        ours, theirs = points[None, :, axis], queries[:, None, axis]
        covers &= ours < theirs if axis == column else ours <= theirs
    return covers


def _swept(points: Matrix, queries: Matrix, column: int) -> Any:
    """In three dimensions, along one of them: for every height in the second, the lowest in the third so far.

    A hundred thousand points and as many queries make ten thousand million pairs. Queries are taken in blocks along the
    first dimension; of the points before a block the lowest up to each height is kept, those within it are paired.
    """
    import numpy as np

    along, up = (axis for axis in range(3) if axis != column)
    points_order, queries_order = points[:, along].argsort(kind="stable"), queries[:, along].argsort(kind="stable")
    heights, rank = np.unique(points[:, up], return_inverse=True)
    reach = np.searchsorted(heights, queries[:, up], side="right") - 1
    by_depth = points[:, column].argsort(kind="stable")
    depth = np.empty(len(points), dtype=np.int64)
    depth[by_depth] = np.arange(len(points))
    # Whoever is not there yet lies deeper than any point.
    nobody = len(points)
    lowest = np.full(len(heights), nobody, dtype=np.int64)
    found = np.full(len(queries), -1)
    entered = 0
    for start in range(0, len(queries), _QUERIES):
        block = queries_order[start : start + _QUERIES]
        first, last = queries[block[[0, -1]], along]
        before, within = np.searchsorted(points[points_order, along], (first, last), side="right")
        new = points_order[entered:before]
        np.minimum.at(lowest, rank[new], depth[new])
        entered = before
        best = np.append(np.minimum.accumulate(lowest), nobody)[reach[block]]
        known = np.append(by_depth, -1)[best]
        good = (known >= 0) & (points[known, column] < queries[block, column])
        found[block[good]] = known[good]
        rest = block[~good]
        found[rest] = _within(points, points_order[before:within], queries[rest], column)
    return found


def _within(points: Matrix, some: Places, queries: Matrix, column: int) -> Any:
    import numpy as np

    if not len(some) or not len(queries):
        return np.full(len(queries), -1)
    found = _paired(points[some], queries, column)
    return np.where(found < 0, -1, some[found])
