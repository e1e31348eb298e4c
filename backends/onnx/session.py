"""Sessions of ONNX Runtime on the processor, and what they tell of a run operator by operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.text import safe

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

#: What its profiler puts behind a name for the time that an operator itself takes.
_TIMED: Final = "_kernel_time"
#: Requests that are profiled: at least, at most, and so many seconds of them in between.
_LEAST: Final = 5
_MOST: Final = 101
_SECONDS: Final = 1.0


def open_session(model: Path | bytes, parameters: Mapping[str, Value], profile_prefix: str = "") -> Any:
    """A session with what the backend's parameters say."""
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(parameters.get("threads", 1))
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = {
        "all": levels.ORT_ENABLE_ALL,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "basic": levels.ORT_ENABLE_BASIC,
        "none": levels.ORT_DISABLE_ALL,
    }[str(parameters.get("optimization", "all"))]
    # What fails comes as an error, too.
    options.log_severity_level = 4
    if profile_prefix:
        options.enable_profiling = True
        options.profile_file_prefix = profile_prefix
    source = model if isinstance(model, bytes) else str(model)
    # Its errors have no class in common but Exception.
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        name = "the model" if isinstance(model, bytes) else model
        raise tradeoff.BadInput(f"{name} cannot be loaded by ONNX Runtime: {told(error)}") from error


def told(error: Exception) -> str:
    """The first line of what the runtime says."""
    return safe((str(error).strip().splitlines() or [type(error).__name__])[0])[:300]


@dataclass
class Ran:
    """One operator as it ran.

    :param name: of the operator in the optimized graph.
    :param microseconds: of each run.
    :param taken: shapes of what it was given, constants in a form of its own left out.
    :param given: shape of its first result.
    """

    name: str
    kind: str
    output_bytes: int
    taken: list[list[int]]
    given: list[int]
    microseconds: list[float] = field(default_factory=list)


def run_profiled(model: Path | bytes, parameters: Mapping[str, Value], batch: Array, most: int = _MOST) -> list[Ran]:
    """Every operator of several requests, in the order in which they run; what the profiler writes is removed."""
    with TemporaryDirectory(prefix="tradeoff-profile-") as folder:
        session = open_session(model, parameters, str(Path(folder) / "onnxruntime"))
        (taken,) = session.get_inputs()
        end = monotonic() + _SECONDS
        for number in range(most):
            if number >= _LEAST and monotonic() > end:
                break
            session.run(None, {taken.name: batch})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    found: dict[tuple[str, str], Ran] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_TIMED):
            name, arguments = event["name"].removesuffix(_TIMED), event["args"]
            ran = found.setdefault((arguments["node_index"], name), _ran(name, arguments))
            ran.microseconds.append(float(event["dur"]))
    return list(found.values())


def _ran(name: str, arguments: Mapping[str, Any]) -> Ran:
    taken, given = (
        [next(iter(shape.values())) for shape in arguments[side] if shape]
        for side in ("input_type_shape", "output_type_shape")
    )
    return Ran(name, arguments["op_name"], int(arguments["output_size"]), taken, given[0] if given else [])
