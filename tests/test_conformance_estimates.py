"""The conformance kit on devices that are not here: what is sound passes, and each way to be wrong fails its check."""

from __future__ import annotations

from pathlib import Path

import broken_estimates
import pytest
from test_conformance import failed, installed, run_kit

from tradeoff.backends.qemu.place import why_not
from tradeoff.registry import load_registry

#: One device for each way to be told of: an arena alone, published points, points of another part, a roofline, an NPU.
TOLD_BY = {
    "mcu": "any@tflm,stm32l4r5@tflm-cmsis-nn,rx65n@tflm,stm32u575@x-cube-ai-9,nrf52840@tflm-cmsis-nn",
    "litert": "rpi4@xnnpack-4t,rpi5@roofline",
    "npu": "cortex-m55-u55-128@vela-5,alif-e3@vela-5",
}


def check(folder: Path, devices: str, *arguments: str) -> tuple[int, str]:
    done = run_kit(folder, f"--tradeoff-device={devices}", "-k", "test_estimates", *arguments)
    return done.returncode, done.stdout[-8000:] + done.stderr


@pytest.mark.frameworks
def test_each_way_to_be_wrong_fails_the_check_that_is_about_it_and_no_other(tmp_path: Path) -> None:
    source = Path(broken_estimates.__file__).read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(source, encoding="utf-8")
    code, said = check(tmp_path, ",".join([*broken_estimates.FAILS, "known"]))
    assert code == pytest.ExitCode.TESTS_FAILED, said
    expected = {name: {*checks.split()} for name, checks in broken_estimates.FAILS.items()}
    found = failed(tmp_path, (*expected, "known"))
    assert found == {**expected, "known": {broken_estimates.KNOWING}}


@pytest.mark.frameworks
def test_the_built_in_devices_keep_the_contract(tmp_path: Path) -> None:
    names = [name for name in TOLD_BY if name in installed()]
    if not names:
        pytest.skip("no backend that stands for them is installed")
    devices = ",".join(TOLD_BY[name] for name in names)
    # A device that is named alone is looked at with the first backend that stands for it.
    code, said = check(tmp_path, devices)
    assert code == 0, said
    told = failed(tmp_path, devices.split(","))
    assert not {device for device in devices.split(",") if "-" not in device} - told.keys()


@pytest.mark.frameworks
@pytest.mark.deep
def test_every_one_of_them_does(tmp_path: Path) -> None:
    registry = load_registry()
    there = [name for name, device in registry.devices.items() if not device.is_here and device.present() is None]
    code, said = check(tmp_path, ",".join(there))
    assert code == 0, said


@pytest.mark.frameworks
@pytest.mark.deep
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_the_emulated_processor_keeps_the_whole_contract_of_a_backend(tmp_path: Path) -> None:
    done = run_kit(tmp_path, "--tradeoff-backend=qemu")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
