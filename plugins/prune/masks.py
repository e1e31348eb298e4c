"""Which weights go: by magnitude, in each kernel or over all of them, or two of every four."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Mask = NDArray[np.bool_]

#: Under a threshold for all kernels together each of them keeps this share of its weights: none is cut off.
SPARED: Final = 0.05


def local(kernels: Sequence[Array], sparsity: float) -> list[Mask]:
    """Of each kernel the same share goes."""
    return [_largest(kernel, kernel.size - round(sparsity * kernel.size)) for kernel in kernels]


def together(kernels: Sequence[Array], sparsity: float) -> list[Mask]:
    """Of all weights together a share goes, wherever they are; each kernel keeps its largest ones in any case."""
    import numpy as np

    spared = [_largest(kernel, max(1, round(SPARED * kernel.size))) for kernel in kernels]
    sizes = [np.where(mask, np.inf, np.abs(kernel)).reshape(-1) for mask, kernel in zip(spared, kernels, strict=True)]
    whole = np.concatenate(sizes)
    kept = _largest(whole, whole.size - round(sparsity * whole.size))
    parts = np.split(kept, np.cumsum([size.size for size in sizes])[:-1])
    return [part.reshape(kernel.shape) | mask for part, kernel, mask in zip(parts, kernels, spared, strict=True)]


def two_of_four(kernel: Array) -> Mask:
    """Of every four neighbours along the inputs of one output the two largest stay.

    The inputs of a convolution are its kernel's positions and channels, the channels running fastest; where their
    number is no multiple of four, the last group is smaller, and at most two of it stay.
    """
    import numpy as np

    matrix = np.abs(kernel.reshape(-1, kernel.shape[-1])).astype(np.float64)
    rows, outputs = matrix.shape
    padded = np.pad(matrix, ((0, -rows % 4), (0, 0)), constant_values=-1.0)
    groups = padded.reshape(-1, 4, outputs)
    ranks = np.argsort(np.argsort(-groups, axis=1, kind="stable"), axis=1, kind="stable")
    kept: Mask = (ranks < 2).reshape(padded.shape)[:rows].reshape(kernel.shape)
    return kept


def is_two_of_four(kernel: Array) -> bool:
    """Whether at most two of every four neighbours along the inputs are not zero, counted afresh from the weights."""
    import numpy as np

    matrix = kernel.reshape(-1, kernel.shape[-1])
    starts = range(0, len(matrix), 4)
    return all(int(np.count_nonzero(matrix[start : start + 4], axis=0).max(initial=0)) <= 2 for start in starts)


def _largest(kernel: Array, count: int) -> Mask:
    """The ``count`` weights of the largest magnitude; of equal ones those that come first."""
    import numpy as np

    order = np.argsort(-np.abs(kernel).reshape(-1), kind="stable")
    mask = np.zeros(kernel.size, bool)
    mask[order[:count]] = True
    return mask.reshape(kernel.shape)
