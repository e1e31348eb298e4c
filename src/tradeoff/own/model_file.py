"""What a model file takes and gives, and whether that fits the data; read without any framework."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest_file
from tradeoff.formats import hdf5_file, keras_archive
from tradeoff.formats.finished import ENDINGS, content_of, ending_of, read_signature
from tradeoff.formats.keras_code import refuse_code
from tradeoff.formats.keras_graph import read_graph
from tradeoff.formats.plain_file import is_folder
from tradeoff.formats.signature import Signature
from tradeoff.own import apart
from tradeoff.own.data import OwnData
from tradeoff.text import safe
from tradeoff.vocabulary import Outputs, TaskKind

_PROBABILITIES: Final = frozenset(("softmax", "sigmoid", "hard_sigmoid"))
_SECONDS: Final = 120.0


@dataclass(frozen=True)
class OwnModel:
    """A model file that was looked at, and not yet loaded.

    :param name: the file's stem, made fit to stand in a cell; its whole name unless it is a ``.keras`` file.
    :param path: the file, or the folder of a SavedModel.
    :param sha256: of its bytes.
    :param input_shape: of one sample, ``None`` where any length will do; ``None`` where nothing is known of it.
    :param input_dtype: as the file declares it.
    :param output_size: length of the output's last axis, ``None`` where the file does not say.
    :param last_activation: ``softmax``, ``linear`` and so on; empty where the file does not tell.
    :param layers: class names, those of nested models included.
    :param finished: the ending of a finished artifact, which no technique can change; empty for a Keras model.
    :param batch: the only size of a batch that it takes, ``None`` for any.
    """

    name: str
    path: Path
    sha256: str
    input_shape: tuple[int | None, ...] | None
    input_dtype: str
    output_size: int | None
    last_activation: str
    layers: tuple[str, ...]
    finished: str = ""
    batch: int | None = None

    def outputs(self, kind: TaskKind) -> Outputs | None:
        """What the last activation makes of the outputs; ``None`` where nothing is known of it."""
        if kind == "regression":
            return "values"
        if not self.last_activation:
            return None
        return "probabilities" if self.last_activation in _PROBABILITIES else "logits"

    @property
    def explanations(self) -> tuple[str, ...]:
        """What was understood, in plain language."""
        shape = "samples of any shape" if self.input_shape is None else f"samples of {spelled(self.input_shape)}"
        size = "" if self.output_size is None else f"{self.output_size} "
        ends = self.last_activation or "not told by the file"
        lines = [
            f"takes {shape}, {self.input_dtype}" + (f", {self.batch} at a time" if self.batch else ""),
            f"gives {size}outputs; what it ends with: {ends}",
        ]
        if self.finished:
            return (f"a finished artifact ({self.finished}): no technique changes it", *lines)
        return (f"a Keras model of {len(self.layers)} layers: it is built, changed and converted", *lines)


def safe_name(stem: str, fallback: str) -> str:
    """``stem`` with everything replaced that cannot stand in a cell."""
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "-", stem).strip("-.")
    if not name:
        return fallback
    return name if name[0].isascii() and name[0].isalpha() else f"{fallback}-{name}"


def inspect_model(path: Path, allow_code: bool = False, reads: Collection[str] = ()) -> OwnModel:
    """Look at a model file; what cannot be used is a :class:`BadInput` that says what it is.

    :param reads: endings of finished artifacts that a backend reads, beside those that are known here.
    """
    ending = ending_of(path)
    if ending in hdf5_file.SUFFIXES and not is_folder(path):
        return _hdf5(path, allow_code)
    if ending in ENDINGS or (ending in reads and ending != keras_archive.SUFFIX):
        return _finished(path, ending, allow_code)
    return _described(path, path.stem, keras_archive.read_config(path), allow_code)


def _hdf5(path: Path, allow_code: bool) -> OwnModel:
    """Its library is written in C, and a damaged file may bring it down: it is read in a process of its own."""
    hdf5_file.check_hdf5(path)
    request = {"path": str(path), "what": str(path), "folder": str(apart.new_folder())}
    return _described(path, path.name, apart.ask("hdf5", request, _SECONDS)["config"], allow_code)


def _described(path: Path, name: str, config: dict[str, Any], allow_code: bool) -> OwnModel:
    if not allow_code:
        refuse_code(path, config)
    try:
        graph = read_graph(config)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return OwnModel(
        safe_name(name, "model"),
        path,
        digest_file(path),
        graph.input_shape,
        graph.input_dtype,
        graph.output_size,
        graph.last_activation,
        graph.layers,
    )


def _finished(path: Path, ending: str, allow_code: bool) -> OwnModel:
    signature = read_signature(path, ending, allow_code)
    return OwnModel(
        safe_name(path.resolve().name, "model"),
        path,
        content_of(path, ending),
        *_ends(signature),
        (),
        ending,
        signature.batch if signature else None,
    )


def _ends(signature: Signature | None) -> tuple[tuple[int | None, ...] | None, str, int | None, str]:
    if signature is None:
        return None, "of a type that its backend knows", None, ""
    shape, made = signature.given.shape, signature.made.shape
    return (
        None if shape is None else shape[1:],
        safe(signature.given.dtype),
        made[-1] if made and len(made) > 1 else None,
        signature.last,
    )


# --- does it fit the data? --------------------------------------------------------------------------


def check_fits(model: OwnModel, data: OwnData) -> None:
    """Refuse a model that cannot take the data or cannot give its targets, with the mend where one is known."""
    if model.batch not in (None, 1):
        raise BadInput(
            f"{model.path} takes {model.batch} samples at a time and no other number; export it with a batch of any "
            "size, or of 1"
        )
    _check_input(model, data)
    _check_output(model, data)


def _check_input(model: OwnModel, data: OwnData) -> None:
    if model.input_shape is None or _matches(model.input_shape, data.input_shape):
        return
    raise BadInput(
        f"{model.path} takes samples of shape {spelled(model.input_shape)}, {data.source} gives "
        f"{spelled(data.input_shape)}: {_mend_input(model.input_shape, data.input_shape)}"
    )


def _matches(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    return len(wanted) == len(given) and all(size in (None, length) for size, length in zip(wanted, given, strict=True))


def spelled(shape: tuple[int | None, ...]) -> str:
    """As messages tell a shape."""
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
    if len(given) > 1 and _matches(wanted, (given[-1], *given[:-1])):
        return "the model wants the channels first; add the step channels_first to --tradeoff-preprocess"
    if len(given) == 3 and given[-1] == 3 and _matches(wanted, (*given[:-1], 1)):
        return "the model takes gray images; add the step gray to --tradeoff-preprocess"
    if len(given) == len(wanted) == 3 and wanted[0] == wanted[1] and _matches(wanted[2:], given[2:]):
        return f"the images have another size; begin --tradeoff-preprocess with resize:{wanted[0]}"
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
