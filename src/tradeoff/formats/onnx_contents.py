"""What stands in an ONNX file, and where its weights lie: looked for in every place where ONNX allows it.

A model can name other files, which a runtime would open wherever they lie, and operators of libraries that would have
to be loaded. Both are found in the bytes themselves; no package that knows ONNX is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from tradeoff.errors import BadInput
from tradeoff.formats import protobuf
from tradeoff.formats.plain_file import require_file
from tradeoff.text import safe

SUFFIX: Final = ".onnx"
HOW: Final = 'in Keras 3, model.export("my.onnx", format="onnx") writes one'
#: Of each message of ONNX: which of its fields are messages that may hold what is looked for.
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}
#: And which are texts that are looked at.
_TOLD: Final[dict[str, frozenset[int]]] = {
    "model": frozenset({1}),
    "function": frozenset({1, 10}),
    "node": frozenset({4, 7}),
    "entry": frozenset({1, 2}),
}
#: Deeper than any graph inside a graph inside an operator; the runtime's own reader gives up at 100.
_DEEPEST: Final = 100


@dataclass
class Contents:
    """What was found.

    :param operators: domain and kind of each operator.
    :param functions: domain and name of each function that the file itself brings.
    :param locations: what is named as the place of weights.
    :param graphs: how many there are, those inside operators included.
    """

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)
    graphs: int = 0


def read_contents(path: Path) -> Contents:
    """What the bytes of ``path`` say, if they are those of a model."""
    require_file(path, f"an {SUFFIX} file", HOW)
    contents = Contents()
    try:
        _walk(protobuf.opened(path), contents)
    except protobuf.Malformed as error:
        raise not_onnx(path, str(error)) from error
    if not contents.graphs:
        raise not_onnx(path, "there is no graph in it")
    return contents


def files_beside(path: Path) -> dict[str, Path]:
    """The files that hold weights of the model, by their relative names; one that leaves its folder is refused."""
    return checked_places(path, read_contents(path))


def checked_places(path: Path, contents: Contents) -> dict[str, Path]:
    """The same, where the file was read already."""
    places = {location: _checked(path, location) for location in sorted(contents.locations)}
    return {PurePosixPath(location).as_posix(): place for location, place in places.items()}


def not_onnx(path: Path, why: str) -> BadInput:
    """Of a file that is none, or of half a file."""
    return BadInput(f"{path} is not an ONNX file, or is cut short: {why}; {HOW}")


def _walk(model: memoryview, contents: Contents) -> None:
    waiting = [("model", model, 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise protobuf.Malformed("graphs stand inside graphs without end")
        told: dict[int, list[str]] = {}
        for number, value in protobuf.fields(message):
            if isinstance(value, int):
                continue
            if number in _INSIDE[kind]:
                waiting.append((_INSIDE[kind][number], value, depth + 1))
            elif number in _TOLD.get(kind, ()):
                told.setdefault(number, []).append(protobuf.decoded(value))
        _note(kind, told, contents)


def _note(kind: str, told: dict[int, list[str]], contents: Contents) -> None:
    """Where a field stands twice the last one counts, but for a reader that thinks otherwise each is kept."""
    if kind == "graph":
        contents.graphs += 1
    elif kind == "node":
        contents.operators |= {(domain, name) for domain in told.get(7, [""]) for name in told.get(4, [""])}
    elif kind == "function":
        contents.functions |= {(domain, name) for domain in told.get(10, [""]) for name in told.get(1, [""])}
    elif kind == "entry" and "location" in told.get(1, ()):
        contents.locations |= set(told.get(2, [""]))


def _checked(path: Path, location: str) -> Path:
    """Weights lie in the model's folder, or below it, in a plain file; no link leads there."""
    shown = f"{path} keeps weights in {safe(location)[:200]!r}"
    parts = PurePosixPath(location)
    outside = parts.is_absolute() or ".." in parts.parts or not parts.parts or "\0" in location
    # A path of Windows is a file name elsewhere; nothing good comes of one. And ONNX Runtime has a mark of its own
    # for weights that lie in memory already, at an address that the file would then choose.
    if outside or "\\" in location or PureWindowsPath(location).drive or "_ORT_MEM_ADDR_" in location:
        raise BadInput(f"{shown}, which leads out of its folder; put the file beside the model")
    folder = path.parent.resolve()
    target = folder / location
    try:
        here = target.resolve(strict=True) == Path(*folder.parts, *parts.parts) and target.is_file()
    except (OSError, RuntimeError):
        raise BadInput(f"{shown}, and there is no such file beside it; copy it to where the model is") from None
    if not here:
        raise BadInput(f"{shown}, which is a link or no plain file; put the file itself beside the model")
    return target
