"""Where a request goes in ONNX Runtime, operator by operator, told by its own profiler."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .anatomy import stored_bytes
from .session import Ran, run_profiled

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

_NOTE: Final = "the profiler counts whole microseconds, and takes time itself: the sum is more than a request takes"
#: What the runtime does to names when it joins operators and changes the order of numbers.
_ADDED: Final = re.compile(r"^fused |(_nchwc|_nhwc|_token_\d+)+$")
_PRODUCTS: Final = frozenset(
    {
        "DynamicQuantizeMatMul",
        "FusedGemm",
        "FusedMatMul",
        "Gemm",
        "MatMul",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QGemm",
        "QLinearMatMul",
    }
)
_CONVOLUTIONS: Final = frozenset({"Conv", "ConvInteger", "FusedConv", "NhwcFusedConv", "QLinearConv"})


def profile(job: tradeoff.Loading, batch: Array) -> tradeoff.Profile:
    """The middle time of each operator over several requests."""
    ran = run_profiled(job.artifact, job.parameters, batch)
    source = _Source(job, ran)
    return tradeoff.Profile(
        operators=tuple(_operator(one, source) for one in ran),
        source="ONNX Runtime's profiler",
        seconds="measured",
        note=_NOTE,
    )


def _operator(ran: Ran, source: _Source) -> tradeoff.Operator:
    return tradeoff.Operator(
        name=source.name(ran),
        kind=ran.kind,
        seconds=statistics.median(ran.microseconds) / 1e6,
        weights_bytes=source.weights_bytes(ran),
        output_bytes=ran.output_bytes,
        flops=_flops(ran, source),
    )


def _flops(ran: Ran, source: _Source) -> float | None:
    """A multiplication and an addition for each weight that a result needs; what else there is, is little."""
    if ran.kind in _PRODUCTS and ran.taken and ran.taken[0]:
        return 2.0 * math.prod(ran.given) * ran.taken[0][-1]
    if ran.kind not in _CONVOLUTIONS and ran.kind != "ConvTranspose":
        return None
    told = ran.taken[1] if len(ran.taken) > 1 else []
    kernel = told if len(told) > 2 else source.kernel(ran)
    if kernel is None:
        return None
    outer = ran.taken[0] if ran.kind == "ConvTranspose" else ran.given
    return 2.0 * math.prod(outer) * math.prod(kernel[1:])


class _Source:
    """The file that was run: which of its operators and constants each of the runtime's stands for."""

    def __init__(self, job: tradeoff.Loading, ran: list[Ran]) -> None:
        nodes, self._constants = _read(job)
        self._makers = {name: node for node in nodes for name in node.output}
        named = {node.name: node for node in nodes if node.name}
        self._of = {one.name: named.get(_plain(one)) or self._makers.get(_plain(one)) for one in ran}
        self._others = {id(node) for node in self._of.values() if node is not None}
        self._counted: set[str] = set()
        self._parts = {one.name: self._gathered(self._of[one.name]) for one in ran}

    def name(self, ran: Ran) -> str:
        """As the file names it."""
        node = self._of[ran.name]
        # What the runtime moves to blocks of channels it calls by its result, which may be that of what was joined.
        if node is not None and node.op_type != ran.kind and _plain(ran) in node.output:
            node = self._makers.get(node.input[0])
        return str(node.name) if node is not None and node.name else _plain(ran)

    def weights_bytes(self, ran: Ran) -> int | None:
        """Of the constants that no operator before it has had; of those that nobody knows, nothing is known."""
        if not self._constants:
            return None
        return sum(stored_bytes(self._constants[name]) for name in self._parts[ran.name])

    def kernel(self, ran: Ran) -> list[int] | None:
        """The shape of the largest constant."""
        shapes = [list(self._constants[name].dims) for name in self._gathered(self._of[ran.name], again=True)]
        return max(shapes, key=math.prod, default=None)

    def _gathered(self, node: Any, *, again: bool = False) -> list[str]:
        """Constants of ``node`` and of what was joined with it, which are operators that did not run by themselves."""
        found, waiting, seen = [], [node] if node is not None else [], set()
        while waiting:
            looked = waiting.pop()
            seen.add(id(looked))
            for name in looked.input:
                maker = self._makers.get(name)
                if name in self._constants and (again or name not in self._counted):
                    found.append(name)
                    self._counted.add(name)
                elif maker is not None and id(maker) not in seen | self._others:
                    waiting.append(maker)
        return found


def _read(job: tradeoff.Loading) -> tuple[list[Any], Mapping[str, Any]]:
    try:
        import onnx
    except ImportError:
        # Needed for converting alone; a file runs without it.
        return [], {}
    graph = onnx.load(job.artifact, load_external_data=False).graph
    return list(graph.node), {constant.name: constant for constant in graph.initializer}


def _plain(ran: Ran) -> str:
    return _ADDED.sub("", ran.name)
