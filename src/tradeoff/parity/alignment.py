"""Which tensor of an artifact is which layer's output, told by names, values, sizes and order.

A runtime fuses layers, adds operators of its own, and names tensors as its converter likes; and where a conversion
went wrong, the values of what belongs together are not alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradeoff.formats.keras_layers import LayerOutput
    from tradeoff.vocabulary import Array

#: From here on two outputs are told to be the same by their values alone: more than by a name.
_PLAIN: Final = 0.99
#: From here on they are likely to be, where nothing else is known.
_CLEAR: Final = 0.9
#: Layers and activations that hand on what is wrong: behind them nothing looks right again.
_KEEPING: Final = frozenset(
    {
        *("BatchNormalization", "Dropout", "Flatten", "LeakyReLU", "PReLU", "ReLU", "Rescaling", "Reshape"),
        *("elu", "gelu", "leaky_relu", "relu", "relu6", "silu"),
    }
)
#: Values that a likeness is taken of; more of them would only take longer.
_MOST: Final = 65_536

#: Number of the tensor, and its values as the layer has them.
Match = tuple[int, "Array"]
Score = Callable[[tuple[int, int]], float]


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
                if _base(layer.name) in words[number]:
                    self.named.add(pair)
        self._known = {number for place, number in self.likeness if self.is_clear((place, number))}

    def score(self, pair: tuple[int, int]) -> float:
        """What a match is worth; nothing where neither its values nor its name speak for it."""
        likeness = max(self.likeness.get(pair, 0.0), 0.0)
        if likeness < _CLEAR and pair[1] in self._known:
            # Another layer's, which a runtime has twice.
            return 0.0
        worth = likeness if likeness >= _CLEAR else 0.0
        if pair in self.named:
            # It stands whatever went wrong.
            worth = 1.0 + likeness
        return worth + (2.0 if self.is_plain(pair) else 0.0)

    def size_alone(self, pair: tuple[int, int]) -> float:
        """The same where nothing but the size speaks for it."""
        return 1.0 + self.likeness[pair] if pair in self.likeness else 0.0

    def is_clear(self, pair: tuple[int, int]) -> bool:
        """Whether the values alone tell that the two are the same."""
        return self.likeness[pair] >= _CLEAR

    def is_plain(self, pair: tuple[int, int]) -> bool:
        """Whether they tell it beyond doubt."""
        return self.likeness.get(pair, 0.0) >= _PLAIN

    def match(self, pair: tuple[int, int]) -> Match:
        """The tensor's number and values."""
        return pair[1], self._values[pair]


def align(layers: Sequence[LayerOutput], tensors: Mapping[str, Array]) -> list[Match | None]:
    """For each layer the tensor that stands for it, each tensor for one layer at most."""
    pairs = _Pairs(layers, tensors)
    found = _in_order(pairs.score, range(len(layers)), range(len(tensors)))
    found |= _out_of_order(pairs, found)
    found = _without_parts(pairs, layers, found)
    # What is broken does not mend: before a layer that is right, what nothing speaks for is the runtime's own.
    last = max((place for place, number in found.items() if pairs.is_clear((place, number))), default=-1)
    left = [place for place in range(last + 1, len(layers)) if place not in found]
    found |= _in_order(pairs.size_alone, left, _free(found, last, len(tensors)))
    return [pairs.match((place, found[place])) if place in found else None for place in range(len(layers))]


def _without_parts(pairs: _Pairs, layers: Sequence[LayerOutput], found: Mapping[int, int]) -> dict[int, int]:
    """Without what bears a layer's name and is a part of its arithmetic: what comes next would be wrong as well."""
    kept: dict[int, int] = {}
    for place in sorted(found, reverse=True):
        after = min(kept, default=None)
        mended = after is not None and pairs.is_plain((after, kept[after])) and _keeps(layers[place], layers[after])
        if pairs.is_clear((place, found[place])) or not mended:
            kept[place] = found[place]
    return kept


def _keeps(layer: LayerOutput, after: LayerOutput) -> bool:
    return (layer.before if layer.before and layer.name == after.name else after.kind) in _KEEPING


def _free(found: Mapping[int, int], last: int, tensors: int) -> list[int]:
    """The tensors behind that of the layer ``last`` that stand for no other."""
    taken = set(found.values())
    return [number for number in range(found.get(last, -1) + 1, tensors) if number not in taken]


def cosine(ours: Array, theirs: Array) -> float:
    """Likeness of two arrays as one vector each; 0 where one is zero or holds what is no number."""
    import numpy as np

    a, b = (np.asarray(values, np.float64).reshape(-1) for values in (ours, theirs))
    with np.errstate(all="ignore"):
        found = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return found if np.isfinite(found) else float(np.array_equal(a, b))


def _in_order(score: Score, layers: Sequence[int], tensors: Sequence[int]) -> dict[int, int]:
    """The matches that are worth most together, both sides in their own order."""
    worth = [[score((place, number)) for number in tensors] for place in layers]
    best = [[0.0] * (len(tensors) + 1) for _ in range(len(layers) + 1)]
    for row in reversed(range(len(layers))):
        for column in reversed(range(len(tensors))):
            taken = worth[row][column] + best[row + 1][column + 1] if worth[row][column] else 0.0
            best[row][column] = max(taken, best[row + 1][column], best[row][column + 1])
    found: dict[int, int] = {}
    row = column = 0
    while row < len(layers) and column < len(tensors):
        if best[row][column] == best[row + 1][column]:
            row += 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            found[layers[row]] = tensors[column]
            row, column = row + 1, column + 1
    return found


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
    """The layers in a tensor's name, such as ``net_1/conv2d_1/Relu;net_1/conv2d_1/BiasAdd``."""
    return set(map(_base, re.split(r"[/;:.]", name)))


def _base(name: str) -> str:
    """Without numbers: converters count anew, and in their own way. Which of several it is, the order tells."""
    return re.sub(r"(_\d+)+$", "", name)


def _arranged(values: Array, like: Array) -> tuple[float, Array] | None:
    """``values`` in the shape of ``like``, and how alike the two are then; nothing where the sizes differ."""
    import numpy as np

    if values.size != like.size or not values.ndim or values.shape[0] != like.shape[0]:
        return None
    step = max(1, like.size // _MOST)
    wanted = like.reshape(-1)[::step]
    options = [(_likeness(one.reshape(-1)[::step], wanted), one) for one in _layouts(values, like.shape)]
    likeness, best = max(options, key=lambda option: option[0])
    return likeness, np.ascontiguousarray(best).reshape(like.shape)


def _likeness(ours: Array, theirs: Array) -> float:
    """The cosine, and less of it where one is larger than the other."""
    import numpy as np

    with np.errstate(all="ignore"):
        lengths = sorted(float(np.linalg.norm(np.asarray(one, np.float64))) for one in (ours, theirs))
        ratio = lengths[0] / lengths[1] if lengths[1] else 1.0
    return cosine(ours, theirs) * ratio if np.isfinite(ratio) else 0.0


def _layouts(values: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """Channels may stand last or first."""
    import numpy as np

    yield values.reshape(shape)
    if values.ndim > 2:
        for source, target in ((1, -1), (-1, 1)):
            moved = np.moveaxis(values, source, target)
            if moved.shape == shape or len(shape) < values.ndim:
                yield np.ascontiguousarray(moved).reshape(shape)
