"""Masks: the share that goes is exact, the largest stay, and of four neighbours two do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tradeoff.plugins.prune.masks import SPARED, is_two_of_four, local, together, two_of_four

Array = np.ndarray[Any, Any]
NUMBERS = st.floats(-2, 2, width=32)
KERNELS = arrays(np.float32, array_shapes(min_dims=2, max_dims=4, max_side=9), elements=NUMBERS)
SHARES = st.floats(0.0, 0.99)


@given(kernel=KERNELS, sparsity=SHARES)
def test_of_each_kernel_exactly_that_share_goes_and_the_largest_stay(kernel: Array, sparsity: float) -> None:
    (mask,) = local([kernel], sparsity)
    assert np.count_nonzero(~mask) == round(sparsity * kernel.size)
    if mask.any() and not mask.all():
        assert np.abs(kernel[mask]).min() >= np.abs(kernel[~mask]).max()


@given(kernel=KERNELS, less=SHARES, more=SHARES)
def test_what_goes_at_a_low_sparsity_goes_at_a_higher_one(kernel: Array, less: float, more: float) -> None:
    low, high = sorted((less, more))
    (at_low,), (at_high,) = local([kernel], low), local([kernel], high)
    assert not np.any(at_high & ~at_low)
    # Pruned again to the same sparsity nothing changes.
    (again,) = local([np.where(at_high, kernel, 0)], high)
    assert not np.any(again & ~at_high & (kernel != 0))


@given(kernels=st.lists(KERNELS, min_size=1, max_size=4), sparsity=SHARES)
def test_one_threshold_for_all_spares_the_largest_of_each(kernels: list[Array], sparsity: float) -> None:
    masks = together(kernels, sparsity)
    whole = sum(kernel.size for kernel in kernels)
    spared = sum(max(1, round(SPARED * kernel.size)) for kernel in kernels)
    kept = sum(int(mask.sum()) for mask in masks)
    assert kept == max(whole - round(sparsity * whole), spared)
    assert all(mask.sum() >= max(1, round(SPARED * mask.size)) for mask in masks)


def test_one_threshold_takes_more_from_the_kernel_of_smaller_weights() -> None:
    generator = np.random.default_rng(0)
    small, large = generator.normal(size=(2, 30, 30))
    masks = together([0.1 * small, large], 0.5)
    assert masks[0].mean() < 0.2
    assert masks[1].mean() > 0.8


@given(kernel=KERNELS)
def test_of_every_four_along_the_inputs_two_stay_and_they_are_the_largest(kernel: Array) -> None:
    mask = two_of_four(kernel)
    matrix, kept = kernel.reshape(-1, kernel.shape[-1]), mask.reshape(-1, kernel.shape[-1])
    for start in range(0, len(matrix), 4):
        for output in range(matrix.shape[1]):
            group, stays = np.abs(matrix[start : start + 4, output]), kept[start : start + 4, output]
            assert stays.sum() == min(2, len(group))
            if not stays.all():
                assert group[stays].min() >= group[~stays].max()
    assert is_two_of_four(np.where(mask, kernel, 0))


def test_three_of_four_are_found_out() -> None:
    kernel = np.zeros((8, 3), np.float32)
    kernel[4:7, 1] = 1
    assert not is_two_of_four(kernel)
    kernel[6, 1] = 0
    assert is_two_of_four(kernel)


def test_groups_of_four_run_along_the_channels_of_one_position() -> None:
    kernel = np.zeros((3, 3, 4, 2), np.float32)
    kernel[1, 1, :3, 0] = 1
    assert not is_two_of_four(kernel)
    assert two_of_four(np.ones((3, 3, 4, 2)))[0, 0, :, 0].tolist() == [True, True, False, False]


@pytest.mark.parametrize("sparsity", [0.0, 0.99])
def test_the_ends_of_the_range_are_fine(sparsity: float) -> None:
    (mask,) = local([np.arange(100.0).reshape(10, 10)], sparsity)
    assert mask.sum() == round(100 * (1 - sparsity))
