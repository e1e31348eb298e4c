"""Augmentation for small pictures: every one stays, or moves by one pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from tradeoff.vocabulary import Array


def shift(x: Array, generator: np.random.Generator) -> Array:
    """A copy of ``x``, shape (n, height, width, channels); each picture stays or moves up, down, left or right."""
    import numpy as np

    count, height, width = x.shape[:3]
    down, right = np.array([(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)])[generator.integers(0, 5, size=count)].T
    # What moves in is background; rolling would bring in the other side's ink.
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = down[:, np.newaxis] + np.arange(height)
    columns = right[:, np.newaxis] + np.arange(width)
    pictures = np.arange(count)[:, np.newaxis, np.newaxis]
    moved: Array = padded[pictures, rows[:, :, np.newaxis], columns[:, np.newaxis, :]]
    return moved
