"""Stages that look inside: at layers, at what lies between them, and at what a plugin has promised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.datafiles import DataFiles, tile
from tradeoff.parity.layers import compare_layers, read_outputs, write_outputs
from tradeoff.stages.shared import MODEL_FILE, load_keras
from tradeoff.vocabulary import Progress

if TYPE_CHECKING:
    from tradeoff.stages.desk import Desk


def check(desk: Desk, request: Mapping[str, Any], progress: Progress) -> Any:
    """Look at one thing that a plugin has promised, for the conformance kit."""
    from tradeoff.conformance.inside import look

    return look(desk.registry, request, progress)


def layers(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What each layer of a Keras model gives for some test samples, as a file; and what the layers are."""
    from tradeoff.formats.keras_layers import layer_outputs

    batch = tile(DataFiles(Path(request["data"])).split("test"), request["samples"])
    progress("running the original", 0.0)
    found = layer_outputs(load_keras(Path(request["variant"]) / MODEL_FILE), batch)
    return {"layers": write_outputs(found, Path(request["folder"]))}


def intermediates(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """How far each layer of an artifact is from that of the original; none where the backend cannot tell."""
    batch = tile(DataFiles(Path(request["data"])).split("test"), request["samples"])
    progress("running the artifact", 0.0)
    found = desk.backend(request).intermediates(desk.loading(request), batch)
    if found is None:
        return {"rows": None}
    progress("comparing", 0.5)
    rows = compare_layers(read_outputs(request["layers"], Path(request["folder"])), found)
    return {"rows": [row.to_json() for row in rows]}
