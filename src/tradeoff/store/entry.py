"""One entry of the store: a folder of payload files, and the manifest that vouches for every byte of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal, get_args

from tradeoff.fingerprint import canonical, digest, digest_file, files_in, synchronise

Kind = Literal["data", "variant", "artifact", "result"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
KEY: Final = re.compile(r"[0-9a-f]{24}\Z")
MANIFEST: Final = "manifest.json"
SCHEMA: Final = 1


class CorruptedEntry(Exception):
    """An entry is not what its manifest says; the text says in what."""


@dataclass(frozen=True)
class Entry:
    """What the store gives: where the payload files lie, and what is known of them.

    :param kind: ``data``, ``variant``, ``artifact`` or ``result``.
    :param key: 24 hexadecimal digits of the digest of the inputs.
    :param path: the folder with the payload files; nobody writes into it.
    :param manifest: as read from the disk; empty where it cannot be read.
    """

    kind: Kind
    key: str
    path: Path
    manifest: Mapping[str, Any] = field(hash=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it was made from."""
        return _table(self.manifest.get("inputs"))

    @property
    def facts(self) -> Mapping[str, Any]:
        """What its builder told of it."""
        return _table(self.manifest.get("facts"))

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        try:
            return datetime.fromisoformat(self.manifest["created"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return self.used

    @property
    def used(self) -> float:
        """When it was last found, in seconds since 1970: the folder's time, which no payload depends on."""
        return self.path.lstat().st_mtime

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self.path)


def _table(value: object) -> Mapping[str, Any]:
    """An unverified manifest can hold anything."""
    return value if isinstance(value, dict) else {}


def size_of(path: Path) -> int:
    """Bytes of all files under ``path``; links count as themselves and are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(size_of(item) for item in path.iterdir())


def seal(folder: Path, kind: Kind, key: str, inputs: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write the manifest of a finished folder, and everything through to the disk."""
    files = files_in(folder)
    if MANIFEST in files:
        raise ValueError(f"a builder of a {kind} wrote {MANIFEST!r}; that name belongs to the store")
    body = {
        "schema": SCHEMA,
        "kind": kind,
        "key": key,
        "inputs": dict(inputs),
        "facts": dict(facts),
        "files": {name: {"size": file.stat().st_size, "sha256": digest_file(file)} for name, file in files.items()},
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "tradeoff": _own_version(),
    }
    # Without a digest of its own a flipped bit in a fact would go unnoticed.
    text = json.dumps({**json.loads(canonical(body)), "digest": digest(body)}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="ascii")
    for path in [*files.values(), folder / MANIFEST, *{file.parent for file in files.values()}, folder]:
        synchronise(path)


def _own_version() -> str:
    try:
        return version("tradeoff")
    except PackageNotFoundError:
        return "unknown"


def verified(path: Path, kind: Kind, key: str) -> Entry:
    """The entry in ``path`` with every byte checked, or :class:`CorruptedEntry`."""
    try:
        if path.is_symlink() or not path.is_dir():
            raise CorruptedEntry("it is not a folder")
        manifest = _checked_manifest(path / MANIFEST, kind, key)
        _check_files(path, manifest["files"])
        _check_artifact(manifest)
        return Entry(kind, key, path, manifest)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise CorruptedEntry(f"{error.filename} is missing or of another type") from error


def read_manifest(path: Path) -> dict[str, Any]:
    """What stands in a manifest, unchecked but for being a JSON object."""
    if path.is_symlink():
        raise CorruptedEntry(f"{MANIFEST} is a link")
    if path.exists() and not path.is_file():
        raise CorruptedEntry(f"{MANIFEST} is not a file")
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CorruptedEntry(f"{MANIFEST} is not JSON, or is cut short: {error}") from error
    if not isinstance(data, dict):
        raise CorruptedEntry(f"{MANIFEST} is not a JSON object")
    return data


def _checked_manifest(path: Path, kind: Kind, key: str) -> dict[str, Any]:
    manifest = read_manifest(path)
    try:
        right = digest({name: value for name, value in manifest.items() if name != "digest"})
    except ValueError as error:
        raise CorruptedEntry(f"{MANIFEST} holds what the store never writes: {error}") from error
    if manifest.get("digest") != right:
        raise CorruptedEntry(f"{MANIFEST} was changed after it was written")
    if manifest.get("schema") != SCHEMA:
        raise CorruptedEntry(f"{MANIFEST} has schema {manifest.get('schema')!r}; this tradeoff knows {SCHEMA}")
    if (manifest.get("kind"), manifest.get("key")) != (kind, key):
        raise CorruptedEntry(f"{MANIFEST} belongs to {manifest.get('kind')} {manifest.get('key')}")
    if not all(isinstance(manifest.get(name), dict) for name in ("inputs", "facts", "files")):
        raise CorruptedEntry(f"{MANIFEST} lacks what the store always writes")
    return manifest


def _check_artifact(manifest: Mapping[str, Any]) -> None:
    """What is said to be shipped must be among the files that were checked: no path leads out of an entry."""
    named = manifest["facts"].get("artifact")
    if named is None or named == ".":
        return
    inside = isinstance(named, str) and any(name == named or name.startswith(f"{named}/") for name in manifest["files"])
    if not inside:
        raise CorruptedEntry(f"{MANIFEST} names {str(named)[:100]!r} for its artifact, which is not in it")


def _check_files(folder: Path, promised: Mapping[str, Mapping[str, Any]]) -> None:
    try:
        found = files_in(folder)
    except ValueError as error:
        raise CorruptedEntry(str(error)) from error
    found.pop(MANIFEST)
    for name in sorted(promised.keys() - found.keys()):
        raise CorruptedEntry(f"{name} is missing")
    for name in sorted(found.keys() - promised.keys()):
        raise CorruptedEntry(f"{name} does not belong to it")
    for name, file in found.items():
        _check_file(name, file, promised[name])


def _check_file(name: str, file: Path, promised: Mapping[str, Any]) -> None:
    size = file.stat().st_size
    if not isinstance(promised, dict) or not {"size", "sha256"} <= promised.keys():
        raise CorruptedEntry(f"{MANIFEST} does not say what {name} should be")
    if size != promised["size"]:
        raise CorruptedEntry(f"{name} has {size} bytes instead of {promised['size']}")
    if digest_file(file) != promised["sha256"]:
        raise CorruptedEntry(f"{name} has other bytes than were written")
