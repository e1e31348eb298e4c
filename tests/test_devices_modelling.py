"""Profiles as devices of the matrix: what a cell on one is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from device_nets import FLOAT32, write
from test_devices_profiles import OWN

from tradeoff.devices.estimating import estimate_file
from tradeoff.devices.modelling import device_of
from tradeoff.devices.profiles import built_in
from tradeoff.devices.workloads import model_of
from tradeoff.registry import load_registry
from tradeoff.stages.desk import Desk
from tradeoff.vocabulary import Estimated, Figure, Workload

M4 = built_in()["stm32l4r5@tflm-cmsis-nn"]


def work(path: Path, samples: int = 1) -> Workload:
    return Workload(path, samples, Estimated())


def test_every_profile_is_a_device_that_is_not_here() -> None:
    devices = load_registry().devices
    assert set(built_in()) <= set(devices)
    assert not devices[M4.name].is_here
    assert devices[M4.name].backends == ("mcu",)


def test_a_cell_is_told_latency_energy_flash_and_the_error(tmp_path: Path) -> None:
    path = write(tmp_path / "net.tflite")
    found, known = model_of(M4, work(path, 2)), estimate_file(path, M4)
    figures = {figure.name: figure for figure in found.figures}
    assert known.seconds is not None
    assert figures["latency"].value == pytest.approx(2 * known.seconds)
    assert figures["latency"].error == M4.validation["int8"].mean_error
    assert figures["energy"].value == pytest.approx(2 * (known.energy_joules or 0.0))
    assert figures["flash_bytes"].value == known.flash_bytes
    assert sum(operator.seconds or 0.0 for operator in found.operators) == pytest.approx(figures["latency"].value)


def test_what_does_not_fit_is_a_verdict(tmp_path: Path) -> None:
    small = replace(M4, figures={**M4.figures, "device.flash_kib": 140.0})
    found = model_of(small, work(write(tmp_path / "net.tflite")))
    (verdict,) = found.verdicts
    assert verdict.startswith("too large: flash needs")
    assert found.fits is False
    assert model_of(M4, work(tmp_path / "net.tflite")).fits is True


def told_arena(size: float) -> Estimated:
    return Estimated((Figure("arena_32bit_bytes", size, "B"),))


def ram(found: Estimated) -> Figure:
    return next(figure for figure in found.figures if figure.name == "ram_bytes")


def test_the_arena_that_tflm_was_seen_to_need_counts_where_tflm_is_the_runtime(tmp_path: Path) -> None:
    path = write(tmp_path / "net.tflite")
    known = built_in()["rp2040@tflm"]
    found = model_of(known, Workload(path, 1, told_arena(10_000_000)))
    assert (ram(found).value, ram(found).note) == (10_000_000, "the arena that TFLM needs")
    assert found.fits is False
    assert any(text.startswith("too large: RAM needs") for text in found.verdicts)
    # Nothing fits into less than what lives at once.
    least = model_of(known, work(path))
    assert ram(model_of(known, Workload(path, 1, told_arena(16)))).value == ram(least).value
    other = built_in()["stm32h747@x-cube-ai-8"]
    assert model_of(other, Workload(path, 1, told_arena(10_000_000))).fits is True


def test_what_a_program_takes_beside_an_arena_is_added_where_it_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "net.tflite")
    found = model_of(M4, Workload(path, 1, told_arena(3040)))
    assert (ram(found).value, ram(found).note) == (7056, "the arena that TFLM needs, and the program's own")
    assert model_of(M4, Workload(path, 1, told_arena(651_344))).fits is True
    assert model_of(M4, Workload(path, 1, told_arena(651_360))).fits is False


def test_what_has_no_latency_says_why(tmp_path: Path) -> None:
    latency = model_of(M4, work(write(tmp_path / "net.tflite", kind=FLOAT32))).figures[0]
    assert (latency.name, latency.value) == ("latency", None)
    assert latency.note.startswith("the profile gives cycles for int8")


def test_a_latency_that_nothing_has_checked_in_its_precision_says_so(tmp_path: Path) -> None:
    path, known = write(tmp_path / "net.tflite"), built_in()["pixel1@tflite"]
    assert set(known.validation) == {"float32"}
    latency = model_of(known, work(path)).figures[0]
    assert latency.value
    assert (latency.error, latency.note.partition(":")[0]) == (None, "unvalidated")


def test_an_artifact_that_is_no_tflite_file_has_no_latency(tmp_path: Path) -> None:
    (latency,) = model_of(M4, work(tmp_path / "model.onnx")).figures
    assert latency.value is None
    assert "reads .tflite files, not model.onnx" in latency.note


def test_a_worker_knows_the_devices_whose_files_the_user_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN, encoding="utf-8")
    setup = {"plugins": {"modules": [], "conftests": [], "blocked": []}, "devices": [str(tmp_path / "mine.toml")]}
    device = Desk.from_setup(setup).registry.devices["mine@tflm"]
    assert (device.backends, device.validated) == (("mcu",), False)


def test_whether_somebody_has_checked_a_profile_is_known_of_its_device() -> None:
    assert device_of(M4).validated
    assert not device_of(built_in()["apple-m1@roofline"]).validated


def test_another_figure_is_another_version_of_the_device() -> None:
    faster = replace(M4, figures={**M4.figures, "device.clock_mhz": 240.0})
    assert device_of(faster).version != device_of(M4).version
    assert device_of(M4).version == device_of(M4).version
