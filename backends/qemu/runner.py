"""A ``.tflite`` file in LiteRT for aarch64: as an interpreter here, whose work is done by a guest."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tradeoff

from ..litert.runner import KERNELS
from .talking import GuestDied, guest

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


class RemoteInterpreter:
    """As much of LiteRT's interpreter as a runner needs; what LiteRT raises there is raised here."""

    def __init__(self, artifact: Path, kernels: str, core: str) -> None:
        self._artifact = artifact
        self._guest = guest(core)
        told = self._order({"do": "load", "path": str(artifact.resolve()), "kernels": KERNELS[kernels]})
        self._number = int(told["number"])
        self._edges = told
        self._given = self._found = b""
        self._shape: tuple[int, ...] = ()
        weakref.finalize(self, self._guest.drop, self._number)

    def get_input_details(self) -> list[dict[str, Any]]:
        """Of what comes in."""
        return [_details(told) for told in self._edges["inputs"]]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Of what goes out."""
        return [_details(told) for told in self._edges["outputs"]]

    def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
        """Note the shape; the guest resizes and allocates in one go."""
        self._shape = tuple(shape)

    def allocate_tensors(self) -> None:
        """Make it ready for the shape that was asked for."""
        self._edges = self._order({"do": "resize", "number": self._number, "shape": list(self._shape)})

    def set_tensor(self, index: int, batch: Array) -> None:
        """Copy what comes in."""
        self._given = batch.tobytes()

    def invoke(self) -> None:
        """One request, there and back."""
        told = self._order({"do": "run", "number": self._number}, self._given)
        self._shape = tuple(told["shape"])

    def get_tensor(self, index: int) -> Array:
        """What came out, in an array of the caller's own."""
        import numpy as np

        return np.frombuffer(self._found, self._edges["outputs"][0]["dtype"]).reshape(self._shape).copy()

    def _order(self, order: dict[str, Any], given: bytes = b"") -> dict[str, Any]:
        try:
            told, self._found = self._guest.ask(order, given)
        except GuestDied as error:
            raise tradeoff.Refused(
                "not supported by format", f"{self._artifact.name} ends LiteRT on the emulated processor: it {error}"
            ) from error
        if "raised" in told:
            raise RuntimeError(told["text"])
        return told


def _details(told: dict[str, Any]) -> dict[str, Any]:
    """In LiteRT's own words."""
    import numpy as np

    return {
        "index": told["index"],
        "dtype": np.dtype(told["dtype"]).type,
        "shape": np.array(told["shape"]),
        "shape_signature": np.array(told["shape_signature"]),
        "quantization_parameters": {"scales": told["scales"], "zero_points": told["zero_points"]},
    }
