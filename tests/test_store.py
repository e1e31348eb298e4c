from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradeoff.store import KINDS, Entry, Kind, Store, StoreError
from tradeoff.store.folder import StoreFolder

INPUTS = {"model": "cnn", "chain": ["prune:0.5"], "seed": 0}
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Store:
    return Store(tmp_path / "store", warn=warnings.append)


class Builder:
    """Writes a file and a nested one, and counts how often it was asked to."""

    def __init__(self, payload: bytes = b"weights") -> None:
        self.payload = payload
        self.builds = 0

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        self.builds += 1
        (folder / "assets").mkdir()
        (folder / "assets" / "labels.txt").write_text("cat\ndog\n")
        (folder / "model.bin").write_bytes(self.payload)
        return {"seconds": 1.5, "build": self.builds}


def again(store: Store, warnings: list[str] | None = None, **options: Any) -> Store:
    """The same store as the next process sees it."""
    return Store(store.root, warn=(warnings if warnings is not None else []).append, **options)


# --- keys and round trips ---------------------------------------------------------------------------


@given(st.dictionaries(st.text(), plain | st.lists(plain), max_size=6))
def test_a_key_is_24_hex_digits_and_does_not_depend_on_order(inputs: dict[str, Any]) -> None:
    key = Store.key(inputs)
    assert len(key) == 24
    assert set(key) <= set("0123456789abcdef")
    assert Store.key(dict(reversed(inputs.items()))) == key


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    inputs=st.dictionaries(st.text(), plain),
    facts=st.dictionaries(st.text(), plain),
    files=st.dictionaries(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,3})?", fullmatch=True), st.binary(max_size=99)),
)
def test_what_was_made_is_found_by_the_next_process_byte_for_byte(
    store: Store, inputs: dict[str, Any], facts: dict[str, Any], files: dict[str, bytes]
) -> None:
    shutil.rmtree(store.root, ignore_errors=True)

    def build(folder: Path) -> Mapping[str, Any]:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return facts

    store.make("artifact", inputs, build)
    found = again(store).find("artifact", inputs)
    assert found is not None
    assert (dict(found.facts), dict(found.inputs)) == (facts, inputs)
    assert {path.name: path.read_bytes() for path in found.path.iterdir() if path.name != "manifest.json"} == files


def test_nothing_is_found_in_a_store_that_is_not_there_and_nothing_is_written(store: Store) -> None:
    assert store.find("variant", INPUTS) is None
    assert store.entries() == []
    assert store.verify() == []
    assert not store.root.exists()


def test_what_was_made_once_is_not_made_again(store: Store) -> None:
    build = Builder()
    first = store.make("variant", INPUTS, build)
    assert store.make("variant", INPUTS, build) == first
    assert again(store).make("variant", INPUTS, build) == first
    assert build.builds == 1


def test_one_key_in_two_kinds_is_two_entries(store: Store) -> None:
    build = Builder()
    for kind in KINDS:
        store.make(kind, INPUTS, build)
    assert build.builds == len(KINDS)
    assert [entry.kind for entry in store.entries()] == list(KINDS)


def test_a_manifest_tells_who_made_it_when_and_from_what(store: Store) -> None:
    before = time.time()
    entry = store.make("variant", INPUTS, Builder())
    assert entry.manifest["tradeoff"] != ""
    assert entry.inputs == INPUTS
    assert before - 1 <= entry.created <= time.time() + 1
    assert entry.size == sum(path.stat().st_size for path in entry.path.rglob("*") if path.is_file())


def test_the_root_is_marked_as_a_cache(store: Store) -> None:
    store.make("variant", INPUTS, Builder())
    assert (store.root / ".gitignore").read_text() == "*\n"
    assert (store.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


@pytest.mark.parametrize("kind", ["", "model", "../data", "locks"])
def test_an_unknown_kind_is_refused(store: Store, kind: Kind) -> None:
    with pytest.raises(ValueError, match="kinds are data, variant, artifact, result"):
        store.find(kind, INPUTS)


# --- builders that fail -----------------------------------------------------------------------------


def test_an_error_of_the_builder_goes_on_and_leaves_nothing_behind(store: Store) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        (folder / "half").write_text("x")
        raise ZeroDivisionError("the builder's own")

    with pytest.raises(ZeroDivisionError, match="the builder's own"):
        store.make("variant", INPUTS, build)
    assert list((store.root / "temporary").iterdir()) == []
    assert store.find("variant", INPUTS) is None
    assert store.make("variant", INPUTS, Builder()).facts["build"] == 1


def test_an_interrupted_builder_leaves_nothing_behind(store: Store) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.make("variant", INPUTS, build)
    assert list((store.root / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{}"), "belongs to the store"),
        (lambda folder: (folder / "link").symlink_to("/etc/hostname"), "is a link"),
    ],
)
def test_what_a_builder_may_not_write_is_refused(store: Store, spoil: Callable[[Path], Any], error: str) -> None:
    def build(folder: Path) -> Mapping[str, Any]:
        spoil(folder)
        return {}

    with pytest.raises(ValueError, match=error):
        store.make("variant", INPUTS, build)
    assert store.entries() == []


def test_facts_that_are_not_plain_data_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"accuracy is nan"):
        store.make("result", INPUTS, lambda folder: {"accuracy": float("nan")})
    assert store.entries() == []


# --- corruption -------------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit_a_fact(entry: Path) -> None:
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["facts"]["seconds"] = 0.001
    (entry / "manifest.json").write_text(json.dumps(manifest))


def replace_by_link(entry: Path) -> None:
    moved = entry.parent.parent / "elsewhere"
    (entry / "model.bin").rename(moved)
    (entry / "model.bin").symlink_to(moved)


def replace_folder_by_link(entry: Path) -> None:
    moved = entry.parent.parent / "elsewhere"
    entry.rename(moved)
    entry.symlink_to(moved)


def replace_by_file(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("not a folder")


def replace_manifest_by_folder(entry: Path) -> None:
    (entry / "manifest.json").unlink()
    (entry / "manifest.json").mkdir()


def promise_a_path_outside(entry: Path) -> None:
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["files"]["../../../outside"] = manifest["files"].pop("model.bin")
    (entry / "manifest.json").write_text(json.dumps(manifest))


CORRUPTIONS: dict[str, Callable[[Path], Any]] = {
    "a flipped bit": lambda entry: flip_a_bit(entry / "model.bin"),
    "a flipped bit in a nested file": lambda entry: flip_a_bit(entry / "assets" / "labels.txt"),
    "a file cut short": lambda entry: (entry / "model.bin").write_bytes(b"wei"),
    "a longer file": lambda entry: (entry / "model.bin").write_bytes(b"weights and more"),
    "a missing file": lambda entry: (entry / "model.bin").unlink(),
    "an extra file": lambda entry: (entry / "virus.py").write_text("import os"),
    "no manifest": lambda entry: (entry / "manifest.json").unlink(),
    "an empty manifest": lambda entry: (entry / "manifest.json").write_text(""),
    "a manifest cut short": lambda entry: (entry / "manifest.json").write_text('{"schema": 1, "fil'),
    "a manifest of another shape": lambda entry: (entry / "manifest.json").write_text("[1, 2]"),
    "a manifest of nothing": lambda entry: (entry / "manifest.json").write_text("{}"),
    "a manifest nested without end": lambda entry: (entry / "manifest.json").write_text("[" * 100_000),
    "a manifest in no encoding": lambda entry: (entry / "manifest.json").write_bytes(b"\xff\xfe\x00{"),
    "a manifest with NaN": lambda entry: (entry / "manifest.json").write_text('{"schema": NaN}'),
    "a manifest that is a folder": replace_manifest_by_folder,
    "an edited fact": edit_a_fact,
    "a link for a file": replace_by_link,
    "a link for the folder": replace_folder_by_link,
    "a file for the folder": replace_by_file,
    "a path that leads outside": promise_a_path_outside,
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corruption_is_noticed_set_aside_named_and_mended(store: Store, warnings: list[str], corruption: str) -> None:
    build = Builder()
    entry = store.make("variant", INPUTS, build)
    CORRUPTIONS[corruption](entry.path)

    later = again(store, warnings)
    assert [problem.path for problem in later.verify()] == [entry.path]
    assert later.find("variant", INPUTS) is None
    assert [path.name for path in later.set_aside()] == [f"variant-{entry.key}-1"]
    assert len(warnings) == 1
    assert str(entry.path) in warnings[0]
    assert later.make("variant", INPUTS, build).facts["build"] == 2
    assert (entry.path / "model.bin").read_bytes() == b"weights"
    assert again(store).verify() == []


def test_make_mends_a_corrupted_entry_without_being_asked_to_find_it_first(store: Store, warnings: list[str]) -> None:
    build = Builder()
    entry = store.make("variant", INPUTS, build)
    for round_ in (1, 2):
        flip_a_bit(entry.path / "model.bin")
        assert again(store, warnings).make("variant", INPUTS, build).facts["build"] == round_ + 1
    assert len(warnings) == len(store.set_aside()) == 2


def test_an_entry_under_another_ones_name_is_corrupted(store: Store, warnings: list[str]) -> None:
    one = store.make("variant", INPUTS, Builder())
    other = store.make("variant", {**INPUTS, "seed": 1}, Builder())
    shutil.rmtree(other.path)
    shutil.copytree(one.path, other.path)
    assert again(store, warnings).find("variant", other.inputs) is None
    assert "belongs to" in warnings[0]


def test_an_entry_is_hashed_once_per_process_unless_its_manifest_changes(store: Store, warnings: list[str]) -> None:
    entry = store.make("variant", INPUTS, Builder())
    later = again(store, warnings)
    assert later.find("variant", INPUTS) == entry
    flip_a_bit(entry.path / "model.bin")
    assert later.find("variant", INPUTS) == entry
    os.utime(entry.path / "manifest.json", (1, 1))
    assert later.find("variant", INPUTS) is None
    assert len(warnings) == 1


# --- rebuilding -------------------------------------------------------------------------------------


def test_rebuilding_replaces_each_old_entry_once(store: Store) -> None:
    build = Builder()
    store.make("variant", INPUTS, build)
    time.sleep(0.01)
    rebuilding = again(store, rebuild=True)
    assert rebuilding.find("variant", INPUTS) is None
    assert rebuilding.make("variant", INPUTS, build).facts["build"] == 2
    assert rebuilding.make("variant", INPUTS, build).facts["build"] == 2
    assert again(store).find("variant", INPUTS) is not None
    assert len(store.entries()) == 1


def test_a_second_process_of_a_rebuilding_run_takes_what_the_first_has_made(store: Store) -> None:
    build = Builder()
    started = time.time()
    first = again(store, rebuild=True, started=started).make("variant", INPUTS, build)
    assert again(store, rebuild=True, started=started).make("variant", INPUTS, build) == first


def test_a_failed_rebuild_leaves_the_old_entry_in_place(store: Store) -> None:
    entry = store.make("variant", INPUTS, Builder())
    time.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        again(store, rebuild=True).make("variant", INPUTS, lambda folder: {"x": 1 / 0})
    assert again(store).find("variant", INPUTS) == entry


# --- several processes ------------------------------------------------------------------------------

BUILD_IN_ANOTHER_PROCESS = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path
    from tradeoff.store import Store

    root, marks, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

    def build(folder):
        (marks / f"built by {os.getpid()}").touch()
        (folder / "model.bin").write_bytes(b"x" * 100_000)
        time.sleep(seconds)
        return {"pid": os.getpid()}

    store = Store(root, waiting=lambda message: (marks / f"waited {os.getpid()}").write_text(message))
    entry = store.make("variant", {"model": "cnn"}, build)
    assert (entry.path / "model.bin").stat().st_size == 100_000
    """
)


def run_together(root: Path, marks: Path, processes: int, seconds: float) -> None:
    command = [sys.executable, "-c", BUILD_IN_ANOTHER_PROCESS, str(root), str(marks), str(seconds)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    assert [process.wait(timeout=120) for process in running] == [0] * processes


def test_two_processes_that_want_the_same_build_it_once_and_the_second_says_why_it_waits(tmp_path: Path) -> None:
    run_together(tmp_path / "store", tmp_path, processes=2, seconds=1.5)
    assert len(list(tmp_path.glob("built by *"))) == 1
    (message,) = [path.read_text() for path in tmp_path.glob("waited *")]
    builder = next(tmp_path.glob("built by *")).name.removeprefix("built by ")
    assert f"waiting for process {builder} on " in message
    assert "which is making variant" in message


@pytest.mark.deep
def test_eight_processes_that_want_the_same_build_it_once(tmp_path: Path) -> None:
    run_together(tmp_path / "store", tmp_path, processes=8, seconds=3)
    assert len(list(tmp_path.glob("built by *"))) == 1
    assert Store(tmp_path / "store").verify() == []
    assert list((tmp_path / "store" / "temporary").iterdir()) == []


def started_builder(root: Path, marks: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", BUILD_IN_ANOTHER_PROCESS, str(root), str(marks), "60"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while not list(root.glob("temporary/*/model.bin")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_a_killed_builder_leaves_nothing_in_place_and_its_remains_are_cleaned_up(tmp_path: Path) -> None:
    root = tmp_path / "store"
    process = started_builder(root, tmp_path)
    process.kill()
    process.wait()
    assert not list(root.glob("variant/*"))
    assert len(list((root / "temporary").iterdir())) == 1
    store = Store(root)
    assert list((root / "temporary").iterdir()) == []
    assert store.make("variant", {"model": "cnn"}, Builder()).facts["build"] == 1


def test_what_a_living_builder_is_at_is_neither_cleaned_up_nor_pruned(tmp_path: Path) -> None:
    root = tmp_path / "store"
    process = started_builder(root, tmp_path)
    try:
        (unfinished,) = (root / "temporary").iterdir()
        os.utime(unfinished, (1, 1))
        store = Store(root)
        assert unfinished.is_dir()
        entry_path = root / "variant" / Store.key({"model": "cnn"})
        entry_path.mkdir(parents=True)
        assert [entry.path for entry in store.entries()] == [entry_path]
        assert store.prune().entries == ()
        assert entry_path.is_dir()
    finally:
        process.kill()
        process.wait()


def leftover(store: Store, process: int, host: str | None = None) -> Path:
    store.make("variant", INPUTS, Builder())
    name = StoreFolder(store.root).temporary("variant", store.key(INPUTS)).name
    kind, key, _, nonce, own_host = name.split(".")
    path = store.root / "temporary" / f"{kind}.{key}.{process}.{nonce}.{host or own_host}"
    path.mkdir()
    return path


def test_leftovers_of_other_hosts_and_of_living_processes_stay_for_a_week(store: Store) -> None:
    kept = [leftover(store, 999_999_999, "another-host"), leftover(store, os.getpid())]
    again(store)
    assert all(path.is_dir() for path in kept)
    for path in kept:
        os.utime(path, (time.time() - 8 * 24 * 3600,) * 2)
    again(store)
    assert not any(path.is_dir() for path in kept)


def test_a_strangers_file_among_the_temporary_ones_is_left_alone(store: Store) -> None:
    leftover(store, 999_999_999)
    names = ["readme.txt", "a.b.c.d.e", "variant.0123.1.2.3", f"variant.{'0' * 24}.-1.x.h", f"../.{'0' * 24}.1.x.h"]
    strangers = [store.root / "temporary" / name.replace("/", "_") for name in names]
    for path in strangers:
        path.touch()
    again(store)
    assert sorted((store.root / "temporary").iterdir()) == sorted(strangers)


# --- where it cannot be written or read -------------------------------------------------------------


def test_a_file_where_the_store_should_be_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    store = Store(tmp_path / "store")
    assert store.find("variant", INPUTS) is None
    with pytest.raises(StoreError, match=r"store: while opening .*a file is where a folder.*--tradeoff-store DIR"):
        store.make("variant", INPUTS, Builder())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses folders")
def test_a_root_that_cannot_be_made_is_told_with_the_way_out() -> None:
    with pytest.raises(StoreError, match=r"/proc/store.*--tradeoff-store DIR"):
        Store(Path("/proc/store")).make("variant", INPUTS, Builder())


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("writer", ["the builder", "the manifest"])
def test_a_full_disk_is_told_with_the_way_out_and_leaves_nothing_behind(mounted: Path, writer: str) -> None:
    store = Store(mounted / "store")
    free = shutil.disk_usage(mounted).free

    def build(folder: Path) -> Mapping[str, Any]:
        (folder / "big").write_bytes(bytes(4 * free if writer == "the builder" else free - 9 * 4096))
        return {"log": "x" * 100_000}

    with pytest.raises(StoreError, match=r"the disk is full.*tradeoff store prune.*--tradeoff-store DIR") as caught:
        store.make("variant", INPUTS, build)
    assert str(mounted) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert list((store.root / "temporary").iterdir()) == []
    assert store.entries() == []


def test_a_read_only_store_serves_what_it_has_and_says_what_it_cannot(mounted: Path, warnings: list[str]) -> None:
    build = Builder()
    whole = Store(mounted / "store").make("variant", INPUTS, build)
    broken = Store(mounted / "store").make("artifact", INPUTS, build)
    flip_a_bit(broken.path / "model.bin")
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)

    store = Store(mounted / "store", warn=warnings.append)
    assert store.find("variant", INPUTS) == whole
    assert store.make("variant", INPUTS, build) == whole
    assert [problem.path for problem in store.verify()] == [broken.path]
    assert store.find("artifact", INPUTS) is None
    assert "is corrupted" in warnings[0]
    assert "read-only" in warnings[0]
    with pytest.raises(StoreError, match=r"read-only.*--tradeoff-store DIR"):
        store.make("result", INPUTS, build)
    with pytest.raises(StoreError, match="read-only"):
        store.prune()
    assert build.builds == 2


IN_A_LIMITED_PROCESS = textwrap.dedent(
    """
    import os, resource, signal, sys
    from pathlib import Path
    from tradeoff.store import Store, StoreError

    def build(folder):
        (folder / "big").write_bytes(bytes(1_000_000))
        return {}

    store = Store(Path("store"))
    """
)


def in_a_limited_process(tmp_path: Path, script: str) -> str:
    code = IN_A_LIMITED_PROCESS + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_size_limit_is_told_like_a_full_disk(tmp_path: Path) -> None:
    told = in_a_limited_process(
        tmp_path,
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            store.make("variant", {}, build)
        except StoreError as error:
            print(error, os.listdir("store/temporary"))
        """,
    )
    assert "a file grew past the largest size allowed here" in told
    assert told.endswith("[]\n")


def test_running_out_of_open_files_is_told_and_not_taken_for_corruption(tmp_path: Path) -> None:
    told = in_a_limited_process(
        tmp_path,
        """
        entry = store.make("variant", {}, build)
        store = Store(Path("store"), warn=print)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        try:
            store.find("variant", {})
        except StoreError as error:
            print(error)
        print(entry.path.is_dir())
        """,
    )
    assert os.strerror(errno.EMFILE) in told
    assert told.endswith("True\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_elses_store_is_told_and_not_taken_for_corruption(tmp_path: Path) -> None:
    told = in_a_limited_process(
        tmp_path,
        """
        entry = store.make("variant", {}, build)
        (entry.path / "big").chmod(0o600)
        Path.cwd().chmod(0o755)
        os.setuid(65534)
        store = Store(Path("store"), warn=print)
        for act in (lambda: store.find("variant", {}), lambda: store.make("data", {}, build)):
            try:
                act()
            except StoreError as error:
                print(error)
        """,
    )
    found, made = told.splitlines()
    assert "there is no permission" in found
    assert "there is no permission" in made
    assert "--tradeoff-store DIR" in made


# --- housekeeping -----------------------------------------------------------------------------------


def filled(store: Store) -> list[Entry]:
    """Four entries of about 1 kB; the first was used longest ago."""
    entries = []
    for number, kind in enumerate(KINDS):
        entry = store.make(kind, {"number": number}, Builder(bytes(1000)))
        os.utime(entry.path, (time.time() - 1000 * (len(KINDS) - number),) * 2)
        entries.append(entry)
    return entries


def test_finding_an_entry_notes_when_it_was_used(store: Store) -> None:
    entry = filled(store)[0]
    assert entry.used < time.time() - 900
    assert store.find(entry.kind, entry.inputs) == entry
    assert entry.used > time.time() - 100


def test_pruning_without_limits_removes_everything_of_the_wanted_kinds(store: Store) -> None:
    entries = filled(store)
    pruned = store.prune(kinds=["artifact", "result"])
    assert set(pruned.entries) == set(entries[2:])
    assert store.entries() == entries[:2]
    assert list((store.root / "temporary").iterdir()) == []


def test_pruning_by_age_spares_what_was_used_lately(store: Store) -> None:
    entries = filled(store)
    assert store.prune(older_than=2500).entries == tuple(entries[:2])
    assert store.entries() == entries[2:]


def test_pruning_by_size_removes_the_longest_unused_until_the_rest_fits(store: Store) -> None:
    entries = filled(store)
    freed = entries[0].size + entries[1].size
    pruned = store.prune(keep_bytes=entries[2].size + entries[3].size)
    assert pruned.entries == tuple(entries[:2])
    assert pruned.freed == freed
    assert store.prune(keep_bytes=10**9).entries == ()


def test_a_dry_run_tells_the_same_and_removes_nothing(store: Store) -> None:
    entries = filled(store)
    told = store.prune(older_than=2500, dry_run=True)
    assert store.entries() == entries
    assert store.prune(older_than=2500) == told


def test_a_pruned_entry_is_made_again(store: Store) -> None:
    build = Builder()
    store.make("variant", INPUTS, build)
    store.prune()
    assert store.find("variant", INPUTS) is None
    assert store.make("variant", INPUTS, build).facts["build"] == 2


def test_broken_entries_are_listed_and_can_be_pruned(store: Store) -> None:
    entry = store.make("variant", INPUTS, Builder())
    (entry.path / "manifest.json").write_text("nonsense")
    (listed,) = store.entries("variant")
    assert (listed.manifest, listed.path) == ({}, entry.path)
    assert listed.created == listed.used
    assert store.prune().entries == (listed,)
    assert not entry.path.exists()


def test_what_was_set_aside_can_be_removed(store: Store) -> None:
    entry = store.make("variant", INPUTS, Builder())
    flip_a_bit(entry.path / "model.bin")
    size = entry.size
    again(store).find("variant", INPUTS)
    assert store.prune_set_aside(dry_run=True) == size
    assert store.prune_set_aside() == size
    assert store.set_aside() == []


def test_strangers_among_the_entries_are_told_by_verify_and_never_removed(store: Store) -> None:
    store.make("variant", INPUTS, Builder())
    stranger = store.root / "variant" / "my notes.txt"
    stranger.write_text("keep me")
    assert [str(problem) for problem in store.verify()] == [f"{stranger}: is not an entry of the store"]
    store.prune()
    assert stranger.read_text() == "keep me"


def test_pruning_does_not_follow_a_link_out_of_the_store(store: Store, tmp_path: Path) -> None:
    entry = store.make("variant", INPUTS, Builder())
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("x")
    shutil.rmtree(entry.path)
    entry.path.symlink_to(precious)
    assert len(store.prune().entries) == 1
    assert (precious / "thesis.tex").exists()
    assert not entry.path.is_symlink()
