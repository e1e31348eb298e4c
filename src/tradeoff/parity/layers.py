"""Layers of a Keras model and tensors of an artifact made from it: which belong together, and how far they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.formats.keras_layers import LayerOutput
from tradeoff.parity.alignment import align, cosine

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

_FILE: Final = "layers.npz"


@dataclass(frozen=True)
class LayerParity:
    """How far one layer of an artifact is from that of the original.

    :param tensor: what stands for it in the artifact, if anything does: a runtime makes one operator of several layers.
    :param cosine: likeness of the two, over all samples at once.
    :param snr: in dB; none where it is not finite, or where there is no tensor.
    :param exact: both are equal to the last bit.
    """

    layer: str
    kind: str
    tensor: str | None = None
    cosine: float | None = None
    snr: float | None = None
    exact: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the process that asked."""
        return asdict(self)

    def beyond(self, least: float) -> bool:
        """Whether it is further from the original than ``least`` dB; what is no number is."""
        if self.tensor is None or self.exact:
            return False
        return self.snr is None or self.snr < least


def write_outputs(outputs: Sequence[LayerOutput], folder: Path) -> list[dict[str, Any]]:
    """Keep the values in ``folder``; gives all else of each."""
    import numpy as np

    arrays: dict[str, Any] = {str(number): one.values for number, one in enumerate(outputs)}
    np.savez(folder / _FILE, **arrays)
    return [{"name": one.name, "kind": one.kind, "number": one.number, "before": one.before} for one in outputs]


def read_outputs(told: Iterable[Mapping[str, Any]], folder: Path) -> list[LayerOutput]:
    """What :func:`write_outputs` has kept."""
    import numpy as np

    with np.load(folder / _FILE, allow_pickle=False) as arrays:
        return [LayerOutput(values=arrays[str(place)], **one) for place, one in enumerate(told)]


def compare_layers(layers: Sequence[LayerOutput], tensors: Mapping[str, Array]) -> list[LayerParity]:
    """One row for each layer, in the order of the original.

    What a layer has before its own activation has a row only where the artifact has that, too.
    """
    names = list(tensors)
    rows = []
    for layer, match in zip(layers, align(layers, tensors), strict=True):
        if match is not None:
            number, values = match
            rows.append(_row(layer, names[number], values))
        elif not layer.before:
            rows.append(LayerParity(layer.label, layer.kind))
    return rows


def _row(layer: LayerOutput, tensor: str, values: Array) -> LayerParity:
    from tradeoff import quality

    noise = quality.snr(values, layer.values)
    return LayerParity(
        layer.label,
        layer.kind,
        tensor,
        cosine(values, layer.values),
        noise if math.isfinite(noise) else None,
        noise == math.inf,
    )
