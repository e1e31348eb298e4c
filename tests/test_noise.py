"""What else the machine did is told in words; where a worker may run can be said; the doctor knows what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from user_project import Project

from tradeoff.errors import BadInput
from tradeoff.measure.conditions import Conditions, advice, look_around
from tradeoff.measure.noise import (
    Noise,
    Sample,
    noise_between,
    noise_since,
    reasons,
    sample,
    summed,
    usable_cores,
    why_noisy,
)
from tradeoff.measure.pinning import check_pin, choose, cores_for, pinned
from tradeoff.measure.quota import held_up, quota_cores

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells, and can pin")
CELL = "dense/baseline/numpy/host-cpu/b1"
QUIET = Noise(seconds=1.0, cores=2, load=0.1, others=0.0, stolen=0.0, clock=1.0, heat=0, held_up=0.0, switches=0.0)
BEFORE = Sample(wall=100.0, cores=2, busy=50.0, stolen=1.0, own=20.0, switches=7, heat=3, held_up=0.5)


# --- between two samples ----------------------------------------------------------------------------


def test_what_others_used_is_what_the_cores_worked_less_what_was_ours() -> None:
    after = replace(BEFORE, wall=110.0, busy=73.0, stolen=2.6, own=30.0, switches=107, heat=4, held_up=1.5)
    noise = noise_between(BEFORE, after, load=1.5, clock=0.5)
    assert noise.others == pytest.approx(1.3)
    assert noise.stolen == pytest.approx(0.08)
    assert (noise.heat, noise.held_up, noise.switches) == (1, 1.0, 10.0)
    assert (noise.load, noise.clock, noise.cores) == (1.5, 0.5, 2)


def test_of_a_time_shorter_than_the_ticks_of_the_system_no_share_is_told() -> None:
    noise = noise_between(BEFORE, replace(BEFORE, wall=100.01, busy=50.03, stolen=1.01))
    assert (noise.others, noise.stolen) == (0.0, 0.0)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6), st.integers(1, 512))
def test_no_share_is_less_than_nothing_or_more_than_there_is(
    busy: float, own: float, seconds: float, cores: int
) -> None:
    after = replace(BEFORE, wall=100 + seconds, cores=cores, busy=50 + busy, own=20 + own, stolen=0.0)
    noise = noise_between(BEFORE, after)
    assert 0 <= noise.others <= cores
    assert noise.stolen == 0


def test_processes_that_timed_one_after_the_other_are_added_up() -> None:
    parts = [replace(QUIET, others=2.0, clock=None), replace(QUIET, seconds=3.0, clock=0.7, heat=2, held_up=0.1)]
    found = summed([part.to_json() for part in parts])
    assert found is not None
    assert (found.seconds, found.others, found.clock, found.heat) == (4.0, 0.5, 0.7, 2)
    assert summed([]) is None


# --- in words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "told"),
    [
        ({"others": 1.3}, "other processes used 1.3 of 2 cores"),
        ({"others": 0.4, "cores": 1}, "other processes used 0.4 of 1 core"),
        ({"stolen": 0.08}, "the hypervisor took 8 %"),
        ({"clock": 0.6}, "its clock stood at 60 % of its highest"),
        ({"heat": 3}, "it was slowed down for heat 3 times"),
        ({"held_up": 0.4}, "the share of its container was used up for 0.4 s"),
        ({"switches": 240.0}, "it was sent off its core 240 times a second"),
    ],
)
def test_each_disturbance_is_a_reason_of_its_own(noise: dict[str, Any], told: str) -> None:
    assert reasons(replace(QUIET, **noise), speed=1.0) == [told]


def test_a_slow_processor_is_told_first_and_nothing_is_said_so() -> None:
    assert why_noisy(replace(QUIET, others=1.0), 0.53) == (
        "the processor ran at 53 % of its best speed, other processes used 1.0 of 2 cores"
    )
    assert why_noisy(replace(QUIET, clock=None), 1.0) == "nothing that was looked at explains it"
    assert why_noisy(None, 0.5) == "the processor ran at 50 % of its best speed"


# --- on this machine --------------------------------------------------------------------------------


@contextmanager
def busy(cores: Sequence[int]) -> Iterator[int]:
    """Another process that does nothing but use one of these cores."""
    source = f"import os; os.sched_setaffinity(0, {[*cores]}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


@LINUX
def test_another_process_is_seen_and_our_own_work_is_not() -> None:
    core = (usable_cores()[-1],)
    with busy(core):
        before = sample(core)
        time.sleep(0.6)
        assert noise_since(before, core).others > 0.5


@LINUX
def test_to_look_takes_less_than_a_round_would_notice() -> None:
    begun = time.perf_counter()
    noise_since(sample())
    assert time.perf_counter() - begun < 0.1


def test_throttling_is_read_where_the_system_counts_it(tmp_path: Path) -> None:
    core = usable_cores()[0]
    folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/thermal_throttle"
    folder.mkdir(parents=True)
    (folder / "core_throttle_count").write_text("5\n")
    (folder / "package_throttle_count").write_text("7\n")
    assert sample((core,), tmp_path).heat == 12
    assert sample((core,), tmp_path / "elsewhere").heat == 0


# --- containers -------------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_narrowest_share_of_a_container_counts_and_the_longest_wait(tmp_path: Path) -> None:
    new = {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/cpu.stat": "usage_usec 5\n",
        "sys/fs/cgroup/outer/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "sys/fs/cgroup/outer/inner/cpu.stat": "usage_usec 9\nnr_throttled 4\nthrottled_usec 2500000\n",
    }
    root = write(tmp_path / "new", new)
    assert (quota_cores(root), held_up(root)) == (1.5, 2.5)
    old = {
        "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n",
        "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "50000\n",
        "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu/docker/abc/cpu.stat": "nr_periods 1\nthrottled_time 750000000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    }
    root = write(tmp_path / "old", old)
    assert (quota_cores(root), held_up(root)) == (0.5, 0.75)
    assert (quota_cores(tmp_path), held_up(tmp_path)) == (None, 0.0)


# --- pinning ----------------------------------------------------------------------------------------


def alone(*cores: int) -> dict[int, frozenset[int]]:
    return {core: frozenset({core}) for core in cores}


def test_the_cores_that_others_use_least_are_chosen_and_never_core_0() -> None:
    used = {0: 0.0, 1: 0.9, 2: 0.0, 3: 0.3}
    assert choose(used, alone(*used), 1) == (2,)
    assert choose(used, alone(*used), 2) == (2, 3)
    assert choose(used, alone(*used), 3) == (1, 2, 3)
    assert choose(used, alone(*used), 4) == (0, 1, 2, 3)
    assert choose({0: 0.5}, alone(0), 1) == (0,)


def test_two_threads_get_hardware_of_their_own_where_there_is_enough() -> None:
    used = dict.fromkeys(range(6), 0.0)
    pairs = {core: frozenset({core, (core + 3) % 6}) for core in used}
    assert choose(used, pairs, 2) == (1, 2)
    assert choose(used, pairs, 3) == (1, 2, 3)
    assert choose(used, pairs, 4) == (1, 2, 3, 4)


@LINUX
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fast", "'fast' names no cores; write 'auto', '1' or '0,1'"),
        ("", "'' names no cores"),
        ("-1", "'-1' names no cores"),
        ("99999", "core 99999 cannot be used here, there "),
    ],
)
def test_what_is_no_core_is_told(text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        check_pin(text)


@pytest.mark.skipif(hasattr(os, "sched_setaffinity"), reason="it can")
def test_a_system_that_cannot_pin_says_so() -> None:
    with pytest.raises(BadInput, match="cannot keep a process on certain cores"):
        check_pin("auto")


@LINUX
def test_cores_are_as_written_or_as_many_as_threads_or_free() -> None:
    first = usable_cores()[0]
    assert cores_for(str(first), threads=1) == (first,)
    assert cores_for(None, threads=1) is None
    found = cores_for("auto", threads=1)
    assert found is not None
    assert len(found) == 1
    assert found != (0,) or usable_cores() == (0,)


@LINUX
def test_every_thread_is_moved_and_let_go_again() -> None:
    last, before = usable_cores()[-1], os.sched_getaffinity(0)
    seen: list[set[int]] = []
    go = threading.Event()

    def look() -> None:
        go.wait()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=look)
    thread.start()
    with pinned([last]):
        seen.append(os.sched_getaffinity(0))
        go.set()
        thread.join()
    assert seen == [{last}, {last}]
    assert os.sched_getaffinity(0) == before


# --- in a run ---------------------------------------------------------------------------------------


@LINUX
def test_a_pinned_run_says_where_it_ran_and_what_else_went_on(project: Project) -> None:
    last = usable_cores()[-1]
    project.run(f"--tradeoff-pin={last}").assert_outcomes(passed=1)
    facts = project.records()[CELL]["facts"]
    assert facts["pinned"] == [last]
    assert facts["noise"]["cores"] == 1
    assert facts["noise"]["seconds"] > 0


def test_a_noisy_cell_says_why_below_its_table(project: Project) -> None:
    # Every tenth request takes as long as fifty others: no machine makes that steady.
    project.conftest(
        """
import time, itertools

class Restless(NumpyBackend):
    name = "restless"
    def load(self, job):
        runner = super().load(job)
        inner, turns = runner.bind, itertools.count()
        def bind(batch):
            call = inner(batch)
            def restless():
                time.sleep(0.0005 if next(turns) % 4 < 2 else 0.005)
                return call()
            return restless
        runner.bind = bind
        return runner

@tradeoff.hookimpl(specname="tradeoff_backends")
def more_backends():
    return [Restless()]
"""
    )
    result = project.run("--benchmark-min-time=0.0001", cells="dense/baseline/restless")
    result.assert_outcomes(passed=1)
    record = project.records()["dense/baseline/restless/host-cpu/b1"]
    assert "noisy" in record["verdicts"]
    why = record["facts"]["why_noisy"]
    assert why
    table = (project.folder / "table.md").read_text(encoding="utf-8")
    assert f"noisy: baseline/restless: {why}" in table


@LINUX
def test_a_core_that_does_not_exist_is_told_before_anything_runs(project: Project) -> None:
    result = project.run("--tradeoff-pin=99999")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*core 99999 cannot be used here*"])


# --- the doctor -------------------------------------------------------------------------------------

CALM = Conditions(
    cores=8, threads=1, used=0.1, load=0.2, governor="performance", boost=False, hypervisor=False, quota=None,
    free=8 * 10**9, memory=16 * 10**9, battery=False, huge_pages="madvise",
)  # fmt: skip


def todo(**changes: Any) -> dict[str, str]:
    return {one.topic: one.todo for one in advice(replace(CALM, **changes)) if one.todo}


def test_a_quiet_machine_needs_nothing() -> None:
    assert todo() == {}
    assert [one.topic for one in advice(Conditions())] == ["others", "cores"]


@pytest.mark.parametrize(
    ("changes", "topic", "told"),
    [
        ({"used": 3.0, "busy": (("chrome", 2.1), ("make", 0.8))}, "others", "close chrome (2.1), make (0.8)"),
        ({"cores": 2, "threads": 4}, "cores", "these would wait for each other"),
        ({"cores": 2, "threads": 2}, "cores", "leave one core to the system"),
        ({"quota": 1.5}, "container", "raise its limit"),
        ({"hypervisor": True, "stolen": 0.08}, "hypervisor", "believe ratios more than latencies"),
        ({"governor": "powersave"}, "governor", "sudo cpupower frequency-set -g performance"),
        ({"boost": True}, "boost", "/sys/devices/system/cpu/intel_pstate/no_turbo"),
        ({"free": 10**9}, "memory", "a system that swaps is slow"),
        ({"battery": True}, "power", "plug it in"),
        ({"huge_pages": "always"}, "huge pages", "echo madvise"),
    ],
)
def test_each_thing_that_spoils_numbers_comes_with_what_to_do(changes: dict[str, Any], topic: str, told: str) -> None:
    found = todo(**changes)
    assert list(found) == [topic]
    assert told in found[topic]


def test_a_virtual_machine_from_which_nothing_is_taken_is_no_fault() -> None:
    assert todo(hypervisor=True, quota=8.0) == {}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys/devices/system/cpu/intel_pstate/no_turbo": "0"}, {"boost": True}),
        ({"sys/devices/system/cpu/intel_pstate/no_turbo": "1"}, {"boost": False}),
        ({"sys/devices/system/cpu/cpufreq/boost": "1"}, {"boost": True}),
        ({"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n"}, {"governor": "powersave"}),
        ({"sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never"}, {"huge_pages": "always"}),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000"}, {"quota": 0.5}),
        ({}, {"boost": None, "governor": None, "huge_pages": None, "quota": None}),
    ],
)
def test_the_system_is_read_where_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: dict[str, Any]
) -> None:
    monkeypatch.setattr("tradeoff.measure.conditions._LOOK", 0.01)
    found = look_around(3, write(tmp_path, files))
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.threads == 3


@LINUX
def test_a_busy_process_is_named() -> None:
    with busy(usable_cores()) as pid:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        assert name in {one for one, _ in look_around(1).busy}
