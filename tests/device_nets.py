"""Small quantized nets as ``.tflite`` files, made by hand, since estimates need no framework either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

from finished_files import Flat, flatbuffer

from tradeoff.devices.validating import Findings, validate

INT8, INT16, FLOAT32 = 9, 7, 0
CONV, DEPTHWISE, DENSE, ADD, SOFTMAX, LSTM, CUSTOM, DEQUANTIZE = 3, 4, 9, 0, 25, 16, 32, 6
_BYTES = {INT8: 1, INT16: 2, FLOAT32: 4}


@dataclass(frozen=True)
class Step:
    """One operator: what it is, the shape of its weights, and the shape it gives."""

    code: int
    weights: tuple[int, ...]
    output: tuple[int, ...]
    #: Further tensors that it reads, by number: 0 is the input, 1 what the first operator gives.
    also: tuple[int, ...] = ()
    #: Of the quantization of its weights.
    scales: int = 0


NET = (
    Step(CONV, (8, 3, 3, 1), (1, 14, 14, 8)),
    Step(DEPTHWISE, (1, 3, 3, 8), (1, 14, 14, 8)),
    Step(CONV, (16, 1, 1, 8), (1, 14, 14, 16)),
    Step(DENSE, (10, 3136), (1, 10)),
    Step(SOFTMAX, (), (1, 10)),
)


def model(
    steps: Sequence[Step] = NET,
    shape: tuple[int, ...] = (1, 28, 28, 1),
    kind: int = INT8,
    weights_kind: int | None = None,
    graphs: int = 1,
) -> bytes:
    """A chain of operators; each reads what the one before it gives."""
    weights_kind = kind if weights_kind is None else weights_kind
    tensors = [_tensor("input", shape, kind, 0)]
    buffers = [Flat()]
    made: list[Flat] = []
    for number, step in enumerate(steps):
        tensors.append(_tensor(f"step {number}", step.output, kind, 0))
    for number, step in enumerate(steps):
        read = [number, *step.also]
        if step.weights:
            buffers.append(Flat({0: bytes(prod(step.weights) * _BYTES[weights_kind])}))
            tensors.append(_tensor(f"weights {number}", step.weights, weights_kind, len(buffers) - 1, step.scales))
            # What is unpacked is a constant alone, which makes the chain one of weights.
            read.insert(0 if step.code == DEQUANTIZE else 1, len(tensors) - 1)
        made.append(Flat({0: ("<I", number), 1: read, 2: [number + 1]}))
    codes = [_code(step.code) for step in steps]
    graph = Flat({0: tensors, 1: [0], 2: [len(steps)], 3: made})
    return flatbuffer(Flat({0: ("<I", 3), 1: codes, 2: [graph] * graphs, 4: buffers}))


def _tensor(name: str, shape: tuple[int, ...], kind: int, buffer: int, scales: int = 0) -> Flat:
    quantized = {4: Flat({2: [0] * scales})} if scales else {}
    return Flat({0: list(shape), 1: ("<b", kind), 2: ("<I", buffer), 3: name, **quantized})


def _code(code: int) -> Flat:
    return Flat({0: ("<b", code), 3: ("<i", code), **({1: "my_own_operator"} if code == CUSTOM else {})})


def write(path: Path, steps: Sequence[Step] = NET, **how: object) -> Path:
    path.write_bytes(model(steps, **how))  # type: ignore[arg-type]
    return path


@cache
def findings() -> list[Findings]:
    """How wrong every model of latency is, which takes seconds to find out."""
    return validate()
