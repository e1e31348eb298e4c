"""How many channels each group gives up, so that a share of the multiply-accumulates goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .graph import Coupling, Group

if TYPE_CHECKING:
    from .graph import Floats
    from .labels import Labels

#: What cutting one group to so many channels does to the loss on validation.
Rise = Callable[[int, int], float]
#: A rise smaller than this is not told from none.
_NOTHING: Final = 1e-4


@dataclass(frozen=True)
class Costs:
    """Multiply-accumulates of one sample as a function of how many channels each group has."""

    rest: float
    each: Floats
    given: Floats
    made: Floats

    @classmethod
    def of(cls, coupling: Coupling, counted: Coupling, total: float) -> Costs:
        """Of the model with ``coupling``; ``counted`` is the same one without open sizes, ``total`` what is counted."""
        import numpy as np

        groups = [group.channels for group in coupling.groups]
        given, made = [], []
        for work in coupling.works:
            made.append(_numbers(coupling.tops[work.made], groups))
            taken = np.append(np.zeros(len(groups)), 1.0)
            given.append(taken if work.given is None else _numbers(coupling.tops[work.given], groups))
        found = cls(0.0, np.array([work.each for work in counted.works]), np.array(given), np.array(made))
        return cls(total - found.macs([len(group) for group in groups]), found.each, found.given, found.made)

    def macs(self, kept: Sequence[int]) -> float:
        """With ``kept`` channels in each group."""
        import numpy as np

        sizes = np.append(np.asarray(kept, dtype=np.float64), 1.0)
        return self.rest + float(self.each @ ((self.given @ sizes) * (self.made @ sizes)))


def _numbers(labels: Labels, groups: Sequence[Labels]) -> Floats:
    """How often one channel of each group stands there, and last how many positions belong to none."""
    import numpy as np

    found = np.array([np.count_nonzero(labels == channels[0]) for channels in groups], dtype=np.float64)
    sizes = np.array([len(channels) for channels in groups], dtype=np.float64)
    return np.append(found, len(labels) - found @ sizes)


def smaller_size(size: int, multiple: int) -> int | None:
    """The next smaller number of channels that suits, or ``None``."""
    found = (size - 1) // multiple * multiple
    return found if found >= multiple else None


def least(groups: Sequence[Group], multiple: int) -> list[int]:
    """The fewest channels that each group may have."""
    return [multiple if smaller_size(len(group), multiple) else len(group) for group in groups]


def even_channels(sizes: Sequence[int], share: float, multiple: int) -> list[int]:
    """The same share of every group's channels, to the nearest multiple; at least one multiple stays."""
    nearest = [max(multiple, math.floor(size * (1 - share) / multiple + 0.5) * multiple) for size in sizes]
    return [min(size, kept) for size, kept in zip(sizes, nearest, strict=True)]


def allocate(
    sizes: Sequence[int], now: Sequence[int], costs: Costs, most: float, multiple: int, rise: Rise | None
) -> list[int] | None:
    """Cut step by step until at most ``most`` multiply-accumulates are left; ``None`` where that cannot be.

    Without ``rise`` the group goes next that has kept the largest share of its channels, so all shrink alike; with it
    the one whose step costs least loss for what it saves.

    :param sizes: how many channels each group had at the beginning.
    :param now: how many it has.
    """
    kept = list(now)
    while costs.macs(kept) > most:
        steps = {place: size for place, have in enumerate(kept) if (size := smaller_size(have, multiple)) is not None}
        if not steps:
            return None
        after = {place: costs.macs([*kept[:place], size, *kept[place + 1 :]]) for place, size in steps.items()}
        if rise is None:
            chosen = _evenly(sizes, kept, after, most)
        else:
            chosen = _cheaply(kept, steps, after, costs.macs(kept), rise)
        kept[chosen] = steps[chosen]
    return kept


def _evenly(sizes: Sequence[int], kept: Sequence[int], after: dict[int, float], most: float) -> int:
    enough = [place for place, macs in after.items() if macs <= most]
    if enough:
        # The last step: the one that goes least beyond what was asked.
        return max(enough, key=lambda place: after[place])
    return max(after, key=lambda place: (kept[place] / sizes[place], -after[place]))


def _cheaply(kept: Sequence[int], steps: dict[int, int], after: dict[int, float], before: float, rise: Rise) -> int:
    def price(place: int) -> float:
        loss = max(0.0, rise(place, steps[place]) - rise(place, kept[place])) + _NOTHING
        return loss / max(before - after[place], 1e-9)

    return min(after, key=price)
