"""What stands in a ``.onnx`` file, looked at before a runtime opens it; needs no package that knows ONNX.

A model can name other files, which a runtime would open wherever they lie, and operators of libraries that would have
to be loaded. Both are looked for here, in the bytes themselves, in every place where ONNX allows them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import tradeoff
from tradeoff.text import safe

#: Operators that ONNX Runtime brings itself.
DOMAINS: Final = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
    }
)
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
#: And which are texts or numbers that are looked at.
_TOLD: Final[dict[str, frozenset[int]]] = {
    "model": frozenset({1}),
    "function": frozenset({1, 10}),
    "node": frozenset({4, 7}),
    "entry": frozenset({1, 2}),
}
#: Deeper than any graph inside a graph inside an operator; the runtime's own reader gives up at 100.
_DEEPEST: Final = 100
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


@dataclass
class Contents:
    """What was found.

    :param operators: domain and kind of each operator.
    :param functions: domain and name of each function that the file itself brings.
    :param locations: what is named as the place of weights.
    """

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)
    graphs: int = 0


def inspect(path: Path) -> Contents:
    """What ``path`` holds; refuses what would lead out of its folder, and what no runtime here could run."""
    contents = read_contents(path)
    for location in sorted(contents.locations):
        _check_location(path, location)
    strange = sorted({domain for domain, kind in contents.operators - contents.functions if domain not in DOMAINS})
    if strange:
        raise tradeoff.Refused(
            "not supported by format",
            f"{path.name} uses operators of {safe(', '.join(strange))[:200]}, which ONNX Runtime does not have: "
            "libraries of operators are not loaded here",
        )
    if ("com.microsoft", "EPContext") in contents.operators:
        raise tradeoff.Refused("not supported by format", f"{path.name} was compiled for an accelerator")
    return contents


def read_contents(path: Path) -> Contents:
    """What the bytes of ``path`` say, if they are those of a model."""
    if not path.is_file():
        raise tradeoff.BadInput(f"{path} is not a file")
    contents = Contents()
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            _walk(view, contents)
    except ValueError as error:
        raise tradeoff.BadInput(f"{path} is not a model of ONNX: {error}") from error
    if not contents.graphs:
        raise tradeoff.BadInput(f"{path} is not a model of ONNX: there is no graph in it")
    return contents


def _walk(view: memoryview, contents: Contents) -> None:
    waiting = [("model", 0, len(view), 0)]
    while waiting:
        kind, start, end, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("graphs stand inside graphs without end")
        told: dict[int, list[str]] = {}
        for number, wire, begin, stop in _fields(view, start, end):
            if wire == _BYTES and number in _INSIDE[kind]:
                waiting.append((_INSIDE[kind][number], begin, stop, depth + 1))
            elif wire == _BYTES and number in _TOLD.get(kind, ()):
                told.setdefault(number, []).append(bytes(view[begin:stop]).decode("utf-8", "replace"))
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


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, kind, beginning and end of each field of a message."""
    place = start
    while place < end:
        key, place = _varint(view, place, end)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            _, stop = _varint(view, place, end)
        elif wire == _BYTES:
            length, place = _varint(view, place, end)
            stop = place + length
        elif wire in (_FIXED_32, _FIXED_64):
            stop = place + (4 if wire == _FIXED_32 else 8)
        else:
            raise ValueError(f"byte {place} begins nothing that stands in a model")
        if stop > end or number == 0:
            raise ValueError(f"byte {place} begins what is longer than the file, or than what holds it")
        yield number, wire, place, stop
        place = stop


def _varint(view: memoryview, place: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= end or shift > 63:
            raise ValueError(f"it ends in the middle of a number at byte {place}")
        byte = view[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _check_location(path: Path, location: str) -> None:
    """Weights lie in the model's folder, or below it, in a plain file; no link leads there."""
    shown = f"{path} has weights in {safe(location)[:200]!r}"
    parts = PurePosixPath(location)
    outside = parts.is_absolute() or ".." in parts.parts or not parts.parts or "\0" in location
    # A path of Windows is a file name elsewhere; nothing good comes of one. And ONNX Runtime has a mark of its own
    # for weights that lie in memory already, at an address that the file would then choose.
    if outside or "\\" in location or PureWindowsPath(location).drive or "_ORT_MEM_ADDR_" in location:
        raise tradeoff.BadInput(f"{shown}, which leads out of its folder; put the file beside the model")
    folder = path.parent.resolve()
    target = folder / location
    try:
        here = target.resolve(strict=True) == Path(*folder.parts, *parts.parts) and target.is_file()
    except (OSError, RuntimeError):
        raise tradeoff.BadInput(f"{shown}, and there is no such file beside it") from None
    if not here:
        raise tradeoff.BadInput(f"{shown}, which is a link or no plain file; put the file itself beside the model")
