"""Backend qemu: what LiteRT for aarch64 answers on an emulated core, and in how many instructions."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from litert_nets import artifact, loaded, ordered
from trained import NOISE, data, task

import tradeoff
from tradeoff import quality
from tradeoff.backends.qemu.backend import CORES, QEMUBackend
from tradeoff.backends.qemu.counting import count
from tradeoff.backends.qemu.place import why_not
from tradeoff.backends.qemu.talking import guest

MISSING = why_not()
BACKEND = QEMUBackend()
NEWER = "cortex-a76"

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
    *(pytest.mark.filterwarnings(line) for line in NOISE),
]


def loading(path: Path, kernels: str = "xnnpack", core: str = NEWER) -> tradeoff.Loading:
    return tradeoff.Loading(path, {"kernels": kernels}, f"{core}@qemu")


@cache
def figures(path: Path, samples: int = 1, **where: str) -> Mapping[str, tradeoff.Figure]:
    return {figure.name: figure for figure in BACKEND.estimate(loading(path, **where), samples).figures}


@pytest.mark.parametrize("precision", ["float32", "int8", "dynamic"])
def test_every_precision_takes_floats_gives_floats_and_keeps_the_accuracy(precision: str) -> None:
    x = data().test.x
    outputs = BACKEND.load(loading(artifact(precision))).bind(x)()
    assert outputs.dtype == np.float32
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
def test_its_int8_outputs_are_those_of_the_same_kernels_here(kernels: str) -> None:
    x = data().test.x
    ours = BACKEND.load(loading(artifact("int8"), kernels)).bind(x)()
    theirs = loaded(artifact("int8"), kernels).bind(x)()
    # XNNPACK has other kernels for other processors, and a softmax is a few of its steps of 1/256.
    assert np.abs(ours - theirs).max() <= (0.0 if kernels == "reference" else 4 / 256)


def test_the_file_is_the_one_that_litert_writes(tmp_path: Path) -> None:
    made = BACKEND.convert(ordered(tmp_path, "int8"))
    x = data().test.x[:32]
    assert np.array_equal(BACKEND.load(loading(made)).bind(x)(), BACKEND.load(loading(artifact("int8"))).bind(x)())


def test_instructions_are_told_and_no_latency() -> None:
    found = figures(artifact("int8"))
    instructions = found["instructions"]
    assert instructions.provenance == "simulated"
    # The net has some 37,000 multiplications in int8, of which one instruction does up to 16.
    assert 1_000 < (instructions.value or 0) < 1_000_000
    assert found["latency"].value is None
    assert "how long they take" in found["latency"].note


def test_a_core_with_dot_products_needs_fewer_and_plain_kernels_need_many_more() -> None:
    by_core = {core: figures(artifact("int8"), core=core)["instructions"].value or 0.0 for core in CORES}
    assert by_core["cortex-a76"] < by_core["cortex-a72"]
    plain = figures(artifact("int8"), kernels="reference")["instructions"].value or 0.0
    assert plain > 3 * by_core["cortex-a76"]


def test_more_samples_take_more() -> None:
    one, eight = (figures(artifact("int8"), samples)["instructions"].value or 0.0 for samples in (1, 8))
    assert 2 * one < eight <= 8.5 * one


@pytest.mark.deep
def test_the_count_is_what_so_many_more_requests_add_to_a_whole_run() -> None:
    few, many = (count(artifact("int8"), "reference", NEWER, 32, times) for times in (50, 100))
    # Starting Python takes a billion, give or take half a million; in the difference are the marks themselves, too.
    assert (many.all - few.all) / 50 == pytest.approx(few.value, rel=0.03)


def test_requests_side_by_side_have_answers_of_their_own() -> None:
    x = data().test.x
    runner = BACKEND.load(loading(artifact("int8")))
    calls = [runner.bind(x[:1]), runner.bind(x[1:5]), BACKEND.load(loading(artifact("float32"))).bind(x[:1])]
    found = [call() for call in calls]
    assert [len(each) for each in found] == [1, 4, 1]
    assert all(np.array_equal(call(), each) for call, each in zip(calls, found, strict=True))


@pytest.mark.parametrize("content", [b"", b"no model at all, but some bytes", None], ids=["empty", "foreign", "cut"])
def test_a_file_that_is_none_is_told_by_loading_and_by_counting(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "spoilt.tflite"
    path.write_bytes(artifact("int8").read_bytes()[:2000] if content is None else content)
    with pytest.raises(tradeoff.TradeoffError, match=r"spoilt\.tflite") as caught:
        BACKEND.load(loading(path))
    assert isinstance(caught.value, tradeoff.BadInput | tradeoff.Refused)
    with pytest.raises(tradeoff.Refused, match=r"spoilt\.tflite on the emulated processor"):
        BACKEND.estimate(loading(path), 1)


def test_a_guest_that_dies_is_told_and_the_next_one_is_started() -> None:
    call = BACKEND.load(loading(artifact("int8"))).bind(data().test.x[:1])
    before = call()
    kept: Any = guest(NEWER)
    kept._process.kill()
    kept._process.wait()
    with pytest.raises(tradeoff.Refused, match=r"model\.tflite ends LiteRT on the emulated processor: it ended"):
        call()
    assert np.array_equal(BACKEND.load(loading(artifact("int8"))).bind(data().test.x[:1])(), before)


def test_a_core_that_is_not_emulated_is_refused() -> None:
    with pytest.raises(tradeoff.Refused, match="qemu emulates cortex-a72, cortex-a76, not z80"):
        BACKEND.load(loading(artifact("int8"), core="z80"))


def test_what_nobody_holds_any_more_the_guest_need_not_hold_either() -> None:
    runner: Any = BACKEND.load(loading(artifact("int8")))
    kept: Any = guest(NEWER)
    number = runner._ready().__dict__["_number"]
    gc.collect()
    assert number in kept._unused
    BACKEND.load(loading(artifact("int8")))
    assert number not in kept._unused
