"""Energy comes from meters: read around blocks that are long enough, told apart from idle, never guessed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from user_project import Project

import tradeoff
from tradeoff.errors import UnknownName
from tradeoff.measure.energy import Metered, chosen_meters, energies, energy_facts, joules_of, taken, why_not
from tradeoff.measure.metering import SHARE, Block, Told, measure_energy
from tradeoff.plugins.meters.zeus import Sensors, Zeus, parts_of
from tradeoff.registry import PluginSources, Registry, load_registry

#: A meter as a conftest has it: a machine that takes 10 W, and 20 W while it works.
CLOCKWORK = """
import time

class Clockwork(tradeoff.Meter):
    name = "clockwork"
    summary = "ten watts, and ten more for each second of work"
    def open(self):
        return Hands()

class Hands(tradeoff.Reading):
    covers = ("package",)
    step_seconds = 0.0001
    def read(self):
        return 10 * time.monotonic() + 10 * time.process_time()

class Gone(tradeoff.Meter):
    name = "gone"
    requires = (tradeoff.Requirement("no_such_module", "no-such-package"),)
    install = "tradeoff[gone]"
    def open(self):
        raise AssertionError

@tradeoff.hookimpl
def tradeoff_meters():
    return [Clockwork(), Gone()]
"""
PAGE = Path(__file__).parent.parent / "docs" / "energy.md"
CELL = "dense/baseline/numpy/host-cpu/b1"


@dataclass
class Watts(tradeoff.Meter):
    """So many watts while ``busy`` says so, and others while it does not."""

    idle: float = 10.0
    working: float = 30.0
    step_joules: float = 0.0
    step_seconds: float = 0.0
    covers: tuple[str, ...] = ("package",)
    name = "watts"  # type: ignore[misc]

    def open(self) -> tradeoff.Reading:
        return Dial(self)


class Dial(tradeoff.Reading):
    def __init__(self, watts: Watts) -> None:
        self.watts = watts
        self.covers, self.step_joules, self.step_seconds = watts.covers, watts.step_joules, watts.step_seconds
        self.closed = False

    def read(self) -> float:
        joules = self.watts.idle * time.monotonic() + (self.watts.working - self.watts.idle) * WORK[0]
        return joules // self.watts.step_joules * self.watts.step_joules if self.watts.step_joules else joules


#: Seconds of work so far.
WORK = [0.0]


def request() -> None:
    begun = time.monotonic()
    time.sleep(0.002)
    WORK[0] += time.monotonic() - begun


def metered(meter: tradeoff.Meter, least: float = 0.3, most: float = 3.0) -> Told:
    return measure_energy({"watts": meter}, request, least, most)["watts"]


# --- reading ----------------------------------------------------------------------------------------


def test_joules_of_a_request_and_of_the_same_time_idle() -> None:
    told = metered(Watts())
    assert told.why == ""
    found = joules_of(told)
    # Not two milliseconds: a machine that does something else sleeps for longer.
    assert found.value[0] == pytest.approx(30 * median(one.seconds / one.requests for one in told.busy), rel=0.1)
    assert found.idle is not None
    assert found.idle[0] == pytest.approx(found.value[0] / 3, rel=0.05)
    assert sum(block.seconds for block in told.busy) >= 0.3
    assert all(block.requests == 0 for block in told.idle)


def test_blocks_grow_until_the_steps_of_the_meter_are_small_against_them() -> None:
    told = metered(Watts(step_joules=0.5), least=0.1)
    assert told.why == ""
    assert all(SHARE * block.joules >= 0.5 for block in told.busy + told.idle)
    # 10 J take a second at 10 W.
    assert min(block.seconds for block in told.idle) > 0.9


def test_a_meter_that_is_renewed_seldom_gets_longer_blocks_or_is_told_what_it_needs() -> None:
    told = metered(Watts(step_seconds=0.01), least=0.1)
    assert all(block.seconds >= 0.2 for block in told.busy)
    assert metered(Watts(step_seconds=1.0)).why == (
        "it tells something new every 1 s only: give it --tradeoff-budget=44"
    )


def test_a_meter_that_is_too_coarse_gives_no_number() -> None:
    told = metered(Watts(step_joules=50.0), least=0.1, most=0.3)
    assert told.busy == []
    assert told.why.startswith("its steps of 50 J and 0 s are more than 5 % of what it told in 0.3 s of requests")
    assert "--tradeoff-budget above 0.6" in told.why


def test_a_sensor_that_stands_still_is_not_zero_joules() -> None:
    told = metered(Watts(idle=0.0, working=0.0), least=0.1, most=0.3)
    assert told.why
    assert energies(Metered({"watts": told}), {"watts": Watts()})[0].value is None


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: float("nan"), "it told nan J"),
        (lambda: -time.monotonic(), r"it went down by"),
    ],
)
def test_a_meter_that_fails_costs_itself_alone(read: Callable[[], float], told: str) -> None:
    class Broken(Watts):
        def open(self) -> tradeoff.Reading:
            dial = Dial(self)
            dial.read = count(dial.read, read)  # type: ignore[method-assign]
            return dial

    def count(first: Callable[[], float], then: Callable[[], float]) -> Callable[[], float]:
        calls = iter([first])
        return lambda: next(calls, then)()

    found = measure_energy({"broken": Broken(), "whole": Watts()}, request, 0.1, 1.0)
    assert told in found["broken"].why
    assert found["whole"].why == ""


def test_what_was_opened_is_closed_also_when_another_cannot_be_opened() -> None:
    closed = []

    class Careful(Watts):
        def open(self) -> tradeoff.Reading:
            dial = Dial(self)
            dial.close = lambda: closed.append("careful")  # type: ignore[method-assign]
            return dial

    class Stuck(Watts):
        def open(self) -> tradeoff.Reading:
            raise PermissionError("not yours")

    found = measure_energy({"careful": Careful(), "stuck": Stuck()}, request, 0.1, 1.0)
    assert found["stuck"].why == "PermissionError: not yours"
    assert closed == ["careful"]


def test_what_was_told_survives_the_way_to_the_process_that_plans() -> None:
    told = Told(("package",), 0.5, 0.1, [Block(1.0, 2.0, 0)], [Block(3.0, 1.0, 7)])
    assert Told.from_json(told.to_json()) == told


# --- adding up --------------------------------------------------------------------------------------


def told(watts: float, covers: tuple[str, ...], idle: float = 1.0, why: str = "") -> Told:
    """A request of 10 ms."""
    blocks = [Block(watts * (1 + jitter), 1.0, 100) for jitter in (-0.01, -0.005, 0.0, 0.005, 0.01)]
    return Told(covers, 1e-4, 1e-3, [Block(idle, 1.0, 0)], blocks, why)


def meters(**provenances: str) -> dict[str, tradeoff.Meter]:
    return {name: type(name, (Watts,), {"provenance": value})() for name, value in provenances.items()}


def test_parts_that_do_not_overlap_are_added() -> None:
    found = {"rapl": told(10, ("package", "dram")), "zeus": told(100, ("gpu",))}
    known = meters(rapl="measured", zeus="measured")
    assert taken(found, known) == ["rapl", "zeus"]
    whole, above_idle = energies(Metered(found), known)
    assert (whole.value, whole.unit, whole.direction) == (pytest.approx(1.1), "J", "lower")
    assert above_idle.value == pytest.approx(1.08)
    assert whole.note == "rapl: package, dram; zeus: gpu"
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low < 1.1 < whole.high


def test_what_sees_everything_goes_before_what_sees_parts_and_nothing_counts_twice() -> None:
    found = {"rapl": told(10, ("package",)), "wall": told(60, ("device",)), "zeus": told(12, ("package", "gpu"))}
    known = meters(rapl="measured", wall="measured", zeus="measured")
    assert taken(found, known) == ["wall"]
    del found["wall"]
    assert taken(found, known) == ["zeus"]
    counted = energy_facts(Metered(found), known)["meters"]
    assert {name: facts["counted"] for name, facts in counted.items()} == {"rapl": False, "zeus": True}


def test_what_is_modelled_is_marked_and_never_added_to_what_is_measured() -> None:
    found = {"model": told(60, ("device",)), "rapl": told(10, ("package",))}
    known = meters(model="modelled", rapl="measured")
    assert taken(found, known) == ["rapl"]
    del found["rapl"]
    assert energies(Metered(found), known)[0].provenance == "modelled"


def test_a_request_that_does_not_stand_out_from_idle_has_no_energy_above_it() -> None:
    whole, above_idle = energies(Metered({"rapl": told(10, ("package",), idle=10)}), meters(rapl="measured"))
    assert whole.value == pytest.approx(0.1)
    assert above_idle.provenance == "unavailable"
    assert "cannot be told from idle: 0.1 J of 0.1 J are idle" in above_idle.note


def test_without_a_meter_each_reason_is_told() -> None:
    nothing = Metered({"coarse": told(1, ("package",), why="too coarse")}, {"zeus": "not installed: zeus"})
    for measurement in energies(nothing, meters(coarse="measured")):
        assert (measurement.value, measurement.provenance) == (None, "unavailable")
        assert measurement.note == "zeus: not installed: zeus; coarse: too coarse"
    assert energies(Metered(), {})[0].note == "no meter is registered, or --tradeoff-meters=none"


def test_meters_are_chosen_by_name() -> None:
    registry = Registry(meters=meters(rapl="measured", zeus="measured"))
    assert chosen_meters(None, registry) == chosen_meters(("all",), registry) == ("rapl", "zeus")
    assert chosen_meters(("zeus",), registry) == ("zeus",)
    assert chosen_meters(("none",), registry) == ()
    with pytest.raises(UnknownName, match="unknown meter 'rappel'; did you mean 'rapl'"):
        chosen_meters(("rappel",), registry)


# --- zeus -------------------------------------------------------------------------------------------


@pytest.mark.skipif(Zeus.requires[0].installed(), reason="zeus is installed")
def test_without_zeus_it_is_said_how_to_get_it() -> None:
    assert why_not(Zeus()) == "not installed: zeus; pip install 'tradeoff[energy]'"


def test_every_sensor_of_a_window_is_one_part_and_no_part_holds_another() -> None:
    server = SimpleNamespace(gpu_energy={0: 2.0, 1: 3.0}, cpu_energy={0: 1.0}, dram_energy={0: 0.5}, soc_energy=None)
    assert list(parts_of(server)) == [("gpu", 2.0), ("gpu", 3.0), ("package", 1.0), ("dram", 0.5)]
    apple = SimpleNamespace(cpu_total_mj=1500, performance_cores_mj=[700, 700], gpu_mj=500, ane_mj=None, dram_mj=100)
    assert list(parts_of(SimpleNamespace(gpu_energy={}, soc_energy=apple))) == [("soc", 2.1)]
    jetson = SimpleNamespace(cpu_energy_mj=100.0, gpu_energy_mj=200.0, total_energy_mj=900.0)
    assert list(parts_of(SimpleNamespace(gpu_energy={}, soc_energy=jetson))) == [("soc", 0.9)]


@pytest.mark.skipif(not Zeus.requires[0].installed(), reason="zeus is not installed")
def test_zeus_itself_is_read_or_says_what_it_misses() -> None:
    found: Any = measure_energy({"zeus": Zeus()}, request, 0.2, 10.0)["zeus"]
    assert found.why or (found.busy and isinstance(Zeus().open(), Sensors))


# --- the meter of the page --------------------------------------------------------------------------


def test_the_meter_of_the_page_reads_its_file(tmp_path: Path) -> None:
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "energy1_input"
    (tmp_path / "conftest.py").write_text(
        source.replace("/sys/class/hwmon/hwmon3/energy1_input", str(file)), encoding="utf-8"
    )
    meter = load_registry(PluginSources(conftests=(str(tmp_path / "conftest.py"),))).meters["board"]
    assert why_not(meter) == f"there is no {file}"
    file.write_text("5000000\n", encoding="ascii")
    assert why_not(meter) == ""
    assert meter.open().read() == 5.0


# --- in a run ---------------------------------------------------------------------------------------


def test_a_meter_in_a_conftest_gives_each_cell_its_joules(project: Project) -> None:
    project.conftest(CLOCKWORK)
    project.run("--tradeoff-meters=clockwork,gone", "--benchmark-max-time=0.4").assert_outcomes(passed=1)
    record = project.records()[CELL]
    energy, latency = record["measurements"]["energy"], record["measurements"]["latency"]["value"]
    assert (energy["provenance"], energy["unit"], energy["note"]) == ("measured", "J", "clockwork: package")
    # Whatever the machine does meanwhile, a request takes as long as it takes, at ten to twenty watts.
    assert energy["value"] > 9 * latency
    assert energy["low"] < energy["value"] < energy["high"]
    facts = record["facts"]["energy"]
    assert facts["meters"]["clockwork"]["idle_watts"] == pytest.approx(10, rel=0.2)
    assert facts["meters"]["clockwork"]["watts"] > facts["meters"]["clockwork"]["idle_watts"]
    assert facts["unavailable"] == {"gone": "not installed: no-such-package; pip install 'tradeoff[gone]'"}


def test_without_a_sensor_energy_is_unavailable_and_says_why(project: Project) -> None:
    project.conftest(CLOCKWORK)
    project.run("--tradeoff-meters=gone").assert_outcomes(passed=1)
    for name in ("energy", "energy_above_idle"):
        measurement = project.records()[CELL]["measurements"][name]
        assert measurement["value"] is None
        assert measurement["provenance"] == "unavailable"
        assert measurement["note"] == "gone: not installed: no-such-package; pip install 'tradeoff[gone]'"


def test_a_meter_that_ends_its_worker_costs_the_energy_and_not_the_latency(project: Project) -> None:
    project.conftest(CLOCKWORK.replace("return Hands()", "import os; os._exit(7)"))
    project.run("--tradeoff-meters=clockwork").assert_outcomes(passed=1)
    record = project.records()[CELL]
    assert record["status"] == "measured"
    assert record["measurements"]["latency"]["value"] > 0
    assert "clockwork: worker numpy" in record["measurements"]["energy"]["note"]


def test_a_meter_that_does_not_exist_is_told_before_anything_runs(project: Project) -> None:
    result = project.run("--tradeoff-meters=rappel")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*unknown meter 'rappel'*"])


def test_when_nothing_is_timed_no_energy_is_measured(project: Project) -> None:
    project.conftest(CLOCKWORK)
    cells = "--tradeoff-cells=dense/baseline/numpy"
    result = project.pytester.runpytest_subprocess("--pyargs", "tradeoff.suites", cells, "--benchmark-disable")
    result.assert_outcomes(passed=1)
    assert "energy" not in project.records()[CELL]["measurements"]
