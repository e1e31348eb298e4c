"""What ``tradeoff order`` says of runs, and what runs it refuses to speak of."""

from __future__ import annotations

from typing import Any

import pytest

from tradeoff.errors import BadInput
from tradeoff.ordering.plan import ways_of
from tradeoff.ordering.telling import tell
from tradeoff.record import Axes, Measurement, Record, Run
from tradeoff.registry import load_registry

WAYS = ways_of(["prune", "cluster"], 12, load_registry().techniques)
SCORES = {"baseline": 0.98, "prune:epochs=12": 0.97, "cluster:epochs=12": 0.96, "prune+cluster": 0.95}


def run(seed: int, **changed: Any) -> Run:
    """Clustering first costs two points more, and a little noise is in everything."""
    records = []
    for number, way in enumerate(WAYS.ways):
        score = SCORES.get(way.chain, 0.93) + 0.0001 * ((seed * 7 + number * 3) % 5)
        measurements = {
            "accuracy": Measurement(changed.get("score", score), "1", "higher"),
            "artifact_bytes": Measurement(1000.0, "B", "lower"),
        }
        facts = {"metric": changed.get("metric", "accuracy")}
        status = changed.get("status", "measured")
        reason = changed.get("reason", "")
        axes = Axes("cnn", way.chain, "litert", "host-cpu", "b1")
        records.append(Record(axes, status=status, reason=reason, measurements=measurements, facts=facts))
    return Run(f"seed-{seed}", "2026-01-01", records=tuple(records))


def test_every_chain_stands_with_its_gain_and_the_best_comes_first() -> None:
    told = tell("cnn", WAYS, {seed: run(seed) for seed in range(4)})
    assert told[0] == ("cnn: 5 chains, each with 12 epochs of training in all and ending in baseline; seeds 0, 1, 2, 3")
    assert [line.split("  ")[0] for line in told[2:8]] == [
        "techniques", "none of them", "prune", "cluster", "prune, then cluster", "cluster, then prune"
    ]  # fmt: skip
    assert "95.0" in told[6]
    assert "1.00 kB" in told[6]


def test_an_order_that_matters_is_shown_with_its_interval() -> None:
    told = "\n".join(tell("cnn", WAYS, {seed: run(seed) for seed in range(4)}))
    line = next(line for line in told.splitlines() if "over the reverse" in line)
    assert line.split() == ["prune,", "then", "cluster,", "over", "the", "reverse", *line.split()[6:]]
    assert float(line.split()[6]) == pytest.approx(2.0, abs=0.03)
    assert line.endswith("shown")
    assert not line.endswith("not shown")
    assert "by Student's t over 4 seeds" in told


def test_one_seed_shows_nothing() -> None:
    told = "\n".join(tell("cnn", WAYS, {0: run(0)}))
    assert "one seed tells nothing of noise" in told
    assert "Student" not in told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"status": "refused", "reason": "no such layer"},
            "cnn/baseline/litert/host-cpu/b1 was refused: no such layer",
        ),
        ({"metric": ""}, "has no metric, so no order can be better"),
        ({"score": None}, "has no accuracy: it is unavailable"),
    ],
)
def test_a_chain_without_a_number_ends_it_with_the_reason(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        tell("cnn", WAYS, {0: run(0, **changed)})


def test_a_run_of_other_chains_is_not_taken_for_this_one() -> None:
    with pytest.raises(BadInput, match="has no chain baseline; name another folder"):
        tell("cnn", WAYS, {0: Run("seed-0", "2026-01-01")})
