"""Fronts and a decision over very many cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from figures import Note
from many_rows import many_rows

from tradeoff.cli import main
from tradeoff.decide.fronts import front_of

POINTS = 100_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's JSON file."""
    return many_rows(tmp_path_factory.mktemp("decide"))


@pytest.mark.benchmark(group="deciding")
@pytest.mark.parametrize("spread", [0.0, 0.01], ids=["exact", "with intervals"])
@pytest.mark.parametrize("shape", ["cloud", "band", "shell"])
def test_a_front_of_three_dimensions(
    shape: str, spread: float, compare: Callable[..., list[float]], figure: Note
) -> None:
    random = np.random.default_rng(0)
    cloud = random.random((POINTS, 3))
    normal = random.normal(size=(POINTS, 3))
    values = {
        "cloud": cloud,
        "band": random.random((POINTS, 1)) + 0.05 * cloud,
        "shell": 1 - abs(normal) / np.linalg.norm(normal, axis=1, keepdims=True),
    }[shape]
    ends = (values - spread * cloud, values + spread * cloud) if spread else ()
    (took,) = compare(lambda: front_of(values, *ends), rounds=3)
    figure(f"3-D front of 100,000 points, {shape}{', intervals' * bool(spread)}", took, 2.0)


@pytest.mark.benchmark(group="deciding")
def test_table_and_fronts_of_ten_thousand_rows(
    path: Path, compare: Callable[..., list[float]], figure: Note, tmp_path: Path
) -> None:
    (took,) = compare(lambda: main(["report", str(path), "--output", str(tmp_path / "report")]), rounds=3)
    figure("table and fronts of 10,000 rows", took, 2.0)


@pytest.mark.benchmark(group="deciding")
def test_a_recommendation_from_ten_thousand_rows(
    path: Path, compare: Callable[..., list[float]], figure: Note, tmp_path: Path
) -> None:
    command = ["recommend", str(path), "--max-size", "60kB", "--json", "--output", str(tmp_path / "answer.json")]
    (took,) = compare(lambda: main(command), rounds=3)
    figure("recommendation from 10,000 rows", took, 3.0)
