"""What a ``.keras`` file takes and gives, and whether that fits the data; read without any framework."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest_file
from tradeoff.formats.keras_archive import read_config
from tradeoff.formats.keras_code import refuse_code
from tradeoff.formats.keras_graph import Graph, read_graph
from tradeoff.own.data import OwnData
from tradeoff.vocabulary import Outputs, TaskKind

_PROBABILITIES: Final = frozenset(("softmax", "sigmoid", "hard_sigmoid"))


@dataclass(frozen=True)
class OwnModel:
    """A ``.keras`` file that was looked at, and not yet loaded.

    :param name: the file's stem, made fit to stand in a cell.
    :param path: the file.
    :param sha256: of its bytes.
    :param input_shape: of one sample; ``None`` where any length will do.
    :param input_dtype: as the file declares it.
    :param output_size: length of the output's last axis, ``None`` where the file does not say.
    :param last_activation: ``softmax``, ``linear`` and so on.
    :param layers: class names, those of nested models included.
    """

    name: str
    path: Path
    sha256: str
    input_shape: tuple[int | None, ...]
    input_dtype: str
    output_size: int | None
    last_activation: str
    layers: tuple[str, ...]

    def outputs(self, kind: TaskKind) -> Outputs:
        """What the last activation makes of the outputs."""
        if kind == "regression":
            return "values"
        return "probabilities" if self.last_activation in _PROBABILITIES else "logits"


def safe_name(stem: str, fallback: str) -> str:
    """``stem`` with everything replaced that cannot stand in a cell."""
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "-", stem).strip("-.")
    if not name:
        return fallback
    return name if name[0].isascii() and name[0].isalpha() else f"{fallback}-{name}"


def inspect_model(path: Path, allow_code: bool = False) -> OwnModel:
    """Look at a ``.keras`` file; what cannot be used is a :class:`BadInput` that says what it is."""
    config = read_config(path)
    if not allow_code:
        refuse_code(path, config)
    try:
        graph = read_graph(config)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return _described(path, graph)


def _described(path: Path, graph: Graph) -> OwnModel:
    return OwnModel(
        safe_name(path.stem, "model"),
        path,
        digest_file(path),
        graph.input_shape,
        graph.input_dtype,
        graph.output_size,
        graph.last_activation,
        graph.layers,
    )


# --- does it fit the data? --------------------------------------------------------------------------


def check_fits(model: OwnModel, data: OwnData) -> None:
    """Refuse a model that cannot take the data or cannot give its targets, with the mend where one is known."""
    _check_input(model, data)
    _check_output(model, data)


def _check_input(model: OwnModel, data: OwnData) -> None:
    if _matches(model.input_shape, data.input_shape):
        return
    raise BadInput(
        f"{model.path} takes samples of shape {_spelled(model.input_shape)}, {data.source} gives "
        f"{_spelled(data.input_shape)}: {_mend_input(model.input_shape, data.input_shape)}"
    )


def _matches(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    return len(wanted) == len(given) and all(size in (None, length) for size, length in zip(wanted, given, strict=True))


def _spelled(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _mend_input(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> str:
    product = 1
    for size in given:
        product *= size
    if _matches(wanted, (*given, 1)):
        return "the last axis is missing; add the step channels to --tradeoff-preprocess"
    if _matches(wanted, (product,)):
        return "the model takes flat samples; add the step flatten to --tradeoff-preprocess"
    if len(given) > 1 and _matches(wanted, (*given[1:], given[0])):
        return "the channels stand first in the data; write it with numpy.moveaxis(x, 1, -1)"
    if len(given) > 1 and given[-1] == 1 and _matches(wanted, given[:-1]):
        return "the data has a last axis of length 1 too many; write it with x[..., 0]"
    return "check that this file belongs to this model; the steps flatten and channels change shapes"


def _check_output(model: OwnModel, data: OwnData) -> None:
    size = model.output_size
    if size is None:
        return
    if data.classes is None:
        wanted = data.target_shape[-1]
        if size != wanted:
            raise BadInput(
                f"{model.path} gives {size} values, {data.source} has {wanted} for each sample; check that they belong "
                "together; if the targets are labels, declare kind classification"
            )
        return
    one_for_two = size == 1 and data.classes == 2
    if size != data.classes and not one_for_two:
        raise BadInput(
            f"{model.path} gives {size} outputs, {data.source} has {data.classes} classes; check that they belong "
            "together; if the targets are values, declare kind regression"
        )
