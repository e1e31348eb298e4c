"""Bits that were chosen lie beside the variant's model, reach the backend, and are dropped where they no longer fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from user_project import Project

import tradeoff
from tradeoff.layer_bits import BITS_FILE, DROPPED, read_bits, write_bits

CHOOSING = """
class Taking(NumpyBackend):
    name = "taking"
    capabilities = tradeoff.Capabilities(precisions=("float32", "coarse"), bits=("single",))
    def convert(self, job):
        wanted = {"dense": 4, "dense_1": 32} if job.precision == "single" else None
        if job.precision != "coarse" and job.bits != wanted:
            raise tradeoff.Refused("not supported by format", f"bits are {job.bits}")
        return super().convert(job)
@tradeoff.hookimpl(specname="tradeoff_backends")
def more():
    return [Taking()]
def chooses(job):
    return tradeoff.Rewritten(job.model, bits={"dense": 4, "dense_1": 32})
@tradeoff.hookimpl
def tradeoff_techniques():
    return [tradeoff.Technique("single", stage="precision"),
            tradeoff.Technique("coarse", stage="precision"),
            tradeoff.Technique("changes", stage="model", apply=lambda job: job.model),
            tradeoff.Technique("chooses", stage="model", apply=chooses, implies="single")]
"""


def test_bits_are_a_file_beside_the_model_and_no_file_where_there_are_none(tmp_path: Path) -> None:
    write_bits({}, tmp_path)
    assert not (tmp_path / BITS_FILE).exists()
    assert read_bits(tmp_path) is None
    write_bits({"a": 4, "b": 32}, tmp_path)
    assert read_bits(tmp_path) == {"a": 4, "b": 32}


def test_bits_that_no_backend_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.TradeoffError, match="the bits chosen for a are 3; there are 4, 8, 32"):
        write_bits({"a": 3}, tmp_path)


@pytest.mark.frameworks
def test_bits_reach_the_backend_and_a_technique_that_changes_the_model_drops_them(project: Project) -> None:
    project.conftest(CHOOSING)
    chains = "baseline,chooses,chooses+changes+coarse,single"
    project.run(f"--tradeoff-techniques={chains}", "--tradeoff-backends=taking,numpy", cells="dense/*/taking")
    found = {name.split("/")[1]: record for name, record in project.records().items()}
    assert {chain: record["status"] for chain, record in found.items()} == {
        "baseline": "measured",
        "chooses": "measured",
        "chooses+changes+coarse": "measured",
        "single": "skipped",
    }
    assert found["single"]["reason"].endswith("none stands there; chooses does, and implies single")
    assert found["chooses+changes+coarse"]["facts"]["verified"][1]["notes"] == [DROPPED]
