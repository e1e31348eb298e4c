"""The weights of a Keras model are HDF5, which can point to other files and promise more than there is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.keras_archive import SUFFIX, WEIGHTS
from tradeoff.formats.zip_file import clipped

#: Keras writes arrays as they are; what unpacks to this many times the file was made to fill the memory.
_EXPANSION: Final = 100
_HARMLESS: Final = 64 * 1024**2
#: So many numbers more than the file holds may a configuration ask for: a layer may be counted twice.
_SLACK: Final = 4
_FEW: Final = 16 * 1024**2
#: Layers that have at least as many weights as this product of what they declare.
_DECLARED: Final[Mapping[str, tuple[str, ...]]] = {
    "Dense": ("units",),
    "Embedding": ("input_dim", "output_dim"),
    "ReversibleEmbedding": ("input_dim", "output_dim"),
    "LSTM": ("units", "units"),
    "GRU": ("units", "units"),
    "SimpleRNN": ("units", "units"),
    **{f"Conv{n}D": ("filters", "kernel_size") for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": ("filters", "kernel_size") for n in (1, 2, 3)},
    **{f"ConvLSTM{n}D": ("filters", "kernel_size") for n in (1, 2, 3)},
    "DepthwiseConv1D": ("kernel_size",),
    "DepthwiseConv2D": ("kernel_size",),
    "SeparableConv1D": ("filters",),
    "SeparableConv2D": ("filters",),
}

Node = Mapping[str, Any]


def check_weights(path: Path, config: Node) -> None:
    """Raise unless every array lies in the file itself, in full, and the layers ask for no more than there is."""
    try:
        held = _numbers_in(path)
    except BadInput:
        raise
    # h5py raises whatever its library says of a damaged file.
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(
            f"{path}: its {_called(path)} is not HDF5, or is damaged: {first[:200]}; save it again"
        ) from error
    asked = sum(map(_least_weights, _layers(config)))
    if asked > max(_FEW, _SLACK * held):
        raise BadInput(
            f"{path}: its layers need at least {asked} weights, and there are {held} numbers in it: loading it would "
            "only fill the memory; save it again"
        )


def _numbers_in(path: Path) -> int:
    """How many numbers the file holds; every array is looked at, and none is read."""
    if path.suffix != SUFFIX:
        with path.open("rb") as stream:
            return _numbers(path, stream, path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(WEIGHTS)
        with archive.open(info) as member:
            # HDF5 jumps about in a file, and every jump back would unpack it from the beginning.
            stored = info.compress_type == zipfile.ZIP_STORED
            return _numbers(path, member if stored else BytesIO(member.read()), info.file_size)


def _numbers(path: Path, stream: IO[bytes], held: int) -> int:
    import h5py

    numbers = size = 0
    with h5py.File(stream, "r") as file:
        for array in _arrays(path, file):
            count = prod(array.shape or ())
            numbers += count
            size += count * array.dtype.itemsize
    if size > max(_HARMLESS, _EXPANSION * held):
        raise BadInput(f"{path}: its weights would take {size} bytes, and it has {held} of them; save it again")
    return numbers


def _arrays(path: Path, file: Any) -> Iterator[Any]:
    """Every dataset once; what leads out of the file is refused and not followed."""
    import h5py

    pending, seen = [file], set()
    while pending:
        group = pending.pop()
        for name in group:
            if group.get(name, getclass=True, getlink=True) is not h5py.HardLink:
                raise _refused(path, name, "a link")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            # A group can hold itself.
            if address in seen:
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                pending.append(item)
                continue
            fault = _fault(item)
            if fault:
                raise _refused(path, name, fault)
            yield item


def _fault(item: Any) -> str | None:
    import h5py

    if not isinstance(item, h5py.Dataset):
        return "no array"
    if item.is_virtual or item.external:
        return "an array whose numbers are in another file"
    # bfloat16 is written as two bytes without a meaning.
    if item.dtype.kind not in "biufcV" or item.dtype.hasobject:
        return f"an array of {item.dtype}"
    return None


def _refused(path: Path, name: str, fault: str) -> BadInput:
    return BadInput(
        f"{path}: {clipped(name)!r} in its {_called(path)} is {fault}, which Keras never writes; save it again"
    )


def _called(path: Path) -> str:
    return WEIGHTS if path.suffix == SUFFIX else "content"


def _layers(config: Node) -> Iterator[Node]:
    pending: list[Any] = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            if isinstance(value.get("config"), dict):
                yield value
            pending.extend(value.values())


def _least_weights(layer: Node) -> int:
    """How many weights a layer has at least, for those where one number of the configuration makes many."""
    name = layer.get("class_name")
    keys = _DECLARED.get(name, ()) if isinstance(name, str) else ()
    return prod(_size(layer["config"].get(key)) for key in keys) if keys else 0


def _size(value: object) -> int:
    if isinstance(value, list):
        return prod(_size(item) for item in value[:3])
    return value if type(value) is int and value > 0 else 1
