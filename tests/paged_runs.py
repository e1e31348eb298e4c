"""Runs for the page: a group measured here, one on a device that is not here, and what was never measured."""

from __future__ import annotations

from decided_runs import cell, number, run

from tradeoff.record import Axes, Record, Run

PROFILE = {
    "source": "a profiler",
    "seconds": "measured",
    "operators": [
        {"name": "a/conv", "kind": "CONV_2D", "seconds": 3e-6, "weights_bytes": 400, "output_bytes": 64, "flops": 9e3},
        {
            "name": "a/dense",
            "kind": "FULLY_CONNECTED",
            "seconds": 1e-6,
            "weights_bytes": 90,
            "output_bytes": 8,
            "flops": 2e3,
        },
    ],
}
METERS = {"meters": {"rapl package": {"joules": 2e-3}, "rapl dram": {"joules": 5e-4}}}
CHAINS = {"baseline": 1.0, "fp16": 0.8, "int8": 0.3, "prune:0.5+int8": 0.25, "prune:0.8+int8": 0.2}


def measured(name: str, share: float, *, away: bool = False, accuracy: float = 0.98) -> Record:
    """A cell with all numbers that pictures are made of; less is a smaller share of the baseline."""
    backend = name.split("/")[2]
    slow = {"litert": 1.0, "onnxruntime": 2.5, "mcu": 300.0}[backend]
    origin = "modelled" if away else "measured"
    values = {
        "latency": number("latency", 4e-6 * slow * share, 0.0 if away else 0.02, provenance=origin),
        "artifact_bytes": number("artifact_bytes", 2e5 * share),
        "peak_bytes": number("peak_bytes", 4e6 * (1 + share)),
        "energy": number("energy", 2e-3 * share, 0.05),
        "accuracy": number("accuracy", accuracy - 0.01 * (1 - share)),
    }
    facts = {"device_provenance": "modelled"} if away else {"profile": PROFILE, "energy": METERS}
    return cell(name, dict(values), test_samples=360, **facts)


def shown() -> Run:
    """Two models, two backends, five chains; three of them also on a chip; one cell that cannot exist."""
    here = [
        measured(f"{model}/{chain}/{backend}/host-cpu/b1", share, accuracy=accuracy)
        for model, accuracy in (("dense", 0.98), ("cnn", 0.99))
        for backend in ("litert", "onnxruntime")
        for chain, share in CHAINS.items()
    ]
    there = [
        measured(f"dense/{chain}/mcu/rp2040@tflm/b1", CHAINS[chain], away=True)
        for chain in ("baseline", "int8", "prune:0.8+int8")
    ]
    skipped = Record(Axes.parse("dense/fp16/mcu/rp2040@tflm/b1"), status="skipped", reason="not supported by format: x")
    return run(*here, *there, skipped, name="quick")
