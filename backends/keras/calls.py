"""A Keras model as a request, compiled by whichever engine Keras runs on. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.engine import GPU

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

    Call = Callable[[], Array]
    #: Gives the call for a batch of the shape that it was made for.
    Binder = Callable[[Array], Call]


class KerasRunner:
    """A loaded model; one compiled function for each shape of batch, all of them valid side by side."""

    def __init__(self, model: Any, engine: str) -> None:
        self._compile = _COMPILERS[engine](model)
        self._dtype = model.inputs[0].dtype
        self._compiled: dict[tuple[int, ...], Binder] = {}

    def bind(self, batch: Array) -> Call:
        """A call that is one whole request on ``batch``."""
        import numpy as np

        given = np.ascontiguousarray(batch, dtype=self._dtype)
        if given.shape not in self._compiled:
            bind = self._compile(given)
            # Tracing and compiling belong to loading, not to the first request.
            bind(given)()
            self._compiled[given.shape] = bind
        return self._compiled[given.shape](given)


def check_device(engine: str, device: str) -> None:
    """Refuse where a driver is there, and the engine has no way to its device."""
    if device != GPU or _SEES_GPU[engine]():
        return
    raise tradeoff.Refused(
        "no such device", f"host-gpu: {engine} finds no GPU that it can use; pip install {_WITH_GPU[engine]}"
    )


def _on_tensorflow(model: Any) -> Callable[[Array], Binder]:
    import tensorflow

    constant = tensorflow.constant

    def answer(x: Any) -> Any:
        return tensorflow.cast(model(x, training=False), "float32")

    def compiled(first: Array) -> Binder:
        # A fixed signature: no choice among traces is left to the request.
        function = traced.get_concrete_function(tensorflow.TensorSpec(first.shape, first.dtype))

        def bind(batch: Array) -> Call:
            return lambda: function(constant(batch)).numpy()

        return bind

    traced = tensorflow.function(answer, autograph=False)
    return compiled


def _on_jax(model: Any) -> Callable[[Array], Binder]:
    import jax
    import numpy as np

    fixed = [variable.value for variable in model.trainable_variables]
    moving = [variable.value for variable in model.non_trainable_variables]

    def answer(fixed: Any, moving: Any, x: Any) -> Any:
        return model.stateless_call(fixed, moving, x, training=False)[0].astype("float32")

    # Called by itself, and not what it was lowered to: that is quicker, and each shape is compiled once as well.
    function = jax.jit(answer)

    def bind(batch: Array) -> Call:
        return lambda: np.asarray(function(fixed, moving, batch))

    return lambda first: bind


def _on_torch(model: Any) -> Callable[[Array], Binder]:
    import torch

    model.eval()
    tensor, inference = torch.from_numpy, torch.inference_mode

    def bind(batch: Array) -> Call:
        def answer() -> Array:
            with inference():
                # Keras moves what it is given to where its weights are.
                outputs: Array = model(tensor(batch), training=False).float().cpu().numpy()
            return outputs

        return answer

    return lambda first: bind


def _tensorflow_sees_gpu() -> bool:
    import tensorflow

    return bool(tensorflow.config.list_physical_devices("GPU"))


def jax_sees_gpu() -> bool:
    """Whether JAX runs on an accelerator here; naming its platform makes JAX raise where it is not to be had."""
    import jax

    try:
        return bool(jax.default_backend() == "gpu")
    except RuntimeError:
        return False


def _torch_sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


_COMPILERS: Final[dict[str, Callable[[Any], Callable[[Array], Binder]]]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}
_SEES_GPU: Final[dict[str, Callable[[], bool]]] = {
    "tensorflow": _tensorflow_sees_gpu,
    "jax": jax_sees_gpu,
    "torch": _torch_sees_gpu,
}
_WITH_GPU: Final = {"tensorflow": "'tensorflow[and-cuda]'", "jax": "'jax[cuda13]'", "torch": "torch"}
