"""Which layer gets how many bits: the steps that save most for what they lose come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FLOAT: Final = 32


@dataclass(frozen=True)
class Prices:
    """What is known of each layer.

    :param bytes: by width.
    :param rises: by width, how much the loss rises with this layer alone in it; floating point has none.
    """

    bytes: Sequence[Mapping[int, int]]
    rises: Sequence[Mapping[int, float]]

    def rise(self, layer: int, width: int) -> float:
        """A loss that falls by rounding is chance: it counts as none."""
        return 0.0 if width == FLOAT else max(0.0, self.rises[layer][width])


@dataclass(frozen=True)
class Choice:
    """Bits for every layer, and the bytes that they take."""

    bits: tuple[int, ...]
    bytes: int


def choose(prices: Prices) -> list[Choice]:
    """From floating point everywhere to the fewest bytes, one layer's step at a time.

    Steps of a layer are taken in the order of its lower hull, so that each next one loses more for a byte saved.
    """
    steps = sorted(step for layer in range(len(prices.bytes)) for step in _steps(prices, layer))
    bits = [FLOAT] * len(prices.bytes)
    found = [_choice(prices, bits)]
    for _, _, layer, width in steps:
        bits[layer] = width
        found.append(_choice(prices, bits))
    return found


def _choice(prices: Prices, bits: Sequence[int]) -> Choice:
    return Choice(tuple(bits), sum(sizes[width] for sizes, width in zip(prices.bytes, bits, strict=True)))


def _steps(prices: Prices, layer: int) -> list[tuple[float, int, int, int]]:
    """Loss for a byte saved, how many steps come before it, the layer and the width, in the order of the hull."""
    sizes, here, found = prices.bytes[layer], FLOAT, list[tuple[float, int, int, int]]()
    while True:
        smaller = [width for width in sizes if sizes[width] < sizes[here]]
        if not smaller:
            return found
        slopes = {
            width: (prices.rise(layer, width) - prices.rise(layer, here)) / (sizes[here] - sizes[width])
            for width in smaller
        }
        # Of equal slopes the wider: the next step then goes on from there.
        width = min(smaller, key=lambda each: (slopes[each], -each))
        # Rounding to 4 bits may cost less than to 8 by chance; a later step is never taken before an earlier one.
        slope = max(slopes[width], found[-1][0] if found else slopes[width])
        found.append((slope, len(found), layer, width))
        here = width
