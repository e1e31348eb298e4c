"""The precisions that ai-edge-quantizer makes of a float ``.tflite`` file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..layerwise import FLOAT_BITS, LAYERWISE
from .convert import layers_in, mark_of, told
from .graph import WEIGHTED, Graph, Node, read_graph

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

QUANTIZER: Final = tradeoff.Requirement("ai_edge_quantizer", "ai-edge-quantizer")
MADE: Final = ("int16x8", "int4", "int8w", "mixed")
#: Bits of the weights where activations stay floats in the file.
_WEIGHT_BITS: Final = {"int4": 4, "int8w": 8}
#: LiteRT has kernels with weights of 4 bits for these alone; others that shall have as few get 8.
_IN_4_BITS: Final = frozenset({"CONV_2D", "FULLY_CONNECTED"})
#: Bits of the activations where they are calibrated.
_ACTIVATION_BITS: Final = {"int16x8": 16, "mixed": 8, "int8": 8}
_KINDS: Final = {
    "dense": ("FULLY_CONNECTED",),
    "conv": ("CONV_2D", "TRANSPOSE_CONV"),
    "depthwise": ("DEPTHWISE_CONV_2D",),
}
_ENDS: Final = ("first", "last", "ends")


@dataclass(frozen=True)
class Learnt:
    """What a training has found out for the quantization.

    :param ranges: the smallest and the largest value of results, by tensor.
    :param per_tensor: whether the kernels were trained with one scale each.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    per_tensor: bool = False


def without_quantizer(can: tradeoff.Capabilities, install: str) -> tradeoff.Capabilities:
    """What a backend can do of ``can`` where the quantizer may be missing: what TensorFlow's converter makes remains.

    :param install: what to give pip then.
    """
    if QUANTIZER.installed():
        return can
    missing = tradeoff.Refusal("not installed", f"{QUANTIZER.distribution}: pip install '{install}'")
    made = [name for name in MADE if name in can.precisions] + list(can.bits)
    return replace(
        can,
        precisions=tuple(name for name in can.precisions if name not in made),
        ranges=(),
        bits=(),
        refusals={**can.refusals, **dict.fromkeys(made, missing)},
    )


def quantized(
    blob: bytes,
    precision: str,
    calibration: Array,
    chosen: frozenset[str] = frozenset(),
    learnt: Learnt | None = None,
    widths: Mapping[str, int] | None = None,
) -> bytes:
    """The float file ``blob`` in ``precision``.

    :param chosen: the results that stay floats in ``mixed``.
    :param widths: the bits of the weights that make a result, in ``layerwise``.
    """
    # Its errors are plain ValueErrors and RuntimeErrors, and those of whatever it calls.
    try:
        with warnings.catch_warnings():
            # Calibrating keeps all results in memory on purpose.
            warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
            if precision == LAYERWISE:
                return _layer_by_layer(blob, widths or {})
            return _quantized(blob, precision, calibration, chosen, learnt or Learnt())
    except Exception as error:
        raise tradeoff.Refused("not supported by format", f"ai-edge-quantizer: {told(error)}") from error


def _quantized(blob: bytes, precision: str, calibration: Array, chosen: frozenset[str], learnt: Learnt) -> bytes:
    import numpy as np
    from ai_edge_quantizer import algorithm_manager, qtyping, quantizer

    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    maker = quantizer.Quantizer(blob)
    if precision == "int4":
        maker.add_dynamic_config(".*", everything, _WEIGHT_BITS[precision])
    elif precision == "int8w":
        maker.add_weight_only_config(".*", everything, _WEIGHT_BITS[precision])
    else:
        none = algorithm_manager.AlgorithmName.NO_QUANTIZE
        grain = qtyping.QuantGranularity.TENSORWISE if learnt.per_tensor else qtyping.QuantGranularity.CHANNELWISE
        maker.add_static_config(".*", everything, _ACTIVATION_BITS[precision], 8, grain)
        for edge in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            maker.update_quantization_recipe(".*", edge, algorithm_key=none)
        for name in sorted(chosen):
            maker.update_quantization_recipe(f"^{re.escape(name)};", everything, algorithm_key=none)
    ranges = _ranges(maker, blob, calibration) if maker.need_calibration else {}
    for name in {*learnt.ranges} & {*ranges}:
        for edge, value in zip(("min", "max"), learnt.ranges[name], strict=True):
            ranges[name][edge] = np.full_like(ranges[name][edge], value)
    made = maker.quantize(ranges or None, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)


def _layer_by_layer(blob: bytes, widths: Mapping[str, int]) -> bytes:
    from ai_edge_quantizer import qtyping, quantizer

    maker = quantizer.Quantizer(blob)
    for name, width in sorted(widths.items()):
        if width != FLOAT_BITS:
            maker.add_dynamic_config(f"^{re.escape(name)};", qtyping.TFLOperationName.ALL_SUPPORTED, width)
    made = maker.quantize(None, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)


def widths_for(blob: bytes, bits: Mapping[str, int]) -> dict[str, int]:
    """The bits of layers as those of results, in a file whose tensors tell their layers; what was joined has most."""
    graph = read_graph(blob)
    by_mark = {mark_of(layer): width for layer, width in bits.items()}
    found = {}
    for node, _ in graph.weighted():
        name = graph.full_name(node)
        widths = [by_mark[mark] for mark in layers_in(name) if mark in by_mark]
        least = 4 if node.kind in _IN_4_BITS else 8
        found[name] = max(*widths, least) if widths else FLOAT_BITS
    if all(width == FLOAT_BITS for width in found.values()):
        raise tradeoff.Refused(
            "not supported by format", f"{LAYERWISE}: none of the layers that have fewer bits is in the file"
        )
    return found


def _ranges(maker: Any, blob: bytes, calibration: Array) -> Any:
    """The smallest and the largest value of each result over all samples.

    The quantizer's own road takes a moving average over samples, which cuts off what only some of them reach: of
    normally distributed inputs a quarter of the range, and then two thirds of the answer.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import calibrator, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    ((signature, edges),) = Interpreter(model_content=blob).get_signature_list().items()
    (taken,) = edges["inputs"]
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(maker.get_quantization_recipe())
    # The other mode hands every result to Python, and finds the same ranges in ten times the time.
    mode = calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED
    gauge = calibrator.Calibrator(blob, num_threads=1, mode=mode, qsv_update_func=qsv_utils.min_max_update)
    gauge.calibrate({signature: [{taken: sample[None]} for sample in calibration]}, recipes)
    return gauge.get_model_qsvs()


def chosen_for(blob: bytes, values: Mapping[str, Value]) -> frozenset[str]:
    """The names of the results that ``mixed`` leaves in floating point, in a file whose tensors tell their layers."""
    graph = read_graph(blob)
    word, count = str(values["float"]), int(values["count"])
    chosen = _chosen(graph, word, count)
    if all(node in chosen for node in graph.work if node.kind in WEIGHTED):
        raise tradeoff.Refused(
            "not supported by format", f"mixed:float={word} leaves nothing to int8: every layer would be float32"
        )
    return frozenset(graph.full_name(node) for node in chosen)


def _chosen(graph: Graph, word: str, count: int) -> list[Node]:
    weighted = [place for place, node in enumerate(graph.work) if node.kind in WEIGHTED]
    if word in _ENDS:
        # What stands before the first layer and behind the last would be turned around for nothing.
        begin = weighted[:count][-1] + 1 if weighted and word != "last" else 0
        end = weighted[-count:][0] if weighted and word != "first" else len(graph.work)
        return [node for place, node in enumerate(graph.work) if place < begin or place >= end]
    if word in _KINDS:
        chosen = [node for node in graph.work if node.kind in _KINDS[word]]
        if not chosen:
            raise tradeoff.Refused("not supported by format", f"mixed:float={word}: there is no such layer")
        return chosen
    return _of_layer(graph, word)


def _of_layer(graph: Graph, word: str) -> list[Node]:
    chosen = [node for node in graph.work if word in layers_in(graph.full_name(node))]
    if not chosen:
        named = sorted(set().union(*(layers_in(graph.full_name(node)) for node in graph.work)))
        raise tradeoff.Refused(
            "not supported by format",
            f"mixed:float={word} is neither one of {', '.join((*_ENDS, *_KINDS))} nor a layer of this model that "
            f"computes: {', '.join(named)}",
        )
    return chosen
