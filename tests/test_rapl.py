"""The counters of the processor, in a folder that looks like the system's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradeoff.measure.metering import measure_energy
from tradeoff.plugins.meters.rapl import Rapl
from tradeoff.registry import PluginSources, load_registry

RANGE = 262_143_328_850


def zone(root: Path, place: str, name: str, microjoules: int | str = 0) -> Path:
    """One counter, and where it lies."""
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n", encoding="ascii")
    (folder / "energy_uj").write_text(f"{microjoules}\n", encoding="ascii")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n", encoding="ascii")
    return folder


def now(folder: Path, microjoules: int) -> None:
    (folder / "energy_uj").write_text(f"{microjoules}\n", encoding="ascii")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Rights that root does not have; whoever else runs the tests has none anyway."""
    was_root = os.name == "posix" and os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)


def test_packages_are_added_up_and_told_from_the_first_reading_on(tmp_path: Path) -> None:
    first, second = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000), zone(tmp_path, "intel-rapl:1", "package-1")
    reading = Rapl(tmp_path).open()
    assert reading.read() == 0
    now(first, 7_500_000)
    now(second, 1_000_000)
    assert reading.read() == pytest.approx(3.5)
    now(second, 1_250_000)
    assert reading.read() == pytest.approx(3.75)
    assert reading.covers == ("package",)


def test_memory_is_added_and_what_a_package_holds_already_is_not(tmp_path: Path) -> None:
    parts = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram",
        "intel-rapl:1": "psys",
        "intel-rapl-mmio:0": "package-0",
        "dtpm": "package-0",
    }
    folders = [zone(tmp_path, place, name) for place, name in parts.items()]
    reading = Rapl(tmp_path).open()
    reading.read()
    for power, folder in enumerate(folders):
        now(folder, 10**power)
    assert reading.read() == pytest.approx((10**0 + 10**3) / 1e6)
    assert reading.covers == ("package", "dram")
    assert reading.step_joules == pytest.approx(2 * 61e-6, rel=0.01)


def test_a_counter_that_was_full_goes_on(tmp_path: Path) -> None:
    folder = zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    reading = Rapl(tmp_path).open()
    reading.read()
    now(folder, 2_000_000)
    assert reading.read() == pytest.approx(3.0)
    now(folder, 2_500_000)
    assert reading.read() == pytest.approx(3.5)


def test_a_machine_without_the_counters_says_so(tmp_path: Path) -> None:
    assert "a virtual machine" in Rapl(tmp_path / "powercap").available()
    zone(tmp_path, "intel-rapl:0:0", "core")
    assert "no intel-rapl package" in Rapl(tmp_path).available()
    with pytest.raises(OSError, match="no intel-rapl package"):
        Rapl(tmp_path).open()


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_counter_that_may_not_be_read_is_told_with_the_command_that_mends_it(nobody: None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = zone(Path(name), "intel-rapl:0", "package-0")
        memory = zone(Path(name), "intel-rapl:0:0", "dram")
        (folder / "energy_uj").chmod(0)
        said = Rapl(Path(name)).available()
        assert said.startswith(f"{folder}/energy_uj may not be read: sudo chmod a+r {name}/intel-rapl:*/energy_uj")
        # Of the memory alone it is no reason: then it is not counted.
        (folder / "energy_uj").chmod(0o600)
        (memory / "energy_uj").chmod(0)
        meter = Rapl(Path(name))
        assert meter.available() == ""
        assert meter.open().covers == ("package",)


@pytest.mark.parametrize("content", ["", "many", "0x10"])
def test_a_counter_that_is_no_number_is_told(tmp_path: Path, content: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", content)
    assert Rapl(tmp_path).available().startswith(f"{tmp_path}/intel-rapl:0 cannot be read: invalid literal")


def test_it_meters_a_block_of_requests(tmp_path: Path) -> None:
    folder = zone(tmp_path, "intel-rapl:0", "package-0")
    used = [0]

    def request() -> None:
        used[0] += 20_000
        now(folder, used[0])

    told = measure_energy({"rapl": Rapl(tmp_path)}, request, least=0.2, most=1.0)["rapl"]
    # While nothing runs the counter stands still, and a number that does not move is none.
    assert "while nothing ran" in told.why_idle
    assert told.why == ""
    assert [block.joules / block.requests for block in told.busy] == pytest.approx([0.02] * len(told.busy))
    assert len(told.busy) > 1


def test_it_is_registered() -> None:
    registry = load_registry(PluginSources(modules=("tradeoff.plugins.meters.rapl",)))
    assert "package and memory" in registry.meters["rapl"].summary
