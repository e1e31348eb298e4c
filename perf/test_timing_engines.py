"""What the suite reports for a request on TensorFlow, on JAX and in Keras, against a bare loop over the same one."""

from __future__ import annotations

import pytest
from bare import Against
from figures import Note, cell_of


@pytest.mark.benchmark(group="a request on TensorFlow, on JAX and in Keras")
@pytest.mark.parametrize("spelling", ["jax", "keras:engine=jax", "keras:engine=tensorflow", "savedmodel"])
def test_the_suite_against_a_bare_loop(spelling: str, against: Against, figure: Note) -> None:
    wanted = cell_of(against.supply, "dense", "baseline", spelling)
    backend = against.supply.registry.backends[wanted.backend.name]
    if not all(need.installed() for need in backend.needs(wanted.backend.parameters)):
        pytest.skip(f"{spelling} cannot run here")
    figure(f"dense/baseline/{spelling}: reported latency against a bare loop", against.ratio(wanted), 1.03, "x")
