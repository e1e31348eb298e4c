"""Where a request goes, operator by operator."""

from __future__ import annotations

from dataclasses import dataclass

from tradeoff.vocabulary.common import Provenance


@dataclass(frozen=True)
class Operator:
    """One operator of an artifact, in the order in which they run; ``None`` for what the runtime cannot tell.

    :param name: where it stands in the model, as the artifact names it.
    :param kind: what it does, in the runtime's own word: ``CONV_2D``, ``Gemm``, ``fusion``.
    :param seconds: of one request, the middle one of several.
    :param weights_bytes: of its constants, as they are stored; those that several share count at the first.
    :param output_bytes: of what it gives.
    :param flops: additions and multiplications of one request.
    """

    name: str
    kind: str
    seconds: float | None = None
    weights_bytes: int | None = None
    output_bytes: int | None = None
    flops: float | None = None


@dataclass(frozen=True)
class Profile:
    """Where time, memory and size of one request go, operator by operator.

    :param operators: in the order in which they run.
    :param source: who tells it: ``ONNX Runtime's profiler``.
    :param seconds: ``measured`` each by its own, ``modelled``, or ``unavailable``.
    :param note: what a reader has to know about it.
    """

    operators: tuple[Operator, ...]
    source: str
    seconds: Provenance = "unavailable"
    note: str = ""
