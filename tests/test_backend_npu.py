"""Backend npu: an NPU computes what the reference kernels compute, and only whole numbers have a place on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ethosu")
pytest.importorskip("ai_edge_litert")

from litert_nets import artifact, loaded, ordered
from trained import NOISE, data, task

import tradeoff
from tradeoff import quality
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.backends.npu import NPUBackend
from tradeoff.devices.profiles import built_in
from tradeoff.registry import load_registry

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = NPUBackend()
DEVICE = "cortex-m55-u55-128@vela-5"


def loading(precision: str) -> tradeoff.Loading:
    return tradeoff.Loading(artifact(precision), {}, DEVICE)


@pytest.mark.parametrize("precision", BACKEND.capabilities.precisions)
def test_its_outputs_are_those_of_the_reference_kernels(precision: str) -> None:
    x = data().test.x
    outputs = BACKEND.load(loading(precision)).bind(x)()
    assert outputs.dtype == np.float32
    assert np.array_equal(outputs, loaded(artifact(precision), "reference").bind(x)())
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def test_the_file_is_the_one_that_litert_writes(tmp_path: Path) -> None:
    made = BACKEND.convert(ordered(tmp_path, "int8"))
    assert made.name == "model.tflite"
    x = data().test.x[:32]
    assert np.array_equal(
        BACKEND.load(tradeoff.Loading(made, {}, DEVICE)).bind(x)(), loaded(made, "reference").bind(x)()
    )


def test_every_other_precision_has_the_reason_why_not() -> None:
    can = BACKEND.capabilities
    known = set(LiteRTBackend().capabilities.precisions) | set(LiteRTBackend().capabilities.refusals)
    assert set(can.precisions) | set(can.refusals) == known
    assert all("multiplies whole numbers alone" in refusal.detail for refusal in can.refusals.values())


@pytest.mark.parametrize("precision", ["float32", "dynamic", "fp16", "int8w"])
def test_a_finished_file_in_another_precision_is_refused(precision: str) -> None:
    with pytest.raises(tradeoff.Refused, match=r"model\.tflite: its precision is .*; int8 or int16x8 runs there"):
        BACKEND.load(loading(precision))


def test_the_devices_with_an_npu_are_its_own_and_nobody_elses() -> None:
    devices = load_registry().devices
    names = [name for name, profile in built_in().items() if profile.npu]
    assert names
    assert {devices[name].backends for name in names} == {("npu",)}
    assert not any(devices[name].is_here or devices[name].validated for name in names)
    assert all(device.backends != ("npu",) for name, device in devices.items() if name not in names)


def test_what_it_takes_of_memory_is_told_of_one_sample_as_litert_tells_it() -> None:
    one = LiteRTBackend().anatomy(tradeoff.Loading(artifact("int8"), {"threads": 1}, "host-cpu"), 1)
    assert BACKEND.anatomy(loading("int8"), 1) == one
