"""Artifacts as containers, and containers as artifacts: what reads and writes files, and counts what it takes."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from tradeoff.coding.bits import Damaged
from tradeoff.coding.container import SUFFIX, Place, described, pack, unpack
from tradeoff.errors import BadInput
from tradeoff.fingerprint import files_in
from tradeoff.formats.plain_file import require_file
from tradeoff.vocabulary import StoredTensor

#: What others compress the same file to, with the strongest of their usual settings.
_ZSTD_LEVEL: Final = 19
#: Decoding is repeated for so long, so that a small file's is not the noise of a first time.
_SECONDS: Final = 0.2
_WIDTHS: Final = {
    "float64": 8, "int64": 8, "uint64": 8, "float32": 4, "int32": 4, "uint32": 4,
    "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Coded:
    """A container that was written.

    :param container: the file.
    :param facts: sizes, tensor by tensor and together, as plain JSON.
    """

    container: Path
    facts: Mapping[str, Any]


def encode_artifact(artifact: Path, tensors: Sequence[StoredTensor], folder: Path, choice: str = "auto") -> Coded:
    """Write the artifact's container into ``folder``.

    :param artifact: a file or a folder.
    :param tensors: where its weights lie; one that shares its bytes with another is coded with that.
    :param choice: the coder: ``auto``, ``huffman`` or ``ans``.
    """
    files = _files(artifact)
    names = list(files)
    try:
        ordered = sorted({(names.index(one.file), one.offset, one.size): one for one in reversed(tensors)}.items())
    except ValueError:
        strange = sorted({one.file for one in tensors} - {*names})
        raise BadInput(f"{artifact} has no file {strange[0]!r}, in which weights are said to lie") from None
    places = [Place(file, offset, size, _WIDTHS.get(one.dtype, 1)) for (file, offset, size), one in ordered]
    made = pack(artifact.name, files, places, artifact.is_dir(), choice)
    container = folder / (artifact.name + SUFFIX)
    container.write_bytes(made.data)
    rows = [
        {"name": one.name, "shape": list(one.shape), "dtype": one.dtype, "bytes": one.size, **described(tensor)}
        for (_, one), tensor in zip(ordered, made.tensors, strict=True)
    ]
    coded = [row for row in rows if row["coded_bytes"] is not None]
    together = {f"{name}_bytes": sum(row[f"{name}_bytes"] for row in coded) for name in ("coded", "body", "bound")}
    whole = b"".join(files.values())
    return Coded(
        container,
        {
            "container_bytes": len(made.data),
            "artifact_bytes": len(whole),
            "weights_bytes": sum(row["bytes"] for row in coded),
            **together,
            "rest_bytes": made.rest[0],
            "rest_coded_bytes": made.rest[1],
            "zlib_bytes": len(zlib.compress(whole, 9)),
            "zstd_bytes": _zstd_bytes(whole),
            "tensors": rows,
        },
    )


def decode_artifact(container: Path, folder: Path) -> Path:
    """Write the artifact that is in ``container`` into ``folder``; of one that is damaged nothing is written."""
    require_file(container, f"a {SUFFIX} file", "a chain that ends in huffman writes one")
    try:
        found = unpack(container.read_bytes())
    except Damaged as error:
        raise BadInput(f"{container} cannot be decoded: {error}") from error
    target = folder / found.name
    for path, data in found.files.items():
        place = target / path if found.folder else target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return target


def same_artifact(one: Path, other: Path) -> bool:
    """Whether two artifacts are equal, byte by byte."""
    return _files(one) == _files(other) and one.is_dir() == other.is_dir()


def decoding_costs(container: Path) -> dict[str, float | int]:
    """What decoding takes in memory: the quickest of several times, and the most that Python and NumPy have in use."""
    data = container.read_bytes()
    seconds, processor = list[float](), list[float]()
    begun = perf_counter()
    while not seconds or perf_counter() - begun < _SECONDS:
        before, busy = perf_counter(), process_time()
        unpack(data)
        processor.append(process_time() - busy)
        seconds.append(perf_counter() - before)
    tracemalloc.start()
    try:
        unpack(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {"decode_seconds": min(seconds), "decode_processor_seconds": min(processor), "decode_bytes": peak}


def _files(artifact: Path) -> dict[str, bytes]:
    """Bytes by relative names; a single file has an empty one."""
    if artifact.is_dir():
        return {name: path.read_bytes() for name, path in sorted(files_in(artifact).items())}
    return {"": artifact.read_bytes()}


def _zstd_bytes(data: bytes) -> int | None:
    """``None`` where no Zstandard is installed."""
    try:
        import zstandard
    except ImportError:
        return None
    return len(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data))
