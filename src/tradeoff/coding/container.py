"""The container: an artifact's bytes, its weights coded, everything else deflated; described in the reference.

It says itself whether it is whole, and what comes out is compared with a digest of what went in.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from tradeoff.coding import lockstep, tensors
from tradeoff.coding.bits import Damaged, Reader, Writer
from tradeoff.coding.huffman import deflate, inflate
from tradeoff.coding.tensors import MOST_BYTES, CodedTensor
from tradeoff.errors import BadInput

SUFFIX: Final = ".coded"
MAGIC: Final = b"TOHC"
VERSION: Final = 1
_FILE, _FOLDER = 0, 1
_STORED, _DEFLATED, _LZMA = range(3)
_FILTERS: Final = [
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20, "lc": 0, "lp": 2, "pb": 2}
]
_DIGEST: Final = 16
_START: Final = len(MAGIC) + 1 + 4


@dataclass(frozen=True)
class Place:
    """Where a tensor's bytes lie in one of the files.

    :param file: its number.
    :param offset: of the first byte.
    :param size: in bytes.
    :param width: bytes of an element.
    """

    file: int
    offset: int
    size: int
    width: int


@dataclass(frozen=True)
class Packed:
    """A container that was made.

    :param data: all of it.
    :param tensors: what became of each place, ``None`` where it was left among the rest.
    :param rest: bytes outside of coded tensors, before and after.
    """

    data: bytes
    tensors: tuple[CodedTensor | None, ...]
    rest: tuple[int, int]


@dataclass(frozen=True)
class Unpacked:
    """What was in a container.

    :param name: of the artifact.
    :param folder: whether that is a folder; if not, it is one file, whose relative name is empty.
    :param files: their bytes by their relative names.
    """

    name: str
    folder: bool
    files: Mapping[str, bytes]


def pack(name: str, files: Mapping[str, bytes], places: Sequence[Place], folder: bool, choice: str = "auto") -> Packed:
    """Put files into a container, and code what lies at ``places``, which are in order and do not overlap."""
    _check_places(list(files.values()), places)
    whole = list(files.values())
    coded = [tensors.encode(whole[at.file][at.offset : at.offset + at.size], at.width, choice) for at in places]
    body = Writer()
    body.append(_FOLDER if folder else _FILE)
    body.block(name.encode())
    if folder:
        body.number(len(files))
        for path in files:
            body.block(path.encode())
    for data in whole:
        body.number(len(data))
    kept = [(at, tensor) for at, tensor in zip(places, coded, strict=True) if tensor is not None]
    starts = _starts(whole)
    body.number(len(kept))
    end, rest = 0, []
    everything = b"".join(whole)
    for at, tensor in kept:
        begin = starts[at.file] + at.offset
        body.number(begin - end)
        body.number(at.size)
        body += tensor.data
        rest.append(everything[end:begin])
        end = begin + at.size
    rest.append(everything[end:])
    outside = b"".join(rest)
    method, squeezed = _squeezed(outside)
    body.append(method)
    body.block(squeezed)
    body += _digest(name, files)
    check = zlib.crc32(body).to_bytes(4, "little")
    return Packed(MAGIC + bytes([VERSION]) + check + bytes(body), tuple(coded), (len(outside), len(squeezed)))


def _starts(files: Sequence[bytes]) -> list[int]:
    starts = [0]
    for data in files:
        starts.append(starts[-1] + len(data))
    return starts


def _check_places(files: Sequence[bytes], places: Sequence[Place]) -> None:
    """A backend that is wrong about its own artifact is told so."""
    before = (0, 0)
    for at in places:
        if (at.file, at.offset) < before or at.size < 0 or at.offset + at.size > len(files[at.file]):
            raise BadInput(
                f"weights of {at.size} bytes are said to lie at {at.offset} of a file with {len(files[at.file])} "
                f"bytes, behind others that end at {before[1]}; they overlap, or lead out of it"
            )
        before = (at.file, at.offset + at.size)


def _squeezed(data: bytes) -> tuple[int, bytes]:
    ways = {_STORED: data, _DEFLATED: deflate(data), _LZMA: lzma.compress(data, lzma.FORMAT_RAW, filters=_FILTERS)}
    method = min(ways, key=lambda one: len(ways[one]))
    return method, ways[method]


def _opened(method: int, data: bytes, size: int) -> bytes:
    if method == _DEFLATED:
        return inflate(data, size)
    if method == _LZMA:
        opener = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        try:
            data = opener.decompress(data, size + 1)
        except (lzma.LZMAError, EOFError) as error:
            raise Damaged(f"what is beside the weights cannot be read: {error}") from error
    elif method != _STORED:
        raise Damaged("what is beside the weights is compressed in a way that is not known")
    if len(data) != size:
        raise Damaged("what is beside the weights has not the size that it should have")
    return data


def _digest(name: str, files: Mapping[str, bytes]) -> bytes:
    found = hashlib.sha256()
    for path, data in ((name, b""), *files.items()):
        for part in (path.encode(), data):
            found.update(len(part).to_bytes(8, "little"))
            found.update(part)
    return found.digest()[:_DIGEST]


def unpack(data: bytes) -> Unpacked:
    """What was packed, bit for bit; a container that is damaged in any way is an error."""
    body = _checked(data)
    try:
        return _unpacked(body)
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        # Its checksum is right: somebody has made it so.
        raise Damaged(f"it contradicts itself: {error or type(error).__name__}") from error


def _unpacked(body: bytes) -> Unpacked:
    reader = Reader(body[:-_DIGEST])
    folder = reader.number(1) == _FOLDER
    name = _name(reader.block())
    paths = [_path(reader.block()) for _ in range(reader.number())] if folder else [""]
    sizes = [reader.number(MOST_BYTES) for _ in paths]
    total = sum(sizes)
    found, starts, end = [], [], 0
    for _ in range(reader.number()):
        begin = end + reader.number(total)
        size = reader.number(total - begin) if begin <= total else 0
        found.append(tensors.read(reader, size))
        starts.append(begin)
        end = begin + size
    if end > total or len(set(paths)) != len(paths):
        raise Damaged("its tensors do not fit into its files")
    method = reader.take(1)[0]
    rest = _opened(method, reader.block(), total - sum(tensor.size for tensor in found))
    reader.end()
    whole = _joined(found, starts, rest)
    files, place = {}, 0
    for path, size in zip(paths, sizes, strict=True):
        files[path] = whole[place : place + size]
        place += size
    if _digest(name, files) != body[-_DIGEST:]:
        raise Damaged("what comes out is not what went in")
    return Unpacked(name, folder, files)


def _joined(found: Sequence[tensors.ReadTensor], starts: Sequence[int], rest: bytes) -> bytes:
    """Lanes of all tensors are decoded together."""
    decoded = lockstep.decode([stream for tensor in found for stream in tensor.coded])
    parts, end, taken, place = [], 0, 0, 0
    for tensor, start in zip(found, starts, strict=True):
        parts.append(rest[taken : taken + start - end])
        taken += start - end
        count = len(tensor.coded)
        parts.append(tensors.restored(tensor, decoded[place : place + count]))
        place += count
        end = start + tensor.size
    parts.append(rest[taken:])
    return b"".join(parts)


def _checked(data: bytes) -> bytes:
    """The body of a container that is whole."""
    if data[: len(MAGIC)] != MAGIC:
        raise Damaged("it is no container of coded weights: the mark TOHC is not at its beginning")
    if len(data) < _START + _DIGEST:
        raise Damaged("it is cut short")
    if data[len(MAGIC)] != VERSION:
        raise Damaged(f"it is of version {data[len(MAGIC)]}, and this release of tradeoff reads version {VERSION}")
    body = data[_START:]
    if zlib.crc32(body).to_bytes(4, "little") != data[len(MAGIC) + 1 : _START]:
        raise Damaged("its checksum is wrong: it was changed or cut short")
    return body


def _name(data: bytes) -> str:
    """Of a file or folder, and no path."""
    name = _text(data)
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise Damaged("its artifact's name is a path")
    return name


def _path(data: bytes) -> str:
    """Of a file within a folder."""
    path = _text(data)
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\\" in path or "\0" in path or ":" in path:
        raise Damaged("a file's name leads out of its folder")
    return path


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Damaged("a name is no text") from error


def described(tensor: CodedTensor | None) -> dict[str, Any]:
    """What the record says of a tensor."""
    if tensor is None:
        return {"structure": "as it is", "coders": [], "coded_bytes": None, "body_bytes": None, "bound_bytes": None}
    return {
        "structure": tensors.STRUCTURES[tensor.structure],
        "coders": list(dict.fromkeys(tensor.coders)),
        "coded_bytes": len(tensor.data),
        "body_bytes": tensor.body,
        "bound_bytes": tensor.bound,
        "distinct": tensor.distinct,
    }
