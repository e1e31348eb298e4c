"""Makes the emulated system: Debian's Python for arm64, LiteRT for it, and the plugin that counts.

    python -m tradeoff.backends.qemu.prepare [FOLDER]

Packages come through apt and pip as they are set up here, and are unpacked into one folder: nothing is installed, no
root is needed, and apt's own lists stay as they are. This is the only place that fetches anything.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tradeoff

from .place import COUNTER, PREPARE, QEMU, READY, ROOT, SITE, VARIABLE, System, chosen_folder

#: Programs, and the Debian packages that bring them.
TOOLS: Final = {QEMU: "qemu-user", "cc": "gcc", "apt-get": "apt", "dpkg-deb": "dpkg"}
#: LiteRT 2.2 and 2.3 crash under QEMU 7.2; this one runs.
WHEELS: Final = ("ai-edge-litert==2.1.6", "numpy==2.2.6")
_PLATFORMS: Final = ("manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
#: From this version of QEMU on plugins have to say a higher version of its interface.
_NEWER_QEMU: Final = 9
_MOST: Final = 2000
#: The core on which it is tried.
_CORE: Final = "cortex-a72"

Say = Callable[[str], None]


def prepare(folder: Path, say: Say = print) -> System:
    """Make it in ``folder``, which appears when all of it is there."""
    missing = {tool: package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if missing:
        raise tradeoff.BadInput(
            f"{', '.join(missing)}: not found; apt-get install {' '.join(dict.fromkeys(missing.values()))}, "
            f"then {PREPARE}"
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / READY).exists():
        raise tradeoff.BadInput(f"{folder} has other things in it: name an empty or a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="preparing-", dir=folder.parent) as scratch:
        made = _made(Path(scratch), say)
        shutil.rmtree(folder, ignore_errors=True)
        made.folder.rename(folder)
    return System(folder, made.versions)


def _made(scratch: Path, say: Say) -> System:
    place = scratch / "made"
    (place / ROOT).mkdir(parents=True)
    say("asking apt for Python's packages for arm64")
    _unpack(_fetched(scratch / "apt"), place / ROOT)
    interpreter = next(iter(sorted((place / ROOT / "usr" / "bin").glob("python3.*")))).name
    say(f"asking pip for {' and '.join(WHEELS)} for aarch64")
    _install(interpreter.removeprefix("python"), place / SITE)
    say("compiling the plugin that counts")
    qemu = _version()
    _compile(qemu, place / COUNTER)
    say("trying it")
    versions = {**_tried(System(place, {"interpreter": interpreter})), "qemu": qemu, "interpreter": interpreter}
    (place / READY).write_text(json.dumps(versions, indent=1), encoding="utf-8")
    return System(place, versions)


def _fetched(scratch: Path) -> Path:
    """The packages, with all that they need, as files."""
    state, cache = scratch / "state", scratch / "cache"
    for place in (state / "lists" / "partial", cache / "archives" / "partial"):
        place.mkdir(parents=True)
    (state / "status").touch()
    options = [
        f"Dir::State={state}",
        f"Dir::State::status={state / 'status'}",
        f"Dir::Cache={cache}",
        "APT::Architecture=arm64",
        "APT::Architectures=arm64",
        # Who may read this folder is up to its owner, and apt would hand it to a user of its own.
        "APT::Sandbox::User=",
        "APT::Install-Recommends=false",
    ]
    given = [word for option in options for word in ("-o", option)]
    _run("apt-get", *given, "-q", "update")
    told = _run("apt-cache", *given, "depends", "python3-minimal")
    found = re.search(r"python(3\.\d+)-minimal", told)
    if found is None:
        raise tradeoff.TradeoffError(
            f"apt knows no python3-minimal for arm64: its archive here has to have that architecture; it says: {told}"
        )
    wanted = (f"python{found[1]}-minimal", f"libpython{found[1]}-stdlib", "libstdc++6")
    _run("apt-get", *given, "-q", "-y", "--download-only", "install", *wanted)
    return cache / "archives"


def _unpack(archives: Path, root: Path) -> None:
    for package in sorted(archives.glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(root))
    # Where nothing has been put into /lib, it is a link to /usr/lib, which another package would bring.
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")


def _install(python: str, site: Path) -> None:
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    how = ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms]
    _run(sys.executable, "-m", "pip", "install", "--quiet", f"--target={site}", *how, *WHEELS)


def _compile(qemu: str, plugin: Path) -> None:
    version = 2 if int(qemu.split(".")[0]) >= _NEWER_QEMU else 1
    source = str(Path(__file__).with_name("counter.c"))
    _run("cc", "-O2", "-fPIC", "-shared", f"-DPLUGIN_VERSION={version}", source, "-o", str(plugin))


def _version() -> str:
    found = re.search(r"version (\d+(?:\.\d+)+)", _run(QEMU, "--version"))
    if found is None:
        raise tradeoff.TradeoffError(f"{QEMU} --version tells no version")
    return found[1]


def _tried(made: System) -> dict[str, str]:
    """The versions of what runs in it, told by itself."""
    told: dict[str, str] = json.loads(_run(*made.command(_CORE, "versions"), environment=made.environment()))
    return told


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a command prints; one that fails is told with its last words."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_MOST:]
        raise tradeoff.TradeoffError(f"{command[0]} failed ({done.returncode}): {said}")
    return done.stdout


def main(words: Sequence[str]) -> int:
    """The command."""
    if len(words) > 1 or any(word.startswith("-") for word in words):
        sys.stderr.write(f"usage: {PREPARE} [FOLDER]\n")
        return 2
    folder = Path(words[0]).absolute() if words else chosen_folder()
    try:
        made = prepare(folder)
    except tradeoff.TradeoffError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{made.told} in {folder}\n")
    if folder != chosen_folder():
        sys.stdout.write(f"it is found where {VARIABLE}={folder} is set\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
