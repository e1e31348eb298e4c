"""Runs whose cells have answered the same samples one by one: nets that are surer where they are right."""

from __future__ import annotations

import random
from typing import Any

from decided_runs import cell, number, run
from hypothesis import strategies as st

from tradeoff.answers import Answers
from tradeoff.record import Record, Run

CONFIDENCES = (0.0, 0.2, 0.5, 0.5001, 0.75, 0.9, 0.9999, 1.0)


def answers(samples: int) -> st.SearchStrategy[Answers]:
    """Few confidences, so that many samples share one."""
    sure = st.lists(st.sampled_from(CONFIDENCES), min_size=samples, max_size=samples)
    right = st.lists(st.booleans(), min_size=samples, max_size=samples)
    return st.builds(lambda c, r: Answers(tuple(c), tuple(r), samples), sure, right)


def of_skill(skill: float, samples: int, split: str, net: str) -> Answers:
    """A sample is as hard as a coin says that all nets share; who is nearly at its limit is unsure."""
    hard, own = random.Random(f"hard {split}"), random.Random(f"{net} {split}")
    sure, right = [], []
    for _ in range(samples):
        margin = skill - hard.random() + own.gauss(0, 0.05)
        right.append(margin > 0 or own.random() < 0.1)
        sure.append(round(min(1.0, 0.1 + max(0.0, 0.5 + margin)), 4))
    return Answers(tuple(sure), tuple(right), samples)


def answered(
    name: str,
    skill: float,
    latency: float,
    *verdicts: str,
    samples: int = 500,
    energy: float | None = None,
    **facts: Any,
) -> Record:
    """A measured cell with what it answered on both splits."""
    net = name.partition("/")[0]
    splits = {split: of_skill(skill, samples, split, net) for split in ("validation", "test")}
    accuracy = sum(splits["test"].right) / samples
    values = {
        "latency": number("latency", latency, 0.01),
        "latency_p99": number("latency_p99", 1.5 * latency),
        "artifact_bytes": number("artifact_bytes", 1e8 * latency),
        "peak_bytes": number("peak_bytes", 4e6 + 1e8 * latency),
        **({"energy": number("energy", energy, 0.05)} if energy is not None else {}),
        "accuracy": number("accuracy", accuracy),
    }
    told = {"answers": {split: one.to_json() for split, one in splits.items()}, "test_samples": samples}
    return cell(name, values, *verdicts, **{**told, **facts})  # type: ignore[arg-type]


def three(**more: Any) -> Run:
    """A small, a middle and a large net, each dearer and better than the one before."""
    return run(
        answered("dense/int8", 0.80, 1e-3, energy=1e-4, **more),
        answered("cnn/int8", 0.90, 4e-3, energy=5e-4, **more),
        answered("mobilenet/baseline", 0.97, 20e-3, energy=3e-3, **more),
    )


@st.composite
def small_runs(draw: st.DrawFn) -> Run:
    """A few cells that have answered a few samples each, with numbers that often tie."""
    count, samples = draw(st.integers(2, 4)), draw(st.sampled_from([6, 12]))

    def one(place: int) -> Record:
        splits = {split: draw(answers(samples)) for split in ("validation", "test")}
        values: dict[str, Any] = {"accuracy": number("accuracy", sum(splits["test"].right) / samples)}
        for name, scale in (("latency", 1e-3), ("energy", 1e-3), ("artifact_bytes", 1e3)):
            worth = draw(st.sampled_from([None, 1, 2, 3, 5, 8]))
            if worth is not None:
                values[name] = number(name, worth * scale, draw(st.sampled_from([0.0, 0.3])))
        told = {split: found.to_json() for split, found in splits.items()}
        verdicts = draw(st.sampled_from([(), (), (), ("noisy",), ("below floor 0.5",)]))
        return cell(f"m/c{place}", values, *verdicts, answers=told, test_samples=samples, floor=0.5)

    return run(*(one(place) for place in range(count)))
