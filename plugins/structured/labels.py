"""Which channels of different layers are one and the same: those that can only go together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: The channel at each position of an axis, by number.
    Labels = NDArray[np.int64]


@dataclass
class Ties:
    """Every channel of a model has a number here; tied ones have one representative, and some must stay."""

    _parents: list[int] = field(default_factory=list)
    _stays: dict[int, str] = field(default_factory=dict)

    def new(self, count: int) -> Labels:
        """So many channels that nothing is known of."""
        import numpy as np

        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def tie(self, some: Labels, others: Labels) -> None:
        """From here on the channels at equal positions are one."""
        for one, other in {(int(a), int(b)) for a, b in zip(some, others, strict=True)}:
            left, right = self._top(one), self._top(other)
            if left != right:
                self._parents[right] = left
                if right in self._stays:
                    self._stays.setdefault(left, self._stays[right])

    def keep(self, labels: Labels, reason: str, foremost: bool = False) -> None:
        """These must stay, and so must all that are tied to them, now or later; the first reason is the one told."""
        for label in {self._top(int(label)) for label in labels}:
            if foremost or label not in self._stays:
                self._stays[label] = reason

    def tops(self) -> Labels:
        """The representative of each channel."""
        import numpy as np

        return np.array([self._top(label) for label in range(len(self._parents))], dtype=np.int64)

    def reason(self, label: int) -> str:
        """Why a channel must stay; empty for one that may go."""
        return self._stays.get(self._top(label), "")

    def _top(self, label: int) -> int:
        while self._parents[label] != label:
            self._parents[label] = self._parents[self._parents[label]]
            label = self._parents[label]
        return label
