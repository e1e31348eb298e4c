"""What the profile of a device says of one request to an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tradeoff.devices.estimates import Estimate, OnNPU
from tradeoff.devices.estimating import estimate_on, too_large
from tradeoff.devices.profiles import DeviceProfile
from tradeoff.formats.tflite_file import SUFFIX
from tradeoff.formats.tflite_operators import read_network
from tradeoff.vocabulary import Estimated, Figure, Operator, Workload

#: What a backend that searches it calls the memory of TFLM on a chip.
_ARENA: Final = "arena_32bit_bytes"
_UNCHECKED: Final = "unvalidated: no published latency of this precision was left out to check it"


def model_of(profile: DeviceProfile, work: Workload) -> Estimated:
    """What the profile says of one request to an artifact."""
    if work.artifact.suffix != SUFFIX:
        note = f"the model of {profile.name} reads {SUFFIX} files, not {work.artifact.name}"
        return Estimated((Figure("latency", None, "s", note=note),))
    found = _with_arena(estimate_on(work.artifact, read_network(work.artifact), profile), profile, work.told)
    return Estimated(
        _figures(found, work.samples),
        tuple(
            Operator(
                operator.name,
                operator.kind,
                None if operator.seconds is None else operator.seconds * work.samples,
                operator.weights_bytes,
                operator.output_bytes,
                2.0 * operator.macs * work.samples,
            )
            for operator in found.operators
        ),
        _source(found, profile),
        found.problems,
        found.fits,
    )


def _source(found: Estimate, profile: DeviceProfile) -> str:
    if found.on_npu:
        return f"cycles of {found.on_npu.accelerator} by {found.on_npu.compiler}"
    return f"cycles of {profile.core} with {profile.runtime}"


def _with_arena(found: Estimate, profile: DeviceProfile, told: Estimated) -> Estimate:
    """With the memory that TFLM was seen to need, where that is the runtime, and what a program takes beside it."""
    arena = next((figure.value for figure in told.figures if figure.name == _ARENA), None)
    if arena is None or "TFLM" not in profile.runtime:
        return found
    program = profile.figure("runtime.ram_program_bytes")
    if program is None and arena <= found.ram_bytes:
        return found
    needed = int(arena + (program or 0))
    what = "the arena that TFLM needs" if program is None else "the arena that TFLM needs, and the program's own"
    notes = (*(note for note in found.notes if not note.startswith("RAM")), f"RAM is {what}")
    problems = [text for text in found.problems if "RAM needs" not in text]
    problems += too_large("RAM", needed, found.ram_limit)
    fits = None if found.fits is None else not any("too large" in text for text in problems)
    return replace(found, ram_bytes=needed, notes=notes, problems=tuple(problems), fits=fits)


def _figures(found: Estimate, samples: int) -> tuple[Figure, ...]:
    """Latency and energy with the error that latencies had; flash and RAM as far as they are known."""
    latency = None if found.seconds is None else found.seconds * samples
    energy = None if found.energy_joules is None else found.energy_joules * samples
    told = "power while computing x latency" if energy is not None else found.untimed or "the profile gives no power"
    file = "the file that Vela writes" if found.on_npu else "the file"
    untimed = found.untimed.removeprefix("no latency: ")
    unchecked = "" if latency is None or found.error is not None or found.on_npu else _UNCHECKED
    left_out = next((note for note in found.notes if note.startswith("the time of")), "") if found.on_npu else ""
    return (
        Figure("latency", latency, "s", error=found.error, note=untimed or left_out or unchecked),
        Figure("energy", energy, "J", error=found.error, note=told),
        Figure("flash_bytes", float(found.flash_bytes), "B", note=f"{file}, and the runtime where its share is known"),
        Figure("ram_bytes", float(found.ram_bytes), "B", note=_ram_note(found)),
        *(_npu_figures(found.on_npu) if found.on_npu else ()),
    )


def _npu_figures(told: OnNPU) -> Iterator[Figure]:
    """What only an NPU has: operators that it does not run, and memory other than SRAM."""
    why = "; ".join(dict.fromkeys(f"{kind}: {reason}" for kind, _, reason in told.left))
    yield Figure("cpu_operators", float(len(told.left)), "1", note=why)
    yield Figure("npu_cycles", told.cycles, "1", note=f"of {told.accelerator}, by {told.compiler}")
    for area in told.areas[1:]:
        if area.name == "DRAM":
            yield Figure(
                "dram_bytes", float(area.bytes), "B", note="weights and activations that do not lie in the SRAM"
            )


def _ram_note(found: Estimate) -> str:
    told = "; ".join(note.removeprefix("RAM is ") for note in found.notes if note.startswith("RAM"))
    if told or found.ram_bytes == found.peak.bytes:
        return told or "what lives at once"
    return "buffers placed as TFLM's planner does, and what the runtime takes beside them"
