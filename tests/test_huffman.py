"""The technique ``huffman`` in the corridor: what is shipped is the container, and what runs is what it held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tradeoff
from tradeoff.chain import parse_chain
from tradeoff.coding import stage
from tradeoff.fingerprint import digest_tree
from tradeoff.plugins import huffman
from tradeoff.registry import Registry
from tradeoff.spelling import Value

(TECHNIQUE,) = huffman.tradeoff_techniques()
DATA = np.round(np.random.default_rng(0).normal(0, 20, 20_000)).astype(np.int8).tobytes()


class Bare(tradeoff.Backend):
    """Its artifact is a head and weights."""

    name = "bare"

    def convert(self, job: tradeoff.Conversion) -> Path:
        raise NotImplementedError

    def weights(self, artifact: Path) -> list[tradeoff.StoredTensor] | None:
        size = artifact.stat().st_size - 4
        return [tradeoff.StoredTensor("w", 4, size, (size,), "int8")] if size > 0 else None

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        return Summing(job.artifact.read_bytes())


class Summing:
    """Adds its weights up."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def bind(self, batch: Any) -> Callable[[], Any]:
        return lambda: np.frombuffer(self.data[4:], np.int8).sum(dtype=np.float64)


def registry(technique: tradeoff.Technique = TECHNIQUE) -> Registry:
    return Registry(backends={"bare": Bare()}, techniques={technique.name: technique})


def silent(text: str, done: float) -> None:
    assert text


def encoded(folder: Path, data: bytes, technique: tradeoff.Technique = TECHNIQUE) -> dict[str, Any]:
    """What the stage answers of an artifact with these bytes."""
    (folder / "model.bin").write_bytes(data)
    (folder / "made").mkdir()
    values: Mapping[str, Value] = {"coder": "auto"}
    request = {
        "technique": technique.name,
        "artifact": str(folder / "model.bin"),
        "folder": str(folder / "made"),
        "backend": "bare",
        "values": values,
        "content": digest_tree(folder / "model.bin"),
        "before": {"seconds": 1.0, "ranges": None},
    }
    return stage.encode(registry(technique), request, silent)


def test_what_is_shipped_is_the_container_and_what_runs_is_what_was_in_it(tmp_path: Path) -> None:
    facts = encoded(tmp_path, b"head" + DATA)
    assert facts["artifact"] == "model.bin.coded"
    container, decoded = tmp_path / "made" / facts["artifact"], tmp_path / "made" / facts["decoded"]
    assert decoded.read_bytes() == b"head" + DATA
    assert facts["bytes"] == container.stat().st_size < 0.85 * len(DATA)
    assert facts["content"] == digest_tree(decoded)
    assert facts["seconds"] > 1.0


def test_sizes_bounds_and_the_costs_of_decoding_are_facts(tmp_path: Path) -> None:
    coding = encoded(tmp_path, b"head" + DATA)["coding"]
    assert coding["bound_bytes"] <= coding["body_bytes"] <= 1.01 * coding["bound_bytes"] + 4
    assert coding["body_bytes"] < coding["coded_bytes"] < coding["container_bytes"]
    assert coding["container_bytes"] < coding["zlib_bytes"]
    assert coding["decode_seconds"] >= 0 < coding["decode_bytes"]
    (row,) = coding["tensors"]
    assert (row["name"], row["shape"], row["dtype"], row["bytes"]) == ("w", [20_000], "int8", 20_000)


def test_a_device_decodes_before_it_loads(tmp_path: Path) -> None:
    facts = encoded(tmp_path, b"head" + DATA)
    container = tmp_path / "made" / facts["artifact"]
    loads = stage.DecodesFirst(Bare(), TECHNIQUE, container)
    runner = loads.load(tradeoff.Loading(tmp_path / "is not there", {}, "host-cpu"))
    assert runner.bind(None)() == np.frombuffer(DATA, np.int8).sum(dtype=np.float64)


def test_without_weights_that_can_be_found_the_cell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.Refused, match="bare finds none in this artifact"):
        encoded(tmp_path, b"head")


def test_a_technique_that_decodes_something_else_is_found_out(tmp_path: Path) -> None:
    def decode(container: Path, folder: Path) -> Path:
        (folder / "model.bin").write_bytes(b"else")
        return folder / "model.bin"

    broken = tradeoff.Technique("broken", "artifact", encode=huffman.encode, decode=decode)
    with pytest.raises(tradeoff.TradeoffError, match="what it decodes is not what it coded"):
        encoded(tmp_path, b"head" + DATA, broken)


def test_the_coder_is_a_parameter() -> None:
    known = {"huffman": TECHNIQUE, "int8": tradeoff.Technique("int8", "precision")}
    assert parse_chain("int8+huffman:coder=ans", known).spelling == "int8+huffman:coder=ans"
    assert parse_chain("huffman:coder=auto", known).spelling == "huffman"
    with pytest.raises(tradeoff.BadInput, match="zip"):
        parse_chain("huffman:coder=zip", known)
