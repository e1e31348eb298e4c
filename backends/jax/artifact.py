"""Serialized StableHLO: made of a Keras model on JAX, and opened with distrust. Runs in a worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tradeoff

#: Where one file can run. What is not used of it costs some bytes and no time.
PLATFORMS: Final = ("cpu", "cuda", "rocm")
#: Calls of code outside the module that do nothing but compute. Others may take an address out of the file.
_HARMLESS: Final = frozenset(
    {
        "shape_assertion",
        "stablehlo.dynamic_reduce_window",
        "stablehlo.dynamic_rng_bit_generator",
        "stablehlo.dynamic_top_k",
    }
)
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")


def export(model: Any) -> bytes:
    """The inference of ``model`` for batches of any size, weights included; the same model gives the same bytes."""
    import jax
    import jax.export

    taken = _single("inputs", model)
    _single("outputs", model)
    fixed = [variable.value for variable in model.trainable_variables]
    moving = [variable.value for variable in model.non_trainable_variables]

    def answer(x: Any) -> Any:
        return model.stateless_call(fixed, moving, x, training=False)[0].astype("float32")

    sizes = ["b", *(f"s{place}" if size is None else str(size) for place, size in enumerate(taken.shape[1:]))]
    shape = jax.export.symbolic_shape(", ".join(sizes))
    # Tracing raises whatever a layer raises.
    try:
        with _nameless_places():
            module = jax.export.export(jax.jit(answer), platforms=PLATFORMS)(jax.ShapeDtypeStruct(shape, taken.dtype))
        _check_calls("the model", module)
        return bytes(module.serialize())
    except tradeoff.Refused:
        raise
    except Exception as error:
        raise tradeoff.Refused("not supported by format", told(error)) from error


def open_artifact(path: Path) -> Any:
    """The module in ``path``, a ``jax.export.Exported``, looked at before anything of it is compiled."""
    import jax.export

    # Its readers trust what they read, and so raise in their own ways where they should not have.
    try:
        module = jax.export.deserialize(bytearray(path.read_bytes()))
        _check_calls(path.name, module)
    except tradeoff.Refused:
        raise
    except Exception as error:
        raise tradeoff.BadInput(f"{path} cannot be loaded by JAX: {told(error)}") from error
    return module


def check_signature(name: str, module: Any, platform: str) -> None:
    """Refuse a module that is no inference of one batch on this platform."""
    import jax

    counts = (len(module.in_avals), len(module.out_avals), module.nr_devices)
    if counts != (1, 1, 1) or module.in_tree != jax.tree.structure(((0,), {})):
        raise tradeoff.Refused(
            "not implemented here",
            f"{name} takes {counts[0]} arrays and gives {counts[1]} on {counts[2]} devices, not one each",
        )
    wanted = ("cpu",) if platform == "cpu" else ("cuda", "rocm")
    if not set(wanted) & set(module.platforms):
        raise tradeoff.Refused(
            "not supported by format", f"{name} was exported for {', '.join(module.platforms)}, not for {wanted[0]}"
        )


@contextmanager
def opened(module: Any) -> Iterator[Any]:
    """The module as MLIR, to be read within the context only."""
    from jax.interpreters import mlir

    with mlir.make_ir_context():
        yield module.mlir_module(serialized=False).operation


def operations(whole: Any, see: Callable[[Any], None]) -> None:
    """Show every operation of an opened module, nested ones included."""
    for region in whole.regions:
        for block in region:
            for operation in block:
                see(operation.operation)
                operations(operation.operation, see)


def told(error: Exception) -> str:
    """The telling line of an error; Keras puts another one before it, and colours it."""
    lines = [line for line in (_COLOURS.sub("", line).strip() for line in str(error).splitlines()) if line]
    telling = [line for line in lines if not line.startswith("Exception encountered")]
    return (telling or lines or [type(error).__name__])[0][:300]


def _single(what: str, model: Any) -> Any:
    found = list(getattr(model, what, None) or ())
    if len(found) != 1:
        raise tradeoff.Refused("not implemented here", f"the model has {len(found)} {what}, not one")
    return found[0]


def _check_calls(name: str, module: Any) -> None:
    foreign: set[str] = set()

    def see(operation: Any) -> None:
        if operation.name == "stablehlo.custom_call":
            foreign.add(str(operation.attributes["call_target_name"].value))

    with opened(module) as whole:
        operations(whole, see)
    foreign -= _HARMLESS
    if foreign:
        raise tradeoff.Refused(
            "not supported by format", f"{name} calls code outside the module: {', '.join(sorted(foreign)[:5])}"
        )


@contextmanager
def _nameless_places() -> Iterator[None]:
    """Leave out which line of which file on this machine an operation came from; its layer's name stays."""
    import jax

    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)
