"""Reading a SavedModel folder without TensorFlow: what belongs to it, and its signature."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import files_in
from tradeoff.formats import protobuf
from tradeoff.formats.plain_file import is_folder, require_file
from tradeoff.formats.saved_model_graph import GRAPH, HOW, malformed, read_graphs, refuse_harm
from tradeoff.formats.signature import Signature, Tensor, single
from tradeoff.text import safe

#: How backends name what they read; the folder's own name has no ending.
ENDING: Final = "saved_model"
_SERVED: Final = ("serving_default", "serve")
#: As TensorFlow numbers them.
_DTYPES: Final = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "text", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip


def parts(folder: Path) -> dict[str, Path]:
    """All files of the folder by their relative names; links and special files are refused."""
    try:
        found = files_in(folder)
    except (ValueError, OSError) as error:
        raise BadInput(f"{folder} cannot be taken: {error}; copy what it stands for into the folder") from error
    if GRAPH not in found:
        text = ", written as text," if f"{GRAPH}txt" in found else ""
        raise BadInput(f"{folder} is a folder without {GRAPH}, so it is no SavedModel{text} that is taken; {HOW}")
    return found


def read_saved_model(folder: Path, allow_code: bool = False) -> Signature:
    """What goes in and what comes out; operations that do more than compute are refused unless allowed."""
    if not is_folder(folder):
        require_file(folder, "a SavedModel folder", HOW)
        raise BadInput(f"{folder} is a file; name the folder that {GRAPH} lies in")
    parts(folder)
    graphs = read_graphs(folder)
    try:
        inputs, outputs = _signature(folder, [graph.meta for graph in graphs])
    except protobuf.Malformed as error:
        raise malformed(folder, error) from error
    if not allow_code:
        refuse_harm(folder, graphs)
    try:
        return single(inputs, outputs, "", sum(len(graph.everything()) for graph in graphs))
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error


# --- the signature ----------------------------------------------------------------------------------


def _signature(folder: Path, metas: list[memoryview]) -> tuple[list[Tensor], list[Tensor]]:
    known = {name: entry for meta in metas for name, entry in protobuf.mapped(meta, 5).items()}
    name: str | None = next((name for name in _SERVED if name in known), None)
    if name is None:
        others = [name for name in known if not name.startswith("__")]
        if len(others) != 1:
            raise BadInput(
                f"{folder} has {len(others)} signatures ({', '.join(map(safe, others[:5])) or 'none'}); one of them "
                f"must be called {_SERVED[0]}: {HOW}"
            )
        name = others[0]
    found = known[name]
    inputs = [_tensor(said, info) for said, info in protobuf.mapped(found, 1).items()]
    outputs = [_tensor(said, info) for said, info in protobuf.mapped(found, 2).items()]
    return inputs, outputs


def _tensor(name: str, info: memoryview) -> Tensor:
    shape = protobuf.block(info, 3)
    open_rank = shape is None or protobuf.number(shape, 3)
    sizes = [protobuf.number(size, 1) for size in protobuf.blocks(shape, 2)] if shape is not None else []
    plain = None if open_rank else tuple(size if size > 0 else None for size in sizes)
    return Tensor(safe(name), plain, _DTYPES.get(protobuf.number(info, 2), "of an unusual type"))
