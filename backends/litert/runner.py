"""A loaded ``.tflite`` file: an interpreter for each shape of batch, floats in and floats out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .edges import edge, framed
from .graph import read_graph

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

XNNPACK: Final = "xnnpack"
#: The kernels by our word, and LiteRT's word for who chooses them.
KERNELS: Final = {
    XNNPACK: "AUTO",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
#: A file, threads and kernels to an interpreter.
Allocated = Callable[[Path, int, str], Any]


class LiteRTRunner:
    """A loaded file; all bound calls stay valid.

    :param allocated: what gives an interpreter that is ready; the one in this process, if nothing else is said.
    """

    def __init__(
        self, artifact: Path, threads: int, kernels: str = XNNPACK, allocated: Allocated | None = None
    ) -> None:
        self._artifact = artifact
        self._ready = partial(interpreter, artifact, threads, kernels, allocated or _allocated)
        first = self._ready()
        taken, given = first.get_input_details(), first.get_output_details()
        if len(taken) != 1 or len(given) != 1:
            raise tradeoff.Refused(
                "not implemented here",
                f"{artifact.name} has {len(taken)} inputs and {len(given)} outputs; a request is one of each",
            )
        self._source, self._target = int(taken[0]["index"]), int(given[0]["index"])
        self._input = edge(taken[0], artifact, "input")
        self._output = edge(given[0], artifact, "output")
        self._signature: tuple[int, ...] = tuple(taken[0]["shape_signature"].tolist())
        self._allocated = {tuple(taken[0]["shape"].tolist()): first}

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        ready = self._for(batch.shape)
        return framed(batch, self._input, self._output, lambda given: self._plain(ready, given))

    def _plain(self, ready: Any, given: Array) -> Callable[[], Array]:
        # Defaults are locals: looking names up in the enclosing scope costs another 1 % of a request of 4 us. Methods
        # that are looked up in the call are quicker than those bound before: nothing has to be unpacked.
        def answer(
            interpreter: Any = ready, source: int = self._source, batch: Array = given, target: int = self._target
        ) -> Any:
            interpreter.set_tensor(source, batch)
            interpreter.invoke()
            return interpreter.get_tensor(target)

        return answer

    def _for(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._allocated:
            self._allocated[shape] = self._resized(shape)
        return self._allocated[shape]

    def _resized(self, shape: tuple[int, ...]) -> Any:
        # The runtime would resize it all the same, and reshaping inside could then mix samples.
        if self._signature and self._signature[0] != -1 and shape[:1] != self._signature[:1]:
            raise tradeoff.Refused(
                "not supported by format",
                f"{self._artifact.name} was made for batches of exactly {self._signature[0]}, not {shape[0]}",
            )
        ready = self._ready()
        try:
            ready.resize_tensor_input(self._source, shape)
            ready.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise tradeoff.Refused("not supported by format", f"no batch of shape {shape}: {error}") from error
        return ready


def interpreter(artifact: Path, threads: int, kernels: str, allocated: Allocated) -> Any:
    """An allocated interpreter, or an error that says whose fault it is: the file's, or the kernels'."""
    try:
        return allocated(artifact, threads, kernels)
    except (RuntimeError, ValueError) as error:
        custom = _custom(artifact)
        if custom:
            raise tradeoff.Refused(
                "not supported by format",
                f"{artifact.name} needs operators that LiteRT does not have: {', '.join(custom)}",
            ) from error
        if kernels != XNNPACK and _loads(artifact, threads, allocated):
            raise tradeoff.Refused(
                "not implemented here",
                f"{artifact.name} does not load with kernels={kernels}, and does with {XNNPACK}: {error}",
            ) from error
        raise tradeoff.BadInput(f"{artifact} cannot be loaded by LiteRT: {error}") from error


def _allocated(artifact: Path, threads: int, kernels: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    ready = Interpreter(
        model_path=str(artifact), num_threads=threads, experimental_op_resolver_type=OpResolverType[KERNELS[kernels]]
    )
    ready.allocate_tensors()
    return ready


def _loads(artifact: Path, threads: int, allocated: Allocated) -> bool:
    try:
        allocated(artifact, threads, XNNPACK)
    except (RuntimeError, ValueError):
        return False
    return True


def _custom(artifact: Path) -> tuple[str, ...]:
    """The names of operators that are not LiteRT's own, in a file that it did not load."""
    try:
        return read_graph(artifact.read_bytes()).custom
    except Exception:  # noqa: BLE001 - the file may be anything, and then names nothing
        return ()
