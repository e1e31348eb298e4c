"""Inference: what a request costs, and what the shipped artifact is worth.

One item for each cell of the matrix. Quality is that of the artifact on its own runtime; latency is that of
whole requests, host array in, host array out.
"""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.corridor import Corridor


def test_inference(corridor: Corridor, benchmark: BenchmarkFixture) -> None:
    variant = corridor.build()
    artifact = corridor.convert(variant)
    corridor.evaluate(artifact)
    corridor.time(artifact, benchmark)
    corridor.energy(artifact)
    corridor.footprint(artifact)
    corridor.profile(artifact)
