"""How many singular values of a matrix stand out of noise: variational Bayesian matrix factorization, solved globally.

The model is V = B A' + noise, with priors on A and B whose variances are found from the data, too (empirical Bayes).
Nakajima, Sugiyama, Babacan and Tomioka (2013) have shown that its global solution is analytic: a singular value stays
if it lies over a threshold that depends on the noise and the matrix's shape alone, and the noise is the minimum of a
function of one variable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

#: Points at which the noise is tried before the best of them is refined: the function may have several minima.
_TRIED: Final = 200


def vbmf_rank(matrix: NDArray[Any]) -> int:
    """The number of singular values of ``matrix`` that are more than noise; 0 where none is."""
    import numpy as np

    rows, columns = sorted(matrix.shape)
    values = np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False)
    if not values[0] > 0:
        return 0
    # In units of the mean square, in which noise is of the order of 1 or less.
    squares = values**2 / np.mean(np.square(matrix, dtype=np.float64))
    shape = rows / columns
    least = _least_signal(shape)
    noise = _noise(squares, columns, shape, least)
    return int(np.count_nonzero(squares > noise * columns * least))


def _least_signal(shape: float) -> float:
    """The smallest square of a singular value that stays, in units of noise times the longer side."""
    from scipy.optimize import brentq

    def balance(signal: float) -> float:
        return _evidence(signal) + _evidence(signal / shape)

    # The root is near 2.5 times the square root of the quotient of the sides.
    signal = float(brentq(balance, 1e-3 * math.sqrt(shape), 1e3))
    return (1 + signal) * (1 + shape / signal)


def _evidence(signal: float) -> float:
    return math.log1p(signal) / signal - 0.5


def _noise(squares: Numbers, columns: int, shape: float, least: float) -> float:
    """The variance of the noise that makes the free energy smallest."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    low, high = _bounds(squares, columns, shape, least)
    if not low < high:
        return high
    energy = _free_energy(squares, columns, shape, least)
    logarithms = np.linspace(math.log(low), math.log(high), _TRIED)
    best = int(np.argmin([energy(each) for each in logarithms]))
    edges = logarithms[max(0, best - 1)], logarithms[min(_TRIED - 1, best + 1)]
    return math.exp(float(minimize_scalar(energy, bounds=edges, method="bounded").x))


def _bounds(squares: Numbers, columns: int, shape: float, least: float) -> tuple[float, float]:
    """Between which the variance lies: at least what the smallest values show, at most all that there is."""
    rows = len(squares)
    most = min(math.ceil(rows / (1 + shape)) - 1, rows - 1)
    rest = squares[most:]
    low = max(float(rest[0]) / (columns * least), float(rest.mean()) / columns)
    # Without any noise the logarithm of it has no end.
    return max(low, 1e-12), float(squares.mean()) / columns


def _free_energy(squares: Numbers, columns: int, shape: float, least: float) -> Callable[[float], float]:
    """As a function of the variance's logarithm, up to constants."""
    import numpy as np

    def energy(logarithm: float) -> float:
        found = np.maximum(squares, 1e-300) / (columns * math.exp(logarithm))
        total = float(np.sum(found - np.log(found)))
        over = found[found > least]
        middle = over - (1 + shape)
        signal = (middle + np.sqrt(np.maximum(0.0, middle**2 - 4 * shape))) / 2
        return total + float(np.sum(np.log1p(signal) + shape * np.log1p(signal / shape) - signal))

    return energy
