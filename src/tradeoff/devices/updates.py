"""What it takes to bring a new version of a model to a device that has an older one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradeoff.devices.deltas import apply_delta, make_delta
from tradeoff.devices.estimates import Estimate
from tradeoff.errors import BadInput
from tradeoff.formats.plain_file import require_file

_LARGEST = 2**26


@dataclass(frozen=True)
class Update:
    """From one file to another; ``None`` for what nobody has told.

    :param delta_bytes: of a delta that was made, applied, and gave the new file.
    :param transfer_seconds: over the link that was named.
    :param write_seconds: of the whole new file into flash, which is written anew however small the delta is.
    :param write_joules: at the power that the profile gives.
    :param beside: whether old and new fit into flash together; ``None`` where its size is unknown.
    """

    old_bytes: int
    new_bytes: int
    delta_bytes: int
    transfer_seconds: float | None
    write_seconds: float | None
    write_joules: float | None
    beside: bool | None


def update_of(
    old: Path,
    new: Path,
    estimate: Estimate,
    active_mw: float | None,
    link_kbit_s: float | None,
    flash_kb_s: float | None,
) -> Update:
    """The update from the file ``old`` to ``new``, of which ``estimate`` tells."""
    for rate, flag in ((link_kbit_s, "--link-kbit-s"), (flash_kb_s, "--flash-kb-s")):
        if rate is not None and not 0 < rate < float("inf"):
            raise BadInput(f"{flag} {rate:g} is no speed; give a number above 0")
    before, after = _bytes(old), _bytes(new)
    delta = make_delta(before, after)
    if apply_delta(before, delta) != after:
        raise AssertionError("a delta does not give what it was made from")
    writing = None if flash_kb_s is None else len(after) / (flash_kb_s * 1e3)
    limit = estimate.flash_limit
    return Update(
        len(before),
        len(after),
        len(delta),
        None if link_kbit_s is None else 8 * len(delta) / (link_kbit_s * 1e3),
        writing,
        None if writing is None or active_mw is None else writing * active_mw / 1e3,
        None if limit is None else estimate.flash_bytes + len(before) <= limit,
    )


def _bytes(path: Path) -> bytes:
    require_file(path, "a model", "an older or newer version of it")
    if path.stat().st_size > _LARGEST:
        raise BadInput(f"{path} is larger than {_LARGEST // 2**20} MiB; no device is updated with that")
    return path.read_bytes()
