"""Which tensor of an artifact is which layer's output, told by names, values, sizes and order.

A runtime fuses layers, adds operators of its own, and names tensors as its converter likes; and where a conversion
went wrong, the values of what belongs together are not alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradeoff.formats.keras_layers import LayerOutput
    from tradeoff.vocabulary import Array

#: From here on two outputs are told to be the same by their values alone.
_CLEAR: Final = 0.9
#: Where order says otherwise, as with branches, values must say it more plainly.
_PLAIN: Final = 0.99
#: A name outweighs any likeness of values: it stands whatever went wrong.
_NAMED: Final = 1.0
#: What only its size speaks for is better than nothing.
_WEAK: Final = 1e-3
#: Values that a likeness is taken of; more of them would only take longer.
_MOST: Final = 65_536

#: Number of the tensor, and its values as the layer has them.
Match = tuple[int, "Array"]


class _Pairs:
    """How well each layer and each tensor of its size go together."""

    def __init__(self, layers: Sequence[LayerOutput], tensors: Mapping[str, Array]) -> None:
        self.likeness: dict[tuple[int, int], float] = {}
        self.named: set[tuple[int, int]] = set()
        self._values: dict[tuple[int, int], Array] = {}
        words = [_words(name) for name in tensors]
        for place, layer in enumerate(layers):
            for number, values in enumerate(tensors.values()):
                arranged = _arranged(values, layer.values)
                if arranged is None:
                    continue
                pair = (place, number)
                self.likeness[pair], self._values[pair] = arranged
                if _is_named(layer.name, words[number]):
                    self.named.add(pair)

    def score(self, pair: tuple[int, int]) -> float:
        """What a match is worth; nothing where sizes differ."""
        if pair not in self.likeness:
            return 0.0
        likeness = max(self.likeness[pair], 0.0)
        if pair in self.named:
            return _NAMED + likeness
        return likeness if likeness >= _CLEAR else _WEAK * likeness

    def is_clear(self, pair: tuple[int, int]) -> bool:
        """Whether the values alone tell that the two are the same."""
        return self.likeness[pair] >= _CLEAR

    def match(self, pair: tuple[int, int]) -> Match:
        """The tensor's number and values."""
        return pair[1], self._values[pair]


def align(layers: Sequence[LayerOutput], tensors: Mapping[str, Array]) -> list[Match | None]:
    """For each layer the tensor that stands for it, each tensor for one layer at most."""
    pairs = _Pairs(layers, tensors)
    found = _in_order(pairs, len(layers), len(tensors))
    found = _without_strays(pairs, found)
    found |= _out_of_order(pairs, found)
    return [pairs.match((place, found[place])) if place in found else None for place in range(len(layers))]


def cosine(ours: Array, theirs: Array) -> float:
    """Likeness of two arrays as one vector each; 0 where one is zero or holds what is no number."""
    import numpy as np

    a, b = (np.asarray(values, np.float64).reshape(-1) for values in (ours, theirs))
    with np.errstate(all="ignore"):
        found = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return found if np.isfinite(found) else float(np.array_equal(a, b))


def _in_order(pairs: _Pairs, layers: int, tensors: int) -> dict[int, int]:
    """The matches that are worth most together, both sides in their own order."""
    best = [[0.0] * (tensors + 1) for _ in range(layers + 1)]
    for place in range(layers - 1, -1, -1):
        for number in range(tensors - 1, -1, -1):
            worth = pairs.score((place, number))
            taken = worth + best[place + 1][number + 1] if worth else 0.0
            best[place][number] = max(taken, best[place + 1][number], best[place][number + 1])
    found: dict[int, int] = {}
    place = number = 0
    while place < layers and number < tensors:
        worth = pairs.score((place, number))
        if worth and best[place][number] == worth + best[place + 1][number + 1]:
            found[place] = number
            place, number = place + 1, number + 1
        elif best[place][number] == best[place + 1][number]:
            place += 1
        else:
            number += 1
    return found


def _without_strays(pairs: _Pairs, found: Mapping[int, int]) -> dict[int, int]:
    """Without what only its size spoke for, where a later layer is right: what is broken does not mend."""
    right = [place for place, number in found.items() if pairs.is_clear((place, number))]
    last = max(right, default=-1)
    return {
        place: number
        for place, number in found.items()
        if place > last or (place, number) in pairs.named or pairs.is_clear((place, number))
    }


def _out_of_order(pairs: _Pairs, found: Mapping[int, int]) -> dict[int, int]:
    """Of what is left, pairs that are plainly the same: branches may run in another order."""
    more: dict[int, int] = {}
    taken = set(found.values())
    for place, number in sorted(pairs.likeness, key=lambda pair: -pairs.likeness[pair]):
        if pairs.likeness[place, number] < _PLAIN:
            break
        if place not in found and place not in more and number not in taken:
            more[place] = number
            taken.add(number)
    return more


def _words(name: str) -> set[str]:
    """The parts of a tensor's name, such as ``net_1/conv2d_1/Relu;net_1/conv2d_1/BiasAdd``."""
    return set(re.split(r"[/;:.]", name))


def _is_named(layer: str, words: set[str]) -> bool:
    """Converters put a number of their own behind a layer's name."""
    return any(word == layer or re.fullmatch(rf"{re.escape(layer)}_\d+", word) for word in words)


def _arranged(values: Array, like: Array) -> tuple[float, Array] | None:
    """``values`` in the shape of ``like``, and how alike the two are then; nothing where the sizes differ."""
    import numpy as np

    if values.size != like.size or not values.ndim or values.shape[0] != like.shape[0]:
        return None
    step = max(1, like.size // _MOST)
    wanted = like.reshape(-1)[::step]
    options = [(cosine(one.reshape(-1)[::step], wanted), one) for one in _layouts(values, like.shape)]
    likeness, best = max(options, key=lambda option: option[0])
    return likeness, np.ascontiguousarray(best).reshape(like.shape)


def _layouts(values: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """Channels may stand last or first."""
    import numpy as np

    yield values.reshape(shape)
    if values.ndim > 2:
        for source, target in ((1, -1), (-1, 1)):
            moved = np.moveaxis(values, source, target)
            if moved.shape == shape or len(shape) < values.ndim:
                yield np.ascontiguousarray(moved).reshape(shape)
