"""Where a request on XLA goes, operator by operator, and what a module's constants take. Runs in a worker."""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from . import hlo
from .artifact import opened, operations

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Requests that are watched, and after how many seconds there are no more.
_REQUESTS: Final = 30
_SECONDS: Final = 0.3
#: Layers that are named where several are fused into one operator.
_NAMED: Final = 3


def anatomy(module: Any, samples: int) -> tradeoff.Anatomy:
    """Count ``module`` for requests of so many samples."""
    import jax

    (taken,) = module.in_avals
    sizes = [size if isinstance(size, int) else None for size in taken.shape[1:]]
    if None in sizes:
        return tradeoff.Anatomy(weights_bytes=_constants(module))
    text = hlo.read(_compiled(module, jax.ShapeDtypeStruct((samples, *sizes), taken.dtype)).as_text())
    given = sum(one.bytes for one in text.main.values() if one.opcode not in hlo.SILENT)
    return tradeoff.Anatomy(weights_bytes=_constants(module), activations_bytes=given)


def profile(module: Any, batch: Array) -> tradeoff.Profile:
    """The operators of a request on ``batch``."""
    import numpy as np

    (taken,) = module.in_avals
    given = np.ascontiguousarray(batch, dtype=taken.dtype)
    function = _compiled(module, given)
    text = hlo.read(function.as_text())
    seconds = _watched(function, given)
    seen: set[str] = set()
    operators = []
    for instruction in text.main.values():
        if instruction.opcode in hlo.SILENT:
            continue
        constants = text.constants(instruction)
        operators.append(
            tradeoff.Operator(
                name=_place(text, instruction),
                kind=_kind(instruction),
                seconds=seconds.get(instruction.name),
                weights_bytes=sum(size for name, size in constants.items() if name not in seen),
                output_bytes=instruction.bytes,
                flops=text.flops(instruction),
            )
        )
        seen |= constants.keys()
    return tradeoff.Profile(
        tuple(operators),
        source="XLA's profiler" if seconds else "XLA's compiler",
        seconds="measured" if seconds else "unavailable",
        note="operators and constants are those that XLA has made of the module; being watched costs each some 0.1 us",
    )


def _compiled(module: Any, batch: Any) -> Any:
    import jax

    return jax.jit(module.call).lower(batch).compile()


def _watched(function: Any, batch: Array) -> dict[str, float]:
    """Seconds of one request by instruction, the middle one of several; nothing where XLA does not tell."""
    import jax
    import numpy as np

    np.asarray(function(batch))
    options = jax.profiler.ProfileOptions()
    # Watching Python, too, would cost more than all that is of interest here.
    options.python_tracer_level = 0
    with TemporaryDirectory(prefix="tradeoff-xla-") as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            requests = _repeat(function, batch)
        found = list(Path(folder).rglob("*.xplane.pb"))
        durations = _durations(found[0]) if found else {}
    return {name: statistics.median(times) * max(1, round(len(times) / requests)) for name, times in durations.items()}


def _repeat(function: Any, batch: Array) -> int:
    import numpy as np

    end = perf_counter() + _SECONDS
    for count in range(1, _REQUESTS + 1):
        np.asarray(function(batch))
        if perf_counter() > end:
            return count
    return _REQUESTS


def _durations(path: Path) -> dict[str, list[float]]:
    import jax

    found: defaultdict[str, list[float]] = defaultdict(list)
    for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
        for line in plane.lines:
            for event in line.events:
                name = dict(event.stats).get("hlo_op")
                if name:
                    found[str(name)].append(event.duration_ns / 1e9)
    return found


def _place(text: hlo.Text, instruction: hlo.Instruction) -> str:
    """The layers that are computed here; XLA fuses across them."""
    paths = [inner.path for inner in text.inside(instruction)] + [instruction.path]
    layers = list(dict.fromkeys(path[0] for path in paths if len(path) > 1))
    if not layers:
        return instruction.name
    return " + ".join([*layers[:_NAMED], *(["..."] if len(layers) > _NAMED else [])])


def _kind(instruction: hlo.Instruction) -> str:
    """XLA's word; a fusion's name says more than that it is one."""
    return re.sub(r"\.\d+$", "", instruction.name) if instruction.opcode == "fusion" else instruction.opcode


def _constants(module: Any) -> int:
    """Bytes of all constants in the file; one of which all elements are equal is stored as one element."""
    total = 0

    def see(operation: Any) -> None:
        nonlocal total
        if operation.name == "stablehlo.constant":
            total += _stored(operation)

    with opened(module) as whole:
        operations(whole, see)
    return total


def _stored(operation: Any) -> int:
    from jax.interpreters import mlir

    value, kind = operation.attributes["value"], operation.results[0].type
    array = mlir.ir.RankedTensorType(kind)
    bits = re.search(r"\d+", str(array.element_type))
    elements = 1 if value.is_splat else math.prod(array.shape)
    return math.ceil(elements * (int(bits[0]) if bits else 8) / 8)
