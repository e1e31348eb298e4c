"""``huffman``: the artifact's weights as entropy codes, in a container from which it comes back bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tradeoff
from tradeoff.coding.coded_files import decode_artifact, decoding_costs, encode_artifact
from tradeoff.coding.streams import CHOICES

PARAMETERS: Final = (
    tradeoff.Parameter(
        "coder",
        str,
        default=CHOICES[0],
        choices=CHOICES,
        summary="huffman: canonical codes; ans: asymmetric numeral systems; auto: huffman where it is near the entropy",
    ),
)


def encode(job: tradeoff.Encoding) -> tradeoff.Encoded:
    """Write the container, and tell what each tensor takes, what it could take, and what decoding takes."""
    made = encode_artifact(job.artifact, job.tensors, job.folder, str(job.values["coder"]))
    job.progress("timing the decoder", 0.4)
    return tradeoff.Encoded(made.container, {**made.facts, **decoding_costs(made.container)})


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``huffman``."""
    return [
        tradeoff.Technique(
            "huffman",
            stage="artifact",
            encode=encode,
            decode=decode_artifact,
            parameters=PARAMETERS,
            summary="weights as entropy codes in the shipped file, decoded bit for bit when it is loaded",
        )
    ]
