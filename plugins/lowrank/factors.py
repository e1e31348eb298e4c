"""The factorisations themselves: what each rank would cost and lose, and the factors of the ranks that are chosen.

Kernels are in one form here, whatever layer they come from: taps, channels in, channels out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .sites import Site
from .vbmf import vbmf_rank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .sites import Kernel

    Numbers = NDArray[np.float64]
    Ranks = tuple[int, ...]

TENSORLY: Final = tradeoff.Requirement("tensorly", "tensorly")
#: Sweeps of the alternating least squares: for the factors themselves, and where only the error is asked for.
_SWEEPS: Final = 30
_QUICK_SWEEPS: Final = 8
#: How many ranks of a CP are tried out; between them the error is interpolated.
_LADDER: Final = 6


@dataclass(frozen=True)
class Table:
    """What could be chosen for one layer: a row for each choice.

    :param ranks: one or two of them.
    :param weights: of all factors.
    :param macs: of all factors, for one sample.
    :param error: the square of the relative error, as far as it is known beforehand.
    """

    ranks: NDArray[np.int64]
    weights: NDArray[np.int64]
    macs: NDArray[np.int64]
    error: Numbers


@dataclass(frozen=True)
class Method:
    """One way to factorise.

    :param table: what could be chosen, in ranks that are multiples of a number.
    :param automatic: the ranks that are not noise.
    :param factors: the factors, and in the same form the kernel that they make together.
    """

    table: Callable[[Site, int, int], Table]
    automatic: Callable[[Kernel], Ranks]
    factors: Callable[[Kernel, Ranks, int], tuple[list[Numbers], Kernel]]


@contextmanager
def _tensorly() -> Iterator[Any]:
    """On NumPy, whatever the user's own choice for tensorly is."""
    import tensorly

    with tensorly.backend.backend_context("numpy", local_threadsafe=True):
        yield tensorly


def _steps(full: int, multiple: int) -> NDArray[np.int64]:
    import numpy as np

    return np.arange(multiple, full + 1, multiple, dtype=np.int64)


# --- a matrix ---------------------------------------------------------------------------------------


def matrix_table(site: Site, multiple: int, seed: int) -> Table:
    """All ranks of a dense layer or of a 1x1 convolution; the error is that of the singular values left away."""
    import numpy as np

    _, taken, given = site.shape
    values = np.linalg.svd(site.kernel()[0], compute_uv=False)
    ranks = _steps(len(values), multiple)
    # What is left, summed from the small end: the difference of two large sums would be rounding.
    rest = np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0)
    weights = ranks * (taken + given)
    return Table(ranks[:, None], weights, site.given * weights, rest[ranks] / rest[0])


def matrix_factors(kernel: Kernel, ranks: Ranks, seed: int) -> tuple[list[Numbers], Kernel]:
    """The best factors there are, of equal size."""
    import numpy as np

    (rank,) = ranks
    left, values, right = np.linalg.svd(kernel[0], full_matrices=False)
    roots = np.sqrt(values[:rank])
    factors = [left[:, :rank] * roots, roots[:, None] * right[:rank]]
    return factors, (factors[0] @ factors[1])[None]


def matrix_ranks(kernel: Kernel) -> Ranks:
    """What variational Bayes finds."""
    return (vbmf_rank(kernel[0]),)


# --- Tucker-2 ---------------------------------------------------------------------------------------


def tucker_table(site: Site, multiple: int, seed: int) -> Table:
    """All pairs of ranks; the error is that of the truncated core, which the iteration afterwards makes smaller."""
    import numpy as np

    kernel = site.kernel()
    taps, taken, given = site.shape
    core = np.einsum("tio,ip,oq->tpq", kernel, _basis(kernel, 1), _basis(kernel, 2), optimize=True)
    kept = np.cumsum(np.cumsum(np.sum(core**2, axis=0), axis=0), axis=1)
    one, two = (np.unique(np.append(_steps(full, multiple), full)) for full in (taken, given))
    pairs = np.stack(np.meshgrid(one, two, indexing="ij"), axis=-1).reshape(-1, 2)
    # A core that takes fewer values than it gives, or the reverse, has channels that are sums of others.
    low = np.minimum(pairs[:, 0], taps * pairs[:, 1]) == pairs[:, 0]
    pairs = pairs[low & (pairs[:, 1] <= taps * pairs[:, 0]) & (pairs < [taken, given]).any(axis=1)]
    first, last = pairs.T
    ahead, behind = first * taken * (first < taken), last * given * (last < given)
    middle = taps * first * last
    error = np.maximum(0.0, 1 - kept[first - 1, last - 1] / kept[-1, -1])
    return Table(pairs, ahead + middle + behind, site.taken * ahead + site.given * (middle + behind), error)


def _basis(kernel: Kernel, axis: int) -> Numbers:
    """Directions along one axis, the strongest first."""
    import numpy as np

    flat = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
    _, vectors = np.linalg.eigh(flat @ flat.T)
    return np.asarray(vectors[:, ::-1])


def tucker_factors(kernel: Kernel, ranks: Ranks, seed: int) -> tuple[list[Numbers], Kernel]:
    """Channels in, core, channels out; a side whose rank is full is left as it is, and has no factor (an empty one)."""
    import numpy as np

    modes = [axis for axis, rank in zip((1, 2), ranks, strict=True) if rank < kernel.shape[axis]]
    with _tensorly() as tensorly:
        (core, found), _ = tensorly.decomposition.partial_tucker(
            kernel, [ranks[mode - 1] for mode in modes], modes=modes, n_iter_max=_SWEEPS, tol=1e-8, random_state=seed
        )
        whole = tensorly.tenalg.multi_mode_dot(core, found, modes=modes)
    sides = dict(zip(modes, found, strict=True))
    empty = np.empty((0, 0))
    return [sides.get(1, empty), core, sides[2].T if 2 in sides else empty], whole


def tucker_ranks(kernel: Kernel) -> Ranks:
    """What variational Bayes finds in the kernel unfolded along each side."""
    import numpy as np

    return tuple(vbmf_rank(np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)) for axis in (1, 2))


# --- CP ---------------------------------------------------------------------------------------------


def cp_table(apart: bool, errors: bool) -> Callable[[Site, int, int], Table]:
    """All ranks at which something is saved.

    :param apart: the taps of the two dimensions are factors of their own.
    :param errors: whether somebody wants to know the error beforehand; it takes a decomposition for each of some ranks.
    """

    def table(site: Site, multiple: int, seed: int) -> Table:
        taps, taken, given = site.shape
        spatial = sum(site.spatial) if apart else taps
        full = max(1, site.weights // (taken + given + spatial))
        ranks = _steps(full, multiple)
        # Of two depthwise convolutions the first may have more positions than the second.
        between = site.taken * site.spatial[0] + site.given * site.spatial[-1] if apart else site.given * taps
        macs = ranks * (site.taken * taken + between + site.given * given)
        error = _tried(site, ranks, apart, seed) if errors and len(ranks) else 1 / ranks
        return Table(ranks[:, None], ranks * (taken + given + spatial), macs, error)

    return table


def _tried(site: Site, ranks: Any, apart: bool, seed: int) -> Numbers:
    """Errors of a few ranks as they come out, and between them on a straight line over logarithms."""
    import numpy as np

    kernel = _unfolded(site, apart)
    steps = np.unique(np.geomspace(ranks[0], ranks[-1], _LADDER).round().astype(int))
    found = []
    for rank in steps:
        _, whole = _parafac(kernel, int(rank), seed, _QUICK_SWEEPS)
        found.append(max(1e-12, float(np.sum((whole - kernel) ** 2) / np.sum(kernel**2))))
    # More components can only be better; where the iteration has not found that out yet, it is known all the same.
    falling = np.minimum.accumulate(found)
    return np.asarray(np.exp(np.interp(np.log(ranks), np.log(steps), np.log(falling))))


def _unfolded(site: Site, apart: bool) -> Numbers:
    kernel = site.kernel()
    return kernel.reshape(*site.spatial, *kernel.shape[1:]) if apart else kernel


def cp_factors(kernel: Numbers, ranks: Ranks, seed: int) -> tuple[list[Numbers], Kernel]:
    """Channels in, taps (one factor or two), channels out, each component's size shared equally among them."""
    (rank,) = ranks
    found, whole = _parafac(kernel, rank, seed, _SWEEPS)
    *taps, taken, given = found
    return [taken, *taps, given.T], whole.reshape(-1, *kernel.shape[-2:])


def _parafac(kernel: Numbers, rank: int, seed: int, sweeps: int) -> tuple[list[Numbers], Numbers]:
    import numpy as np

    with _tensorly() as tensorly:
        begun = (None, _begun(kernel, rank, seed))
        found = tensorly.decomposition.parafac(kernel, rank, n_iter_max=sweeps, init=begun, tol=1e-7)
        whole = tensorly.cp_to_tensor(found)
    factors = [found.factors[0] * found.weights, *found.factors[1:]]
    sizes = [np.linalg.norm(factor, axis=0) for factor in factors]
    shared = np.prod(sizes, axis=0) ** (1 / len(factors))
    return [factor * shared / np.maximum(size, 1e-300) for factor, size in zip(factors, sizes, strict=True)], whole


def _begun(kernel: Numbers, rank: int, seed: int) -> list[Numbers]:
    """Factors to start from: the strongest directions along each axis, and noise where there are not as many."""
    import numpy as np

    generator = np.random.default_rng(seed)
    return [
        np.concatenate([_basis(kernel, axis), generator.normal(size=(size, rank)) / np.sqrt(size)], axis=1)[:, :rank]
        for axis, size in enumerate(kernel.shape)
    ]


def cp_ranks(kernel: Kernel) -> Ranks:
    """A CP needs at least as many components as the kernel unfolded along any side has ranks."""
    return (max(tucker_ranks(kernel)),)


def methods(name: str, *, apart: bool, errors: bool) -> Method:
    """How ``name`` factorises."""
    if name == "svd":
        return Method(matrix_table, matrix_ranks, matrix_factors)
    if name == "tucker":
        return Method(tucker_table, tucker_ranks, tucker_factors)
    return Method(cp_table(apart, errors), cp_ranks, cp_factors)


def unfold_for(name: str, site: Site, *, apart: bool) -> Numbers:
    """The kernel in the form that the method takes."""
    return _unfolded(site, apart) if name == "cp" else site.kernel()
