"""Devices of this machine: a GPU that is not there is said so, without asking a framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeoff.backends import host


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the one driver that counts would be."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(host, "_DRIVERS", (str(tmp_path / "driver"),))
    return tmp_path / "driver"


def test_without_a_driver_there_is_no_gpu_and_it_is_told_what_was_looked_for(driver: Path) -> None:
    assert str(host.no_gpu()) == f"no such device: host-gpu: no driver of a GPU is here ({driver})"


def test_with_a_driver_there_is_one(driver: Path) -> None:
    driver.touch()
    assert host.no_gpu() is None


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_that_is_hidden_is_told_with_what_hides_it(
    driver: Path, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    driver.touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert f"CUDA_VISIBLE_DEVICES={hidden} hides it" in str(host.no_gpu())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert host.no_gpu() is None


def test_both_devices_are_measured_with_a_real_clock() -> None:
    assert {device.name: device.provenance for device in host.tradeoff_devices()} == {
        "host-cpu": "measured",
        "host-gpu": "measured",
    }
