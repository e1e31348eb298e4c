"""Estimates and profiles as text for a terminal; a number that nobody measured is never printed bare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tradeoff.devices.battery import Life
from tradeoff.devices.estimates import Estimate, OperatorEstimate
from tradeoff.devices.profiles import DeviceProfile, Validation
from tradeoff.devices.telling_npu import left_lines, npu_rows, of_limit
from tradeoff.devices.updates import Update
from tradeoff.text import columns, safe, seconds, size

_DAY = 86_400.0
_YEAR = 365.25 * _DAY
_UNITS = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
#: With fewer points an error is a hint.
_FEW = 5


def joules(value: float) -> str:
    """An energy in the unit that a person would choose."""
    scale, unit = next(((s, u) for s, u in _UNITS if value >= s), _UNITS[-1])
    return f"{value / scale:.3g} {unit}"


def trust(validation: Validation | None) -> str:
    """How wrong latencies like this one were."""
    if validation is None:
        return "modelled, unvalidated"
    few = "only " if validation.points < _FEW else ""
    return (
        f"modelled; mean error {validation.mean_error:.0%}, worst {validation.worst_error:+.0%}, "
        f"over {few}{validation.points} published points that were left out"
    )


def estimate_lines(
    estimate: Estimate, profile: DeviceProfile, most: int, life: Life | None = None, update: Update | None = None
) -> list[str]:
    """One estimate in full."""
    rows = [
        ("flash", of_limit(estimate.flash_bytes, estimate.flash_limit)),
        ("RAM", f"{of_limit(estimate.ram_bytes, estimate.ram_limit)}; {_peak(estimate)}"),
        ("compute", f"{estimate.macs:,} multiplications in {estimate.precision}"),
        ("latency", _latency(estimate)),
        ("energy", _energy(estimate)),
    ]
    rows += npu_rows(estimate)
    if estimate.shares:
        rows.append(("goes to", ", ".join(f"{name} {share:.0%}" for name, share in estimate.shares.items())))
    if life:
        rows.append(("battery", _life(life)))
    if update:
        rows.append(("update", _update(update)))
    lines = [f"{safe(estimate.model)} on {estimate.device}: {verdict(estimate)}", f"  {safe(profile.summary)}", ""]
    lines += columns(rows)
    lines += [f"  cannot run: {safe(problem)}" for problem in estimate.problems]
    lines += left_lines(estimate)
    lines += [f"  note: {safe(note)}" for note in estimate.notes]
    return [*lines, "", *_operators(estimate, most)]


def verdict(estimate: Estimate) -> str:
    """In a word or two."""
    if estimate.problems:
        return "cannot run" if estimate.fits is not False else "does not fit"
    return {True: "fits", None: "no limit known", False: "does not fit"}[estimate.fits]


def _peak(estimate: Estimate) -> str:
    largest = estimate.peak.tensors[0] if estimate.peak.tensors else ("nothing", 0)
    place = f"operator {estimate.peak.layer}, {estimate.peak_layer!r}"
    if estimate.on_npu:
        return f"most of it at {place}"
    return f"{size(estimate.peak.bytes)} live at {place}, {size(largest[1])} of it in {_short(largest[0])!r}"


def _short(name: str) -> str:
    return name.partition(";")[0]


def _latency(estimate: Estimate) -> str:
    if estimate.seconds is None:
        return "unknown"
    return f"{seconds(estimate.seconds)}, {trust(estimate.validation)}"


def _energy(estimate: Estimate) -> str:
    if estimate.energy_joules is None:
        return "unknown"
    return f"{joules(estimate.energy_joules)}, modelled: power while computing x latency"


def _life(life: Life) -> str:
    long = f"{life.seconds / _YEAR:.1f} years" if life.seconds > _YEAR else f"{life.seconds / _DAY:.1f} days"
    return (
        f"{life.cell}, a request every {life.every:g} s: {long}, {life.watts * 1e3:.3g} mW on the average, "
        f"{life.share:.0%} of it for computing; modelled"
    )


def _update(update: Update) -> str:
    share = update.delta_bytes / update.new_bytes
    parts = [f"a delta of {size(update.delta_bytes)}, {share:.0%} of the file, made and applied"]
    if update.transfer_seconds is not None:
        parts.append(f"transfer {seconds(update.transfer_seconds)}, modelled")
    if update.write_seconds is not None:
        energy = f", {joules(update.write_joules)}" if update.write_joules else ""
        parts.append(f"writing {seconds(update.write_seconds)}{energy}, modelled")
    if update.beside is not None:
        parts.append("fits beside the old one" if update.beside else "does not fit beside the old one")
    return "; ".join(parts)


def _operators(estimate: Estimate, most: int) -> list[str]:
    if not estimate.operators or not most:
        return []
    numbered = list(enumerate(estimate.operators))
    kept = sorted(numbered, key=lambda pair: (pair[1].seconds or 0.0, pair[1].macs), reverse=True)[:most]
    shown = [(head, text) for head, text, asked in _COLUMNS if any(asked(one) for one in estimate.operators)]
    rows = [["", *(head for head, _ in shown)]]
    rows += [
        [str(place), *(text(one, estimate) for _, text in shown)] for place, one in sorted(kept, key=lambda p: p[0])
    ]
    left = len(numbered) - len(kept)
    legend = [f"  {_LEGEND}"] if any(one.held_by or one.simd is not None for one in estimate.operators) else []
    return [
        *columns(rows),
        *legend,
        *([f"  and {left} that take less; --operators {len(numbered)} shows all"] if left else []),
    ]


def _share(operator: OperatorEstimate, estimate: Estimate) -> str:
    whole, own = estimate.seconds, operator.seconds
    return f"{own / whole:.1%}" if own is not None and whole else ""


def _always(operator: OperatorEstimate) -> bool:
    return True


_LEGEND: Final = (
    "touches: what it reads and writes; fits in: the nearest cache with room for that; "
    "SIMD: lanes expected to have work"
)
#: Of the table of operators: the head of a column, its text, and which operators ask for it.
_COLUMNS: Final[
    Sequence[tuple[str, Callable[[OperatorEstimate, Estimate], str], Callable[[OperatorEstimate], bool]]]
] = (
    ("operator", lambda one, _: _cut(one.name), _always),
    ("kind", lambda one, _: one.kind, _always),
    ("MACs", lambda one, _: f"{one.macs:,}", _always),
    ("weights", lambda one, _: size(one.weights_bytes), _always),
    ("output", lambda one, _: size(one.output_bytes), _always),
    ("time", lambda one, _: "unknown" if one.seconds is None else seconds(one.seconds), _always),
    ("share", _share, _always),
    ("bound by", lambda one, _: one.bound or "", lambda one: bool(one.bound)),
    (
        "ops/byte",
        lambda one, _: "" if one.intensity is None else f"{one.intensity:.3g}",
        lambda one: one.intensity is not None,
    ),
    ("touches", lambda one, _: size(one.working_set_bytes or 0), lambda one: one.held_by is not None),
    ("fits in", lambda one, _: one.held_by or "", lambda one: one.held_by is not None),
    ("SIMD", lambda one, _: "" if one.simd is None else f"{one.simd:.0%}", lambda one: one.simd is not None),
)


def _cut(name: str, most: int = 40) -> str:
    name = safe(name)
    return name if len(name) <= most else f"…{name[1 - most :]}"


def scaling_lines(estimates: Sequence[Estimate]) -> list[str]:
    """One file on several devices, each against the first whose latency is known."""
    first = next((e.seconds for e in estimates if e.seconds), None)
    head = ("device", "verdict", "flash", "RAM", "latency", "against the first", "error", "energy")
    rows = [head, *(_scaled(estimate, first) for estimate in estimates)]
    notes = [f"  {e.device}: {safe(problem)}" for e in estimates for problem in e.problems]
    return [f"{safe(estimates[0].model)}; every latency and energy is modelled", "", *columns(rows), *notes]


def _scaled(estimate: Estimate, first: float | None) -> tuple[str, ...]:
    known = estimate.seconds
    return (
        estimate.device,
        verdict(estimate),
        size(estimate.flash_bytes),
        size(estimate.ram_bytes),
        seconds(known) if known else "unknown",
        f"{known / first:.2f}x" if known and first else "",
        "" if known is None else f"{estimate.error:.0%}" if estimate.error is not None else "unvalidated",
        joules(estimate.energy_joules) if estimate.energy_joules else "unknown",
    )


def list_lines(profiles: Iterable[DeviceProfile]) -> list[str]:
    """All profiles, with how far each was checked."""
    rows = [(profile.name, profile.trust, profile.summary) for profile in profiles]
    head = f"{len(rows)} profiles; tradeoff devices show NAME tells the figures and where they are from"
    return [head, "", *columns([("device", "latency", "what it is"), *rows])]


def show_lines(profile: DeviceProfile) -> list[str]:
    """One profile: every figure with its source."""
    lines = [f"{profile.name}: {safe(profile.summary)}", ""]
    rows = [(f"npu.{key}", text, profile.sources[f"npu.{key}"]) for key, text in profile.npu.items()]
    rows += [(name, f"{value:g}", profile.sources[name]) for name, value in profile.figures.items()]
    lines += columns([("figure", "value", "source"), *rows])
    for precision, latency in profile.latency.items():
        lines += ["", f"  latency in {precision}: {trust(profile.validation.get(precision))}"]
        lines += [f"  source: {profile.sources[f'latency.{precision}']}"]
        lines += columns(
            [(f"{cost}_cycles", f"{cycles:.4g}") for cost, cycles in latency.cycles.items()], indent="    "
        )
    return lines
