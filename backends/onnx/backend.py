"""Backend ``onnxruntime``: a ``.onnx`` file on ONNX Runtime's kernels for the processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS
from tradeoff.formats.stored import onnx_weights

from ..layerwise import FLOAT_BITS, LAYERWISE, bits_of
from .anatomy import anatomy
from .export import check_export, check_finite, compact, export
from .intermediates import intermediates
from .operators import check_onnx
from .profile import profile
from .quantize import learnt_ranges, realise
from .session import open_session, told

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

ARTIFACT: Final = "model.onnx"


class OnnxRuntimeBackend(tradeoff.Backend):
    """Exports layer by layer; a request is floats in and floats out in every precision."""

    name = "onnxruntime"
    summary = "ONNX Runtime, the runtime of servers and desktops"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16", "bf16", "dynamic", "int8", "int8w", "int16x8", "int4"),
        reads=(".onnx",),
        ranges=("int8",),
        bits=(LAYERWISE,),
        effort=tradeoff.Effort(
            "cloud", "Python", 4, ("pip install onnxruntime", "run the program"), (), ("onnxruntime", "numpy")
        ),
    )
    parameters = (
        tradeoff.Parameter("threads", int, default=1, minimum=1, runtime=True, summary="of one operator"),
        tradeoff.Parameter(
            "layout", str, default="qdq", choices=("qdq", "qoperator"), summary="how int8 stands in the file"
        ),
        tradeoff.Parameter(
            "optimization",
            str,
            default="all",
            choices=("all", "extended", "basic", "none"),
            runtime=True,
            summary="of the graph, when it is loaded",
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("onnxruntime", "onnxruntime"),)
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        tradeoff.Requirement("onnx", "onnx"),
        tradeoff.Requirement("onnxruntime", "onnxruntime"),
    )
    install = "tradeoff[onnxruntime]"

    def abilities(self, parameters: Mapping[str, Value]) -> tradeoff.Capabilities:
        """The layout of operators knows 8 bits only."""
        if parameters.get("layout") != "qoperator":
            return self.capabilities
        refusal = tradeoff.Refusal(
            "not supported by format", "operators of 16 bits are not in ONNX: leave out layout=qoperator"
        )
        precisions = tuple(name for name in self.capabilities.precisions if name != "int16x8")
        return replace(self.capabilities, precisions=precisions, refusals={"int16x8": refusal})

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """One worker for all parameters: a session takes them, not the process."""
        return tradeoff.Environment("onnxruntime", modules=("onnxruntime",))

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Export the model, make sure that it answers as Keras does, and realise the precision."""
        job.progress("exporting", 0.1)
        model = job.load_model()
        results: dict[str, str] = {}
        operators: dict[str, list[str]] = {}
        exported = export(model, results, operators)
        check_export(model, exported.SerializeToString(deterministic=True), job.calibration)
        job.progress("quantizing", 0.4)
        learnt = learnt_ranges(job.ranges, results) if job.ranges else None
        layout, left = str(job.parameters.get("layout", "qdq")), _left_in_float(job, operators)
        made = realise(exported, job.precision, layout, job.calibration, learnt, left)
        blob = compact(made)
        job.progress("checking", 0.9)
        check_finite(blob, job.calibration)
        (job.folder / ARTIFACT).write_bytes(blob)
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Look at the file first: the runtime would follow where it points."""
        check_onnx(job.artifact)
        return OnnxRuntimeRunner(open_session(job.artifact, job.parameters), job.artifact.name)

    def weights(self, artifact: Path) -> Sequence[tradeoff.StoredTensor] | None:
        """Its constants, unless they lie in other files."""
        return onnx_weights(artifact)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill from a request."""
        return anatomy(job, samples)

    def profile(self, job: tradeoff.Loading, batch: Array) -> tradeoff.Profile:
        """Time, weights and arithmetic of each operator that the runtime has made of the graph."""
        self.load(job).bind(batch)
        return profile(job, batch)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """The results of its operators, before the runtime has made anything else of the graph."""
        self.load(job)
        return intermediates(job.artifact, batch)


def _left_in_float(job: tradeoff.Conversion, operators: Mapping[str, Sequence[str]]) -> list[str]:
    """The operators of the layers that were chosen to stay floats, where layers were chosen; 4 bits become 8 here."""
    if job.precision != LAYERWISE:
        return []
    bits = bits_of(job)
    left = [layer for layer, names in operators.items() if names and bits.get(layer, FLOAT_BITS) == FLOAT_BITS]
    return [name for layer in left for name in operators[layer]]


class OnnxRuntimeRunner:
    """A loaded file; each bound call has its own memory for what goes in and what comes out."""

    def __init__(self, session: Any, name: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise tradeoff.Refused(
                "not implemented here", f"{name} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each"
            )
        self._session = session
        self._name = name
        self._input, self._output = inputs[0], outputs[0]
        self._kind = _kind(self._input, f"{name} takes")
        _kind(self._output, f"{name} gives")

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        import numpy as np

        self._refuse_shape(batch)
        taken = np.ascontiguousarray(batch, dtype=self._kind)
        if self._output.type != "tensor(float)":
            return lambda: self._first(taken).astype(np.float32)
        inside, outside = np.empty_like(taken), np.empty(self._shape_for(taken), np.float32)
        binding = self._session.io_binding()
        binding.bind_input(self._input.name, "cpu", 0, self._kind, inside.shape, inside.ctypes.data)
        binding.bind_output(self._output.name, "cpu", 0, np.float32, outside.shape, outside.ctypes.data)

        # Defaults are locals, and keep alive what the binding only points at.
        def answer(
            copy: Callable[[Array, Array], None] = np.copyto,
            inside: Array = inside,
            batch: Array = taken,
            run: Callable[[Any], None] = self._session.run_with_iobinding,
            binding: Any = binding,
            outside: Array = outside,
        ) -> Array:
            copy(inside, batch)
            run(binding)
            return outside.copy()

        return answer

    def _shape_for(self, batch: Array) -> tuple[int, ...]:
        """Of the answer: as the file says, or else as a request shows, which costs the cell its first one."""
        rows, *rest = self._output.shape or [None]
        sizes = [size for size in rest if isinstance(size, int)]
        if isinstance(rows, str) and rows == self._input.shape[0] and len(sizes) == len(rest):
            return (len(batch), *sizes)
        return self._first(batch).shape

    def _first(self, batch: Array) -> Array:
        """A request in the plain way."""
        # Shapes that do not fit each other show here alone, as errors of several classes.
        try:
            found: Array = self._session.run([self._output.name], {self._input.name: batch})[0]
        except Exception as error:
            raise tradeoff.BadInput(f"{self._name} cannot be run by ONNX Runtime: {told(error)}") from error
        return found

    def _refuse_shape(self, batch: Array) -> None:
        wanted = self._input.shape
        fits = len(wanted) == batch.ndim and all(
            not isinstance(size, int) or size == found for size, found in zip(wanted, batch.shape, strict=True)
        )
        if not fits:
            shown = " x ".join(str(size) if isinstance(size, int) else "any" for size in wanted)
            raise tradeoff.Refused(
                "not supported by format",
                f"{self._name} takes {shown} alone, and this request is {' x '.join(map(str, batch.shape))}",
            )


_KINDS: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def _kind(edge: Any, does: str) -> str:
    if edge.type not in _KINDS:
        raise tradeoff.Refused("not implemented here", f"{does} {edge.type}, and not floats: {', '.join(_KINDS)}")
    return _KINDS[edge.type]


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``onnxruntime``."""
    return [OnnxRuntimeBackend()]
