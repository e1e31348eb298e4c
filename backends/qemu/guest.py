"""Runs ``.tflite`` files in LiteRT on the processor that is emulated; run by its path, with the Python that is there.

It imports nothing of this project. Orders come on the standard input, each a line of JSON and as many bytes as it says;
answers go out in the same way.

    python guest.py versions                                # what it runs with, as JSON
    python guest.py serve                                   # load and run files until there are no more orders
    python guest.py count MODEL KERNELS SAMPLES TIMES       # requests between marks that a plugin of QEMU sees
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import platform
import sys
from typing import IO, Any, Final

#: So many requests go before those that are counted: the first ones pack weights and fill caches.
_WARM: Final = 2


def main(task: str, *words: str) -> None:
    """Do what the first word says; what LiteRT prints goes to the standard error."""
    talk = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if task == "versions":
        talk.write(json.dumps(_versions()).encode())
    elif task == "count":
        _count(words[0], words[1], int(words[2]), int(words[3]))
    else:
        _Desk(sys.stdin.buffer, talk).serve()
    talk.flush()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    import ai_edge_litert.interpreter  # noqa: F401 - that it loads is half of the answer

    found = {name: version(name) for name in ("ai-edge-litert", "numpy")}
    return {**found, "python": platform.python_version(), "machine": platform.machine()}


class _Desk:
    """Files that are loaded, by number."""

    def __init__(self, orders: IO[bytes], answers: IO[bytes]) -> None:
        self._orders = orders
        self._answers = answers
        self._ready: dict[int, Any] = {}
        self._numbers = itertools.count()

    def serve(self) -> None:
        """Until there are no more orders."""
        for line in self._orders:
            order = json.loads(line)
            for number in order.get("unused", ()):
                self._ready.pop(number, None)
            given = self._orders.read(order.get("bytes", 0))
            try:
                told, found = self._do(order, given)
            except (RuntimeError, ValueError) as error:
                told, found = {"raised": type(error).__name__, "text": str(error)}, b""
            self._answers.write(json.dumps({**told, "bytes": len(found)}).encode() + b"\n" + found)
            self._answers.flush()

    def _do(self, order: dict[str, Any], given: bytes) -> tuple[dict[str, Any], bytes]:
        if order["do"] == "load":
            ready = _allocated(order["path"], order["kernels"])
            number = next(self._numbers)
            self._ready[number] = ready
            return {"number": number, **_edges(ready)}, b""
        ready = self._ready[order["number"]]
        if order["do"] == "resize":
            _resize(ready, order["shape"])
            return _edges(ready), b""
        return _run(ready, given)


def _allocated(path: str, kernels: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    ready = Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=OpResolverType[kernels])
    ready.allocate_tensors()
    return ready


def _resize(ready: Any, shape: list[int]) -> None:
    ready.resize_tensor_input(ready.get_input_details()[0]["index"], shape)
    ready.allocate_tensors()


def _edges(ready: Any) -> dict[str, Any]:
    """What comes in and what goes out, as plain data."""
    return {
        "inputs": [_edge(details) for details in ready.get_input_details()],
        "outputs": [_edge(details) for details in ready.get_output_details()],
    }


def _edge(details: dict[str, Any]) -> dict[str, Any]:
    scale = details["quantization_parameters"]
    return {
        "index": int(details["index"]),
        "dtype": details["dtype"].__name__,
        "shape": details["shape"].tolist(),
        "shape_signature": details["shape_signature"].tolist(),
        "scales": scale["scales"].tolist(),
        "zero_points": scale["zero_points"].tolist(),
    }


def _run(ready: Any, given: bytes) -> tuple[dict[str, Any], bytes]:
    """One request."""
    import numpy as np

    source, target = ready.get_input_details()[0], ready.get_output_details()[0]
    ready.set_tensor(source["index"], np.frombuffer(given, source["dtype"]).reshape(source["shape"]))
    ready.invoke()
    found = ready.get_tensor(target["index"])
    return {"shape": list(found.shape)}, found.tobytes()


def _count(path: str, kernels: str, samples: int, times: int) -> None:
    """Between marks there is nothing at first, and then one request; again and again."""
    import numpy as np

    ready = _allocated(path, kernels)
    source = ready.get_input_details()[0]
    _resize(ready, [samples, *source["shape"].tolist()[1:]])
    source = ready.get_input_details()[0]
    made_up = np.arange(int(np.prod(source["shape"]))) % 97
    ready.set_tensor(source["index"], made_up.astype(source["dtype"]).reshape(source["shape"]))
    # Python's own method looks after references first, which takes more instructions than a small net.
    invoke = ready._interpreter.Invoke
    for _ in range(_WARM):
        invoke()
    gc.disable()
    for _ in range(times):
        os.getpgid(0)
        os.getpgid(0)
        invoke()
        os.getpgid(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
