"""How wrong the models of latency and energy are, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradeoff.devices.nesting import Nested
from tradeoff.devices.validating import EnergyFindings, Findings
from tradeoff.text import columns

Anew = Mapping[tuple[str, str], Nested]


def validation_lines(found: Sequence[Findings], energy: Sequence[EnergyFindings], anew: Anew) -> list[str]:
    """How wrong the models are, system by system; ``anew`` is what comes of it when the costs are chosen each time."""
    head = ("device", "precision", "points", "left out", "mean", "median", "within 10 %", "worst")
    more = ("nested mean", "within 10 %", "costs, and for how many points") if anew else ()
    rows = [(*head, *more), *(_found(findings, anew) for findings in found)]
    lines = ["latency, each estimated from the other points alone:", "", *columns(rows)]
    if energy:
        shown = [("device", "models", "mean", "worst", "power")]
        for system in energy:
            errors = [abs(error) for error in system.errors]
            mean, worst = sum(errors) / len(errors), max(errors)
            name = system.system.name
            shown.append((name, str(len(errors)), f"{mean:.1%}", f"{worst:.0%}", f"{system.watts * 1e3:.3g} mW"))
        lines += ["", "energy, from a published latency and the power of the other models:", "", *columns(shown)]
    return lines


def _found(findings: Findings, anew: Anew) -> tuple[str, ...]:
    worst, system = findings.worst, findings.system
    row = (
        system.name,
        system.precision,
        str(findings.points),
        system.left_out,
        f"{findings.mean:.1%}",
        f"{findings.middle:.1%}",
        f"{findings.near:.0%}",
        f"{worst.error:+.0%} {worst.model}",
    )
    nested = anew.get((system.name, system.precision))
    if nested is None:
        return row
    chosen = ", ".join(f"{costs} {count}" for costs, count in nested.chosen)
    return (*row, f"{nested.findings.mean:.1%}", f"{nested.findings.near:.0%}", chosen)
