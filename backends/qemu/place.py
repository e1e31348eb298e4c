"""Where the emulated system is: a folder with Debian's Python for arm64, LiteRT for it, and a plugin that counts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tradeoff

#: Names the folder.
VARIABLE: Final = "TRADEOFF_QEMU"
QEMU: Final = "qemu-aarch64"
PREPARE: Final = "python -m tradeoff.backends.qemu.prepare"
#: Written last: what is in the folder, by version.
READY: Final = "ready.json"
COUNTER: Final = "counter.so"
SITE: Final = "site"
ROOT: Final = "root"
_GUEST: Final = Path(__file__).with_name("guest.py")
#: Where Python here, or the loader, looks for what is not for the guest.
_NOT_FOR_THE_GUEST: Final = ("PYTHON", "LD_", "QEMU_")


@dataclass(frozen=True)
class System:
    """A folder that was prepared."""

    folder: Path
    versions: Mapping[str, str]

    @property
    def told(self) -> str:
        """What runs in it, for a reader and for the key of what is stored."""
        return f"LiteRT {self.versions['ai-edge-litert']}, QEMU {self.versions['qemu']}"

    def command(self, core: str, *words: str, plugin: str = "") -> list[str]:
        """What runs the guest's program on an emulated core."""
        counted = ["-plugin", plugin] if plugin else []
        python = self.folder / ROOT / "usr" / "bin" / self.versions["interpreter"]
        how = [QEMU, "-cpu", core, "-L", str(self.folder / ROOT), *counted]
        return [*how, str(python), "-B", str(_GUEST), *words]

    def environment(self) -> dict[str, str]:
        """Variables of the guest: those of this process, less what is about its own Python."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_THE_GUEST)}
        return {
            **kept,
            "PYTHONHOME": str(self.folder / ROOT / "usr"),
            "PYTHONPATH": str(self.folder / SITE),
            "PYTHONUTF8": "1",
            # NumPy would start a thread for each core, and nothing here multiplies matrices with it.
            "OPENBLAS_NUM_THREADS": "1",
        }


def chosen_folder() -> Path:
    """Where it is, or would be: what the variable says, or a place in the user's cache."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tradeoff" / "aarch64"


def found_system() -> System | None:
    """What was prepared; ``None`` where nothing was, or where it is not whole."""
    folder = chosen_folder()
    try:
        told = json.loads((folder / READY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return System(folder, told) if (folder / COUNTER).is_file() else None


def why_not() -> tradeoff.Refusal | None:
    """What is missing, and the commands that bring it."""
    if shutil.which(QEMU) is None:
        return tradeoff.Refusal("not installed", f"{QEMU}: apt-get install qemu-user gcc; then {PREPARE}")
    if found_system() is None:
        return tradeoff.Refusal(
            "not installed",
            f"Python and LiteRT for arm64 in {chosen_folder()}: {PREPARE} (a Debian or Ubuntu that has arm64 in its "
            f"archive; {VARIABLE} names another folder)",
        )
    return None


def system() -> System:
    """What was prepared, or the refusal."""
    refusal = why_not()
    found = found_system()
    if refusal is not None or found is None:
        raise tradeoff.Refused("not installed", refusal.detail if refusal else f"{chosen_folder()} is gone")
    return found
