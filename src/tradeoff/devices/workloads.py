"""What the profile of a device says of one request to an artifact."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tradeoff.devices.estimating import Estimate, estimate, too_large
from tradeoff.devices.profiles import DeviceProfile
from tradeoff.formats.tflite_file import SUFFIX
from tradeoff.formats.tflite_operators import read_network
from tradeoff.vocabulary import Estimated, Figure, Operator, Workload

#: What a backend that searches it calls the memory of TFLM on a chip.
_ARENA: Final = "arena_32bit_bytes"


def model_of(profile: DeviceProfile, work: Workload) -> Estimated:
    """What the profile says of one request to an artifact."""
    if work.artifact.suffix != SUFFIX:
        note = f"the model of {profile.name} reads {SUFFIX} files, not {work.artifact.name}"
        return Estimated((Figure("latency", None, "s", note=note),))
    found = _with_arena(estimate(read_network(work.artifact), work.artifact.name, profile), profile, work.told)
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
        f"cycles of {profile.core} with {profile.runtime}",
        found.problems,
        found.fits,
    )


def _with_arena(found: Estimate, profile: DeviceProfile, told: Estimated) -> Estimate:
    """With the memory that TFLM was seen to need, where that is the runtime: nothing fits into less."""
    arena = next((figure.value for figure in told.figures if figure.name == _ARENA), None)
    if arena is None or "TFLM" not in profile.runtime or arena <= found.ram_bytes:
        return found
    notes = (*(note for note in found.notes if not note.startswith("RAM")), "RAM is the arena that TFLM needs")
    limit = found.ram_limit
    problems = [text for text in found.problems if "RAM needs" not in text]
    problems += too_large("RAM", int(arena), limit)
    fits = None if found.fits is None else not any("too large" in text for text in problems)
    return replace(found, ram_bytes=int(arena), notes=notes, problems=tuple(problems), fits=fits)


def _figures(found: Estimate, samples: int) -> tuple[Figure, ...]:
    """Latency and energy with the error that latencies had; flash and RAM as far as they are known."""
    latency = None if found.seconds is None else found.seconds * samples
    energy = None if found.energy_joules is None else found.energy_joules * samples
    told = "power while computing x latency" if energy is not None else found.untimed or "the profile gives no power"
    return (
        Figure("latency", latency, "s", error=found.error, note=found.untimed.removeprefix("no latency: ")),
        Figure("energy", energy, "J", error=found.error, note=told),
        Figure("flash_bytes", float(found.flash_bytes), "B", note="the file, and the runtime where its share is known"),
        Figure("ram_bytes", float(found.ram_bytes), "B", note=_ram_note(found)),
    )


def _ram_note(found: Estimate) -> str:
    return "; ".join(note.removeprefix("RAM is ") for note in found.notes if note.startswith("RAM"))
