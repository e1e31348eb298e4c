"""Clustering: so many values and no more, kept in fine-tuning, and zeros of an earlier pruning among them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing import accuracy, applied, layers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from trained import NOISE

from tradeoff.plugins import cluster
from tradeoff.plugins.cluster import clustered
from tradeoff.plugins.prune import technique as prune

pytestmark = [*(pytest.mark.filterwarnings(line) for line in NOISE)]
TECHNIQUES = [*prune.tradeoff_techniques(), *cluster.tradeoff_techniques()]
Array = np.ndarray[Any, Any]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@settings(deadline=None)
@given(
    kernel=arrays(np.float32, (12, 10), elements=st.floats(-3, 3, width=32)),
    count=st.integers(2, 40),
    start=st.sampled_from(["linear", "kmeans++"]),
)
def test_a_kernel_has_so_many_values_at_most_and_its_zeros_are_the_same(kernel: Array, count: int, start: str) -> None:
    made = clustered(kernel, count, start, generator())
    assert made.dtype == kernel.dtype
    assert len(np.unique(made[made != 0])) <= count
    np.testing.assert_array_equal(made == 0, kernel == 0)


@pytest.mark.parametrize("start", ["linear", "kmeans++"])
def test_every_weight_has_the_nearest_centroid_and_every_centroid_is_the_mean_of_its_weights(start: str) -> None:
    kernel = generator().normal(size=(40, 30))
    made = clustered(kernel, 8, start, generator())
    centroids = np.unique(made)
    assert len(centroids) == 8
    nearest = centroids[np.abs(kernel[..., None] - centroids).argmin(axis=-1)]
    np.testing.assert_allclose(made, nearest, atol=1e-9)
    for centroid in centroids:
        assert kernel[made == centroid].mean() == pytest.approx(centroid, abs=1e-6)


def test_values_that_are_few_already_stay_as_they_are() -> None:
    kernel = np.tile(np.array([-1.0, 0.0, 0.5, 2.0], np.float32), (5, 1))
    np.testing.assert_array_equal(clustered(kernel, 3, "kmeans++", generator()), kernel)


def test_more_clusters_are_nearer() -> None:
    kernel = generator().normal(size=(50, 50))
    errors = [np.square(kernel - clustered(kernel, count, "kmeans++", generator())).mean() for count in (2, 4, 8, 32)]
    assert all(coarse > 2 * fine for coarse, fine in pairwise(errors))


@pytest.mark.frameworks
def test_a_clustered_net_has_its_values_after_fine_tuning_and_still_knows_digits() -> None:
    (made,) = applied("cluster:8:epochs=2", TECHNIQUES)
    for name, row in layers(made.model).items():
        assert (row["unique"] <= 8) is (name not in made.left_out), name
    assert accuracy(made.model) > 0.7


@pytest.mark.frameworks
def test_a_kernel_with_fewer_than_two_weights_for_each_cluster_is_left_out() -> None:
    (made,) = applied("cluster:256:epochs=0:smallest=1", TECHNIQUES)
    assert made.left_out["conv2d"].startswith("tiny: 288 weights that are not zero, fewer than two for each of 256")


@pytest.mark.frameworks
@pytest.mark.parametrize("chain", ["prune:0.5:epochs=1+cluster:16:epochs=1", "cluster:16:epochs=1+prune:0.5:epochs=1"])
def test_pruning_and_clustering_keep_each_other_through_files(chain: str, tmp_path: Path) -> None:
    first, last = applied(chain, TECHNIQUES, folder=tmp_path)
    zeros = {name: row["sparsity"] for name, row in layers(first.model).items()}
    for name, row in layers(last.model).items():
        if name not in last.left_out:
            assert row["sparsity"] == pytest.approx(0.5, abs=1e-3)
            # Sixteen, and the zero that pruning has made.
            assert row["unique"] <= 17
            assert row["sparsity"] >= zeros[name] - 1e-9
