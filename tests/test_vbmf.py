"""How many singular values stand out of noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.plugins.lowrank.vbmf import vbmf_rank

SHAPES = st.tuples(st.integers(40, 90), st.integers(40, 200))


def matrix(shape: tuple[int, int], rank: int, noise: float, seed: int) -> np.ndarray:
    """Low rank, and noise of that size beside entries of size 1."""
    generator = np.random.default_rng(seed)
    low = generator.normal(size=(shape[0], rank)) @ generator.normal(size=(rank, shape[1])) / max(1, rank) ** 0.5
    return np.asarray(low + noise * generator.normal(size=shape))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SHAPES, st.integers(1, 6), st.floats(0.001, 0.3), st.integers(0, 1000))
def test_the_rank_under_the_noise_is_found(shape: tuple[int, int], rank: int, noise: float, seed: int) -> None:
    assert vbmf_rank(matrix(shape, rank, noise, seed)) == rank


@settings(max_examples=20, deadline=None, derandomize=True)
@given(SHAPES, st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_noise_alone_has_rank_zero_whatever_its_size(shape: tuple[int, int], size: float, seed: int) -> None:
    assert vbmf_rank(size * np.random.default_rng(seed).normal(size=shape)) == 0


def test_a_signal_is_found_just_above_the_edge_of_the_noise_and_not_below_it() -> None:
    """Singular values of noise end at sqrt(rows) + sqrt(columns); with one of the signal so much larger it is told."""
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(100, 400))
    left, right = (np.linalg.qr(generator.normal(size=(size, 1)))[0] for size in (100, 400))
    edge = 10 + 20
    assert vbmf_rank(noise + 1.3 * edge * left @ right.T) == 1
    assert vbmf_rank(noise + 0.5 * edge * left @ right.T) == 0


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_neither_scale_nor_orientation_matters(scale: float) -> None:
    given = matrix((30, 70), 4, 0.1, 0)
    assert vbmf_rank(scale * given) == vbmf_rank(scale * given.T) == 4


def test_an_exact_product_has_its_rank_and_zeros_have_none() -> None:
    assert vbmf_rank(matrix((20, 30), 3, 0.0, 0)) == 3
    assert vbmf_rank(np.zeros((5, 7))) == 0


def test_a_single_row_is_no_reason_to_fail() -> None:
    assert vbmf_rank(np.ones((1, 9))) in (0, 1)
