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
#: How models were trained, and techniques; a student, and the same without its teacher.
TRAINING = {"curves": [{"name": "", "epochs": 4, "after": 0, "best": None, "epoch": [1, 2, 3, 4],
                        "metric": [0.7, 0.9, 0.96, 0.975], "validation_loss": [1.1, 0.4, 0.15, 0.1],
                        "loss": [1.8, 0.7, 0.2, 0.12], "rate": [1e-3, 8e-4, 5e-4, 1e-4]}]}  # fmt: skip
PRUNING = {
    "step": "prune:0.5",
    "curves": [{"name": name, "epochs": 2, "after": 0, "best": 2, "epoch": [0, 1, 2],
                "metric": [0.9, 0.95, last], "validation_loss": [0.3, 0.2, 0.15],
                "loss": [None, 0.3, 0.2], "rate": [None, 3e-4, 1e-4]}
               for name, last in (("student", 0.97), ("student without teacher", 0.96))],
    "told": {"sensitivity_over": "bits of weights",
             "sensitivity": {"conv": {"8": 0.0001, "4": 0.021}, "dense": {"8": -0.002, "4": 0.3}}},
}  # fmt: skip
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
    facts = {"device_provenance": "modelled"} if away else {"profile": PROFILE, "energy": METERS, "training": TRAINING}
    if "prune:0.5" in name:
        facts["verified"] = [PRUNING]
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
