"""A third party's meter, installed and read: lines from a terminal device, from a pipe that ends, from a file."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tradeoff.measure.metering import measure_energy
from tradeoff.registry import PluginSources, load_registry

FOLDER = Path(__file__).parent.parent / "examples" / "serial_meter"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no terminals to write to")


@pytest.fixture(scope="module")
def serial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serial_meter", FOLDER / "serial_meter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The side that a device writes to, and the name of the other."""
    ours, theirs = os.openpty()
    yield ours, os.ttyname(theirs)
    os.close(theirs)
    os.close(ours)


@pytest.fixture
def device(terminal: tuple[int, str]) -> Iterator[Callable[..., str]]:
    """A power meter that writes a line every so often, as text that is given the seconds since it was switched on."""
    ours, port = terminal
    off = threading.Event()
    threads = []

    def switch_on(line: Callable[[float], str], every: float = 0.01, head: str = "") -> str:
        begun = time.monotonic()

        def write() -> None:
            os.write(ours, head.encode())
            while not off.is_set():
                os.write(ours, line(time.monotonic() - begun).encode())
                off.wait(every)

        threads.append(threading.Thread(target=write, daemon=True))
        threads[-1].start()
        return port

    yield switch_on
    off.set()
    for thread in threads:
        thread.join()


def listening(serial: ModuleType, monkeypatch: pytest.MonkeyPatch, port: str) -> Any:
    monkeypatch.setenv(serial.PORT, port)
    return serial.SerialMeter()


def watts_of(reading: Any, seconds: float) -> float:
    begun, before = time.monotonic(), reading.read()
    time.sleep(seconds)
    return float((reading.read() - before) / (time.monotonic() - begun))


def watch(reading: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reading.read()
        time.sleep(0.01)


def test_seconds_and_watts_are_added_up(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = listening(serial, monkeypatch, device(lambda now: f"{now:.6f},20.0\r\n")).open()
    assert watts_of(reading, 0.5) == pytest.approx(20, rel=0.2)
    assert 0 < reading.step_seconds < 0.5
    reading.close()


def test_volts_and_amps_are_multiplied_and_timed_as_they_come(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = listening(serial, monkeypatch, device(lambda now: "5.0,0.4\n", head="volts,amps\n")).open()
    assert watts_of(reading, 0.5) == pytest.approx(2, rel=0.2)
    reading.close()


def test_half_a_line_at_the_beginning_is_left_out(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = device(lambda now: f"{now:.6f},20.0\n", head="99999.5,2000.0\n")
    reading = listening(serial, monkeypatch, port).open()
    assert reading.read() < 100
    reading.close()


def test_the_columns_can_be_named_where_no_head_comes(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(serial.NAMES, "volts,amps")
    reading = listening(serial, monkeypatch, device(lambda now: "5.0,0.4\n")).open()
    assert watts_of(reading, 0.5) == pytest.approx(2, rel=0.2)
    reading.close()
    monkeypatch.setenv(serial.NAMES, "amps")
    with pytest.raises(ValueError, match="TRADEOFF_SERIAL_COLUMNS=amps: expected seconds,watts or volts,amps"):
        serial.SerialMeter().open()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("OVERLOAD\n", "the line 'OVERLOAD' is not two numbers, seconds,watts"),
        ("1.0,nan\n", "the line '1.0,nan' holds what is no number"),
        ("1.0,2.0\n", "time stands still or goes back in the line '1.0,2.0'"),
    ],
)
def test_a_line_that_is_no_reading_is_told(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    meter = listening(serial, monkeypatch, device(lambda now: line))
    with pytest.raises(OSError, match=told):
        meter.open()


def test_a_device_that_is_silent_is_not_waited_for_forever(serial: ModuleType, terminal: tuple[int, str]) -> None:
    with pytest.raises(OSError, match=r"fewer than four lines in 0.1 s; check cable, port and"):
        serial.Lines(*serial.opened(terminal[1], 9600), patience=0.1)


def test_what_stood_in_a_file_before_is_past_but_its_head_counts(
    serial: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("volts,amps\n" + "230.0,9.0\n" * 100, encoding="utf-8")
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.01):
            with log.open("a", encoding="utf-8") as file:
                file.write("10.0,0.1\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reading = listening(serial, monkeypatch, str(log)).open()
        assert watts_of(reading, 0.4) == pytest.approx(1, rel=0.3)
        reading.close()
    finally:
        done.set()
        writer.join()


def test_a_meter_without_a_port_says_what_to_set(
    serial: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(serial.PORT, raising=False)
    assert "set TRADEOFF_SERIAL_METER" in serial.SerialMeter().available()
    assert f"there is no {tmp_path}/gone" in listening(serial, monkeypatch, f"{tmp_path}/gone").available()


def test_it_meters_a_block_of_requests(
    serial: ModuleType, device: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = listening(serial, monkeypatch, device(lambda now: f"{now:.6f},20.0\n", every=0.005))
    told = measure_energy({"serial": meter}, lambda: time.sleep(0.001), least=0.2, most=10.0)["serial"]
    assert told.why == ""
    assert told.covers == ("device",)
    assert all(block.joules / block.seconds == pytest.approx(20, rel=0.2) for block in told.busy + told.idle)


def test_a_cable_that_is_pulled_out_is_told(serial: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    port = os.ttyname(theirs)
    for number in range(5):
        os.write(ours, f"{number},20\n".encode())
    reading = listening(serial, monkeypatch, port).open()
    os.close(theirs)
    os.close(ours)
    with pytest.raises(OSError, match="was hung up: is the cable still in"):
        watch(reading, seconds=5.0)
    reading.close()


def test_installed_it_is_found_by_its_entry_point(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(FOLDER, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(source)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    listed = [sys.executable, "-m", "tradeoff", "list"]
    shown = subprocess.run(listed, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("  serial "))
    assert "a wall or USB meter" in line


def test_it_can_stand_in_a_file_with_hooks_too() -> None:
    registry = load_registry(PluginSources(conftests=(str(FOLDER / "serial_meter.py"),)))
    assert "serial" in registry.meters
    assert not [problem for problem in registry.problems if "serial" in problem]
