"""``tradeoff estimate`` and ``tradeoff devices``: quick answers, plain data, and one message for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from device_nets import DENSE, NET, Step, write
from test_devices_profiles import OWN

from tradeoff.cli import main

L4R5 = "stm32l4r5@tflm-cmsis-nn"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(Path("net.tflite"))


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_an_estimate_tells_the_verdict_the_latency_with_its_error_and_the_operators(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = answer(capsys, "estimate", "net.tflite", "--device", L4R5)
    assert text.startswith(f"net.tflite on {L4R5}: fits\n")
    assert "modelled; mean error 14%, worst -19%, over only 4 published points that were left out" in text
    assert "DEPTHWISE_CONV_2D" in text
    assert "live at operator 2, 'step 2'" in text


def test_no_latency_and_no_energy_is_printed_without_saying_that_it_is_modelled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for line in answer(capsys, "estimate", "net.tflite", "--device", L4R5).splitlines():
        if line.strip().startswith(("latency", "energy", "battery")):
            assert "modelled" in line


def test_plain_data_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--json", "--every", "60", "--sleep-uw", "10", "--cell", "AA")
    found = json.loads(answer(capsys, "estimate", "net.tflite", "--device", L4R5, *arguments))
    assert found["provenance"] == "modelled"
    assert found["error"] == found["validation"]["mean_error"] == 0.139
    assert found["battery"]["cell"] == "AA alkaline"
    assert [operator["kind"] for operator in found["operators"]][:2] == ["CONV_2D", "DEPTHWISE_CONV_2D"]


def test_several_devices_are_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "estimate", "net.tflite", "--device", f"{L4R5},rp2040@tflm", "--device", "esp32@tflm")
    rows = {line.split()[0]: line for line in text.splitlines() if "@" in line}
    assert "1.00x" in rows[L4R5]
    assert "8%" in rows["rp2040@tflm"]
    assert "unknown" in rows["esp32@tflm"]


def test_what_cannot_run_says_why_and_is_another_status(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("large.tflite"), [Step(DENSE, (3000, 784), (1, 3000))])
    text = answer(capsys, "estimate", "large.tflite", "--device", L4R5, status=1)
    assert "does not fit" in text.splitlines()[0]
    assert "cannot run: too large: flash needs 2.49 MB of 2.10 MB" in text


def test_a_profile_of_ones_own_is_checked_listed_and_used(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(OWN, encoding="utf-8")
    assert "mine.toml: a sound profile of mine@tflm, modelled, unvalidated" in answer(
        capsys, "devices", "check", "mine.toml"
    )
    assert "my board" in answer(capsys, "devices", "--device-file", "mine.toml")
    text = answer(capsys, "estimate", "net.tflite", "--device", "mine@tflm", "--device-file", "mine.toml")
    assert "modelled, unvalidated" in text


def test_a_device_of_a_plugin_that_names_a_profile_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(OWN, encoding="utf-8")
    Path("conftest.py").write_text(
        "from dataclasses import dataclass\nfrom pathlib import Path\nimport tradeoff\n\n"
        "@dataclass(frozen=True)\nclass Profiled(tradeoff.Device):\n"
        "    profile: str = str(Path(__file__).parent / 'mine.toml')\n\n"
        "@tradeoff.hookimpl\ndef tradeoff_devices():\n    return [Profiled('mine@tflm', 'modelled')]\n",
        encoding="utf-8",
    )
    assert "my board" in answer(capsys, "devices", "show", "mine@tflm")
    assert "modelled, unvalidated" in answer(capsys, "estimate", "net.tflite", "--device", "mine@tflm")


def test_the_list_can_leave_out_what_was_never_checked(capsys: pytest.CaptureFixture[str]) -> None:
    every, checked = answer(capsys, "devices"), answer(capsys, "devices", "--validated")
    assert "nrf52840@tflm-cmsis-nn" in every
    assert "nrf52840@tflm-cmsis-nn" not in checked
    assert len(json.loads(answer(capsys, "devices", "--json"))) >= 25


def test_a_profile_is_shown_with_the_source_of_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "devices", "show", "stm32u575@x-cube-ai-9")
    assert "MLPerf Tiny v1.2 closed, STMicroelectronics: energy over latency" in text
    assert "conv_macs_cycles" in text


def test_validation_tells_how_wrong_a_device_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "devices", "validate", "stm32mp157@tflite", "stm32l4r5@x-cube-ai-9")
    assert "family" in text
    assert "submitter" in text
    assert "energy, from a published latency" in text
    (found,) = json.loads(answer(capsys, "devices", "validate", "stm32mp157@tflite", "--json"))
    assert len(found["misses"]) == found["points"] == 19


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("estimate", "none.tflite", "--device", L4R5), "none.tflite: there is no such file"),
        (("estimate", "net.tflite", "--device", "stm32l4r5@tflm-cmsis"), f"did you mean '{L4R5}'"),
        (("estimate", "net.tflite", "--device", L4R5, "--every", "60"), "give it with --sleep-uw"),
        (("estimate", "net.tflite", "--device", L4R5, "--every", "0", "--sleep-uw", "1"), "give seconds above 0"),
        (("estimate", "net.tflite", "--device", L4R5, "--every", "9", "--sleep-uw", "-1"), "0 or more"),
        (("estimate", "net.tflite", "--device", L4R5, "--cell", "D"), "there is no cell 'D'"),
        (("estimate", "net.tflite", "--device", L4R5, "--device-file", "no.toml"), "no.toml cannot be read"),
        (("estimate", "net.tflite", "--device", ","), "--device names no device"),
        (("devices", "show"), "tradeoff devices show needs a name"),
        (("devices", "check"), "tradeoff devices check needs a file"),
        (("devices", "list", "x"), "takes no names"),
        (("devices", "validate", "esp32@tflm"), "unknown device with published points 'esp32@tflm'"),
    ],
)
def test_a_mistake_is_one_message(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert message in failing(capsys, *arguments)


def test_an_estimate_imports_no_framework_and_no_numpy_and_takes_less_than_half_a_second() -> None:
    steps = [*NET[:3], Step(DENSE, (96, 3136), (1, 96))]
    assert write(Path("large.tflite"), steps).stat().st_size > 300_000
    source = (
        "import sys, resource; from tradeoff.cli import main; "
        f"status = main(['estimate', 'large.tflite', '--device', '{L4R5}', '--json']); "
        "used = resource.getrusage(resource.RUSAGE_SELF); "
        "names = {name.partition('.')[0] for name in sys.modules}; "
        "print(status, used.ru_utime + used.ru_stime, *names, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    status, seconds, *modules = done.stderr.split()
    assert status == "0"
    assert not {"tensorflow", "keras", "numpy", "scipy", "ai_edge_litert", "jax", "onnx"} & set(modules)
    # Of the processor, which other work on the machine does not change.
    assert float(seconds) < 0.5
