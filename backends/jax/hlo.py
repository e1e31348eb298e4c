"""Reads what XLA has made of a module: its text, instruction by instruction. Imports nothing of JAX."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

#: Takes no time and gives nothing that was not there before.
SILENT: Final = frozenset({"parameter", "constant", "bitcast", "tuple", "get-tuple-element"})
_ELEMENTWISE_WORDS: Final = (
    "abs add and cbrt ceil compare cosine divide erf exponential exponential-minus-one floor log log-plus-one "
    "logistic maximum minimum multiply negate not or power remainder round-nearest-afz round-nearest-even rsqrt "
    "select sign sine sqrt subtract tan tanh xor"
)
_MOVES_WORDS: Final = (
    "bitcast-convert broadcast concatenate convert copy dynamic-slice dynamic-update-slice gather iota pad reshape "
    "reverse slice transpose"
)
#: One operation for each element of the result, and none at all.
_ELEMENTWISE: Final = frozenset(_ELEMENTWISE_WORDS.split())
_MOVES: Final = frozenset(_MOVES_WORDS.split())
_COMPUTATION: Final = re.compile(r"(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) \(.*\) -> .*\{\s*$")
_INSTRUCTION: Final = re.compile(
    r"\s+(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<type>\(.*?\)|\S+) (?P<opcode>[a-z][\w\-]*)\((?P<rest>.*)$"
)
_ARRAY: Final = re.compile(r"(?P<kind>[a-z]+)(?P<bits>\d*)(?:e\d\w*)?\[(?P<dims>[\d,]*)\]")
_USED: Final = re.compile(r"%([\w.\-]+)")


@dataclass(frozen=True)
class Instruction:
    """One line.

    :param arrays: dimensions and bytes of what it gives; several for a tuple.
    :param operands: names of what it takes.
    :param attributes: all the rest, as it is written.
    """

    name: str
    opcode: str
    arrays: tuple[tuple[tuple[int, ...], int], ...]
    operands: tuple[str, ...]
    attributes: str

    @property
    def bytes(self) -> int:
        """Of what it gives."""
        return sum(size for _, size in self.arrays)

    @property
    def elements(self) -> int:
        """Of what it gives."""
        return sum(math.prod(dims) for dims, _ in self.arrays)

    @property
    def path(self) -> tuple[str, ...]:
        """Where it stands in the model: layers and, last, what is done there."""
        found = re.search(r'op_name="([^"]*)"', self.attributes)
        return tuple(part for part in found[1].split("/") if part and "(" not in part) if found else ()

    @property
    def called(self) -> str:
        """The computation that a fusion or a call stands for."""
        if self.opcode not in ("fusion", "call"):
            return ""
        found = re.search(r"(?:calls|to_apply)=%?([\w.\-]+)", self.attributes)
        return found[1] if found else ""


@dataclass(frozen=True)
class Text:
    """A compiled module: instructions by computation, each in the order in which they run."""

    computations: Mapping[str, Mapping[str, Instruction]]
    entry: str

    @property
    def main(self) -> Mapping[str, Instruction]:
        """What a request runs."""
        return self.computations[self.entry]

    def inside(self, instruction: Instruction) -> Iterator[Instruction]:
        """What a fusion or a call consists of, else the instruction itself."""
        if instruction.called not in self.computations:
            yield instruction
            return
        for inner in self.computations[instruction.called].values():
            yield from self.inside(inner)

    def constants(self, instruction: Instruction) -> dict[str, int]:
        """Names and bytes of the constants that it takes or has inside."""
        found = {inner.name: inner.bytes for inner in self.inside(instruction) if inner.opcode == "constant"}
        for name in instruction.operands:
            origin = self._origin(name)
            if origin is not None and origin.opcode == "constant":
                found[origin.name] = origin.bytes
        return found

    def _origin(self, name: str) -> Instruction | None:
        found = self.main.get(name)
        while found is not None and found.opcode in ("bitcast", "copy") and found.operands:
            found = self.main.get(found.operands[0])
        return found

    def flops(self, instruction: Instruction) -> float | None:
        """Additions, multiplications and the like of one run; ``None`` where it cannot be told."""
        return self._flops(instruction, self.main)

    def _flops(self, instruction: Instruction, among: Mapping[str, Instruction]) -> float | None:
        if instruction.called not in self.computations:
            return _flops(instruction, among)
        inside = self.computations[instruction.called]
        counts = [self._flops(inner, inside) for inner in inside.values()]
        known = [count for count in counts if count is not None]
        return sum(known, 0.0) if len(known) == len(counts) else None


def read(text: str) -> Text:
    """The computations of a compiled module's text."""
    computations: dict[str, dict[str, Instruction]] = {}
    entry, current = "", {}
    for line in text.splitlines():
        if found := _COMPUTATION.match(line):
            current = computations.setdefault(found["name"], {})
            entry = found["name"] if found["entry"] else entry
        elif found := _INSTRUCTION.match(line):
            current[found["name"]] = _instruction(found)
    return Text(computations, entry)


def _instruction(found: re.Match[str]) -> Instruction:
    operands, _, attributes = found["rest"].partition(")")
    return Instruction(
        found["name"],
        found["opcode"],
        tuple(_array(array) for array in _ARRAY.finditer(found["type"])),
        tuple(_USED.findall(operands)),
        attributes,
    )


def _array(found: re.Match[str]) -> tuple[tuple[int, ...], int]:
    dims = tuple(int(size) for size in found["dims"].split(",") if size)
    bits = 8 if found["kind"] == "pred" else int(found["bits"] or 0)
    return dims, math.ceil(math.prod(dims) * bits / 8)


def _flops(instruction: Instruction, among: Mapping[str, Instruction]) -> float | None:
    opcode = instruction.opcode
    if opcode in SILENT or opcode in _MOVES:
        return 0.0
    if opcode in _ELEMENTWISE:
        return float(instruction.elements)
    count = _COUNTED.get(opcode)
    try:
        return count(instruction, among) if count else None
    # A form of the text that this reader does not know.
    except (KeyError, IndexError, ValueError):
        return None


def _of_dot(instruction: Instruction, among: Mapping[str, Instruction]) -> float:
    dims, _ = among[instruction.operands[0]].arrays[0]
    summed = math.prod(dims[place] for place in _numbers(instruction, "lhs_contracting_dims"))
    return 2.0 * instruction.elements * summed


def _of_convolution(instruction: Instruction, among: Mapping[str, Instruction]) -> float:
    dims, _ = among[instruction.operands[1]].arrays[0]
    labels = re.search(r"dim_labels=\w+_(\w+)->", instruction.attributes)
    if labels is None:
        raise ValueError(instruction.attributes)
    return 2.0 * instruction.elements * math.prod(dims) / dims[labels[1].index("o")]


def _of_reduce(instruction: Instruction, among: Mapping[str, Instruction]) -> float:
    return float(among[instruction.operands[0]].elements)


def _of_window(instruction: Instruction, among: Mapping[str, Instruction]) -> float:
    window = re.search(r"window=\{size=([\dx]+)", instruction.attributes)
    if window is None:
        raise ValueError(instruction.attributes)
    return float(instruction.elements * math.prod(int(size) for size in window[1].split("x")))


def _numbers(instruction: Instruction, name: str) -> list[int]:
    found = re.search(rf"{name}=\{{([\d,]*)\}}", instruction.attributes)
    return [int(number) for number in found[1].split(",") if number] if found else []


_COUNTED: Final = {
    "dot": _of_dot,
    "convolution": _of_convolution,
    "reduce": _of_reduce,
    "reduce-window": _of_window,
}
