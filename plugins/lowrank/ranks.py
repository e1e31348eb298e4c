"""Which ranks: by a share of each layer's weights, by energy, under a budget of the model, or what is not noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import tradeoff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tradeoff.spelling import Value

    from .factors import Ranks, Table
    from .sites import Site, Surveyed

#: The rules that are asked for by a number; without them a layer keeps its share of weights.
_NUMBERS: Final = ("energy", "macs", "size")
CUT: Final = "cut"
VBMF: Final = "vbmf"


@dataclass(frozen=True)
class Rule:
    """How ranks are chosen.

    :param name: ``cut``, ``energy``, ``macs``, ``size`` or ``vbmf``.
    :param number: the share that it is about.
    """

    name: str
    number: float = 0.0

    @property
    def spelling(self) -> str:
        """As a person writes it."""
        return "rank=vbmf" if self.name == VBMF else f"{self.name}={self.number:g}"


def rule_of(values: Mapping[str, Value], technique: str) -> Rule:
    """The one that is asked for; two are an error."""
    asked = [Rule(name, float(values[name])) for name in _NUMBERS if float(values[name]) > 0]
    if values["rank"] == VBMF:
        asked.append(Rule(VBMF))
    if len(asked) > 1:
        raise tradeoff.BadInput(
            f"{technique}: {' and '.join(rule.spelling for rule in asked)} choose the ranks in different ways; leave "
            "one of them"
        )
    return asked[0] if asked else Rule(CUT, float(values[CUT]))


@dataclass(frozen=True)
class Chosen:
    """What came out.

    :param rows: of the table of each layer that is factorised.
    :param left_out: of each that is not the reason.
    """

    rows: Mapping[str, int]
    left_out: Mapping[str, str]


def in_layers(
    rule: Rule, tables: Sequence[tuple[Site, Table]], automatic: Callable[[Site], Ranks], multiple: int
) -> Chosen:
    """For the rules that look at each layer alone."""
    rows, left_out = dict[str, int](), dict[str, str]()
    for site, table in tables:
        row: int | str
        if not len(table.weights):
            row = f"no multiple of {multiple} is a rank of it"
        elif rule.name == CUT:
            row = _cut(site, table, rule.number)
        elif rule.name == VBMF:
            row = _found(site, table, automatic(site), multiple)
        else:
            row = _energy(site, table, rule.number)
        if isinstance(row, str):
            left_out[site.name] = row
        else:
            rows[site.name] = row
    return Chosen(rows, left_out)


def _cut(site: Site, table: Table, cut: float) -> int | str:
    """The least error among what is small enough."""
    import numpy as np

    most = int((1 - cut) * site.weights)
    small = (table.weights <= most) & _saves(site, table)
    if not small.any():
        least = table.weights.min()
        if least <= most:
            return _larger(site, table, int(np.argmin(table.weights)))
        return f"of its {site.weights:,} weights {most:,} may be left, and the smallest rank takes {least:,}"
    rows = np.flatnonzero(small)
    return int(rows[np.lexsort((table.weights[rows], table.error[rows]))[0]])


def _energy(site: Site, table: Table, energy: float) -> int | str:
    """The least arithmetic among what keeps enough."""
    import numpy as np

    rows = np.flatnonzero(table.error <= 1 - energy + 1e-12)
    if not len(rows):
        return f"no rank below its full one keeps {energy:g} of its energy"
    row = int(rows[np.lexsort((table.weights[rows], table.macs[rows]))[0]])
    return row if _saves(site, table)[row] else _larger(site, table, row)


def _found(site: Site, table: Table, ranks: Ranks, multiple: int) -> int | str:
    """The row of ranks that were found some other way."""
    import numpy as np

    if 0 in ranks:
        return "variational Bayes finds nothing in it that stands out of noise"
    up = [-(-rank // multiple) * multiple for rank in ranks]
    rows = np.flatnonzero((table.ranks >= np.minimum(up, table.ranks.max(axis=0))).all(axis=1))
    if not len(rows):
        return f"variational Bayes finds rank {' and '.join(map(str, ranks))} in it, which is its full one"
    row = int(rows[np.argmin(table.weights[rows])])
    return row if _saves(site, table)[row] else _larger(site, table, row)


def most_kept(tables: Sequence[tuple[Site, Table]]) -> float:
    """The largest share of its energy that some layer keeps while it becomes smaller; 0 where none does."""
    errors = [table.error[_saves(site, table)] for site, table in tables]
    return max((1 - float(each.min()) for each in errors if len(each)), default=0.0)


def _saves(site: Site, table: Table) -> NDArray[np.bool_]:
    """Which choices are smaller, and no more work."""
    found: NDArray[np.bool_] = (table.weights < site.weights) & (table.macs <= site.macs)
    return found


def _larger(site: Site, table: Table, row: int) -> str:
    rank = " and ".join(str(rank) for rank in table.ranks[row])
    if table.weights[row] >= site.weights:
        return f"at rank {rank} its factors would have {table.weights[row]:,} weights, and it has {site.weights:,}"
    return f"at rank {rank} its factors would take {table.macs[row]:,} MACs, and it takes {site.macs:,}"


def under_budget(rule: Rule, tables: Sequence[tuple[Site, Table]], found: Surveyed, technique: str) -> Chosen:
    """The ranks with the smallest sum of relative errors under a budget of the whole model."""
    whole = found.macs if rule.name == "macs" else found.parameters
    if whole is None:
        raise tradeoff.Refused(
            "not implemented here",
            f"{technique}: the model does not say how large its inputs are, so its MACs cannot be counted; give them "
            f"sizes, or write size={rule.number:g}",
        )
    curves = [_Curve.of(site, table, rule.name) for site, table in tables]
    rest = whole - sum(int(curve.costs[0]) for curve in curves)
    least = rest + sum(int(curve.costs.min()) for curve in curves)
    budget = int(rule.number * whole)
    if least > budget:
        raise tradeoff.BadInput(
            f"{technique}: {rule.spelling} asks for at most {budget:,} of {whole:,} {_UNITS[rule.name]}, and at the "
            f"smallest ranks {least:,} are left ({least / whole:.1%}); ask for more than that"
        )
    places = _allocated(curves, budget - rest)
    rows, left_out = dict[str, int](), dict[str, str]()
    for (site, _), curve, place in zip(tables, curves, places, strict=True):
        if place == 0:
            left_out[site.name] = f"{rule.spelling} is reached with this layer whole"
        else:
            rows[site.name] = int(curve.rows[place])
    return Chosen(rows, left_out)


_UNITS: Final = {"macs": "MACs", "size": "parameters"}


@dataclass(frozen=True)
class _Curve:
    """What a layer may cost and what that loses: the first point is the whole layer, then ever cheaper, ever worse.

    :param costs: falling.
    :param errors: rising.
    :param rows: of the table; -1 for the whole layer.
    """

    costs: NDArray[np.int64]
    errors: NDArray[np.float64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, site: Site, table: Table, what: str) -> _Curve:
        import numpy as np

        rows = np.flatnonzero(_saves(site, table))
        costs = (table.macs if what == "macs" else table.weights)[rows]
        whole = site.macs if what == "macs" else site.weights
        order = np.lexsort((costs, table.error[rows]))
        rows, costs = rows[order], costs[order]
        # By rising error, what is cheaper than everything before it.
        before = np.minimum.accumulate(np.append(whole, costs))[:-1]
        better = costs < before
        rows, costs = rows[better], costs[better]
        return cls(np.append(whole, costs), np.append(0.0, table.error[rows]), np.append(-1, rows))

    def corners(self) -> list[int]:
        """Of the lower hull: between them no choice loses less for what it saves."""
        found = [0]
        while found[-1] < len(self.costs) - 1:
            here = found[-1]
            slopes = (self.errors[here + 1 :] - self.errors[here]) / (self.costs[here] - self.costs[here + 1 :])
            # Of equally steep ones the farthest.
            found.append(here + len(slopes) - int(slopes[::-1].argmin()))
        return found


def _allocated(curves: Sequence[_Curve], budget: int) -> list[int]:
    """A place on each curve, such that all together cost no more than the budget: the steepest savings first."""
    corners = [curve.corners() for curve in curves]
    steps = [
        ((curve.errors[after] - curve.errors[before]) / (curve.costs[before] - curve.costs[after]), which, after)
        for which, (curve, points) in enumerate(zip(curves, corners, strict=True))
        for before, after in pairwise(points)
    ]
    places = [0] * len(curves)
    cost = sum(int(curve.costs[0]) for curve in curves)
    for _, which, after in sorted(steps):
        if cost <= budget:
            break
        cost -= int(curves[which].costs[places[which]] - curves[which].costs[after])
        places[which] = after
    _fill(curves, places, budget - cost)
    return places


def _fill(curves: Sequence[_Curve], places: list[int], left: int) -> None:
    """Give back what the last step has saved too much, where it mends most."""
    while True:
        best, gain = None, 0.0
        for which, (curve, place) in enumerate(zip(curves, places, strict=True)):
            # Dearer and better lie before it; the first that can be paid is the best.
            fits = [other for other in range(place) if curve.costs[other] - curve.costs[place] <= left]
            if fits and curve.errors[place] - curve.errors[fits[0]] > gain:
                best, gain = (which, fits[0]), curve.errors[place] - curve.errors[fits[0]]
        if best is None:
            return
        which, place = best
        left -= int(curves[which].costs[place] - curves[which].costs[places[which]])
        places[which] = place
