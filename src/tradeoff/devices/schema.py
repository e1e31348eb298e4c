"""What may stand in a profile of a device: each figure, its unit, which is in its name, and its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tradeoff.devices.costs import COSTS


@dataclass(frozen=True)
class Field:
    """One key of a section.

    :param what: for a person.
    :param low: the smallest and
    :param high: the largest value that is no mistake in the unit; text has neither.
    :param words: the only texts that are known.
    """

    what: str
    low: float = 0.0
    high: float = 0.0
    required: bool = False
    text: bool = False
    words: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What would be valid."""
        if self.words:
            return f"{self.what}, one of {', '.join(self.words)}"
        return f"{self.what}, a text" if self.text else f"{self.what}, a number from {self.low:g} to {self.high:g}"


PRECISIONS: Final = ("int8", "int16x8", "float16", "float32")
KINDS: Final = {
    "mcu": "a microcontroller",
    "platform": "a phone, board, laptop, server or accelerator",
    "npu": "a microcontroller with an Ethos-U beside it",
}
#: Arm's Ethos-U by the multiplications of a cycle, as Vela spells them.
ACCELERATORS: Final = (
    *(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256)),
    *(f"ethos-u65-{macs}" for macs in (256, 512)),
    *(f"ethos-u85-{macs}" for macs in (128, 256, 512, 1024, 2048)),
)
#: The speeds of memories that Vela has built in.
SYSTEMS: Final = (
    *(f"Ethos_U55_{name}" for name in ("Deep_Embedded", "High_End_Embedded")),
    *(f"Ethos_U65_{name}" for name in ("Embedded", "Mid_End", "High_End", "Client_Server")),
    *(f"Ethos_U85_SYS_{name}" for name in ("Flash_Low", "Flash_High", "DRAM_Low", "DRAM_Mid", "DRAM_High")),
)
#: Where weights and activations lie.
MEMORY_MODES: Final = (
    *("Sram_Only", "Shared_Sram", "Dedicated_Sram"),
    *(f"Dedicated_Sram_{size}KB" for size in (256, 384, 512)),
)

#: Section, key, field. Figures other than text need a source each.
SECTIONS: Final[Mapping[str, Mapping[str, Field]]] = {
    "device": {
        "board": Field("the board or system on which it was measured", text=True),
        "core": Field("the core that runs the model", required=True, text=True),
        "clock_mhz": Field("its clock in MHz", 1, 10_000, required=True),
        "flash_kib": Field("flash in KiB", 1, 2**21),
        "ram_kib": Field("RAM in KiB", 1, 2**30),
        "supply_v": Field("supply voltage in V", 0.4, 400),
    },
    "runtime": {
        "name": Field("the runtime, with its version", required=True, text=True),
        "threads": Field("threads that run the model", 1, 1024),
        "flash_kib": Field("flash in KiB that the runtime takes beside the model", 1, 2**20),
        "ram_base_bytes": Field("RAM in bytes that it always takes", 0, 2**30),
        "ram_operator_bytes": Field("RAM in bytes for each operator", 0, 2**20),
        "ram_channel_bytes": Field("RAM in bytes for each channel of a convolution", 0, 1024),
        "ram_program_bytes": Field("RAM in bytes beside an arena that is known", 0, 2**30),
    },
    "npu": {
        "accelerator": Field("the NPU", required=True, text=True, words=ACCELERATORS),
        "clock_mhz": Field("its clock in MHz", 1, 10_000, required=True),
        "system_config": Field("Vela's speeds of the memories", required=True, text=True, words=SYSTEMS),
        "memory_mode": Field("Vela's use of the memories", required=True, text=True, words=MEMORY_MODES),
        "sram_kib": Field("SRAM in KiB that it may use", 1, 2**20),
        "dram_kib": Field("DRAM in KiB that it may use", 1, 2**30),
    },
    "power": {
        "active_mw": Field("power in mW while it computes", 0.001, 2_000_000),
        "sleep_uw": Field("power in µW while it waits", 0.001, 1e9),
    },
    "roofline": {
        "int8_gops": Field(
            "peak of int8 in 10^9 operations a second, a multiplication and an addition being two", 0.001, 1e8
        ),
        "float16_gflops": Field("peak of float16 in 10^9 operations a second", 0.001, 1e8),
        "float32_gflops": Field("peak of float32 in 10^9 operations a second", 0.001, 1e8),
        "bandwidth_gb_s": Field("bandwidth of the memory in 10^9 bytes a second", 0.001, 1e6),
        "cache_bandwidth_gb_s": Field("bandwidth of the last cache in 10^9 bytes a second", 0.001, 1e7),
        "cache_kib": Field("the last cache in KiB", 1, 2**22),
        "l1_kib": Field("the first data cache of one core in KiB", 1, 2**16),
        "simd_bits": Field("width of a vector register in bits", 8, 2**16),
        "operator_us": Field("time in µs to start an operator", 0, 1e5),
    },
}
#: In ``[latency.int8]``: cycles for one of each cost, and which of the costs there are.
CYCLES: Final[Mapping[str, Field]] = {
    f"{cost}_cycles": Field(f"cycles for each of the {what}", 0, 1e9) for cost, what in COSTS.items()
}
#: In ``[validation.int8]``: how wrong the latency was on models that it was not fitted to, as shares.
VALIDATION: Final[Mapping[str, Field]] = {
    "left_out": Field("what was left out: family, submitter", required=True, text=True),
    "points": Field("published points that were estimated so", 1, 1e6, required=True),
    "mean_error": Field("mean error as a share", 0, 100, required=True),
    "median_error": Field("median error as a share", 0, 100, required=True),
    "near_share": Field("share of the points within 10 %", 0, 1, required=True),
    "worst_error": Field("the worst error as a share", -1, 100, required=True),
}
