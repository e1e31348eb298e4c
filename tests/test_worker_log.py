"""A worker's output: its beginning and its end are kept, and nothing of it is obeyed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tradeoff.processes.worker_log import WorkerLog, harmless

MB = 1_000_000


def lines(count: int, word: str) -> bytes:
    return b"".join(f"{word} {number:07}\n".encode() for number in range(count))


def test_a_file_of_ordinary_size_is_left_as_it_is(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log")
    log.trim()
    assert not log.path.exists()
    log.path.write_bytes(lines(1000, "short"))
    log.trim()
    assert log.path.read_bytes() == lines(1000, "short")


def disk(path: Path) -> int:
    """Bytes that the file takes: less than its length where it has a hole."""
    return path.stat().st_blocks * 512


def test_of_a_large_file_the_beginning_and_the_end_stay_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log")
    whole = lines(1_000_000, "word")
    log.path.write_bytes(whole)
    log.settle()
    kept = log.path.read_bytes()
    head, note, tail = kept[:MB], kept[MB:-MB], kept[-MB:]
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert note == b"\n[... 11.0 MB left out ...]\n"
    assert log.tail().endswith("word 0999999")


def test_a_file_that_goes_on_growing_takes_no_more_of_the_disk_and_tells_the_sum(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log")
    written = 0
    for _ in range(5):
        with log.path.open("ab") as stream:
            written += stream.write(lines(800_000, "more"))
        log.trim()
        assert disk(log.path) < 3 * MB
    log.settle()
    note = log.path.read_bytes()[MB:-MB]
    assert f"{(written - 2 * MB) / MB:.1f} MB left out".encode() in note
    assert note.count(b"left out") == 1


def test_where_files_have_no_holes_the_middle_is_cut_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradeoff.processes.worker_log._punch", lambda *where: False)
    log = WorkerLog(tmp_path / "log")
    log.path.write_bytes(lines(1_000_000, "word"))
    log.trim()
    assert log.path.stat().st_size < 3 * MB
    assert log.tail().endswith("word 0999999")


def test_of_a_process_that_floods_the_file_no_last_word_is_lost(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log")
    handle = os.open(log.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    done = threading.Event()

    def flood() -> None:
        for _ in range(300):
            os.write(handle, b"x" * 999_999 + b"\n")
        os.write(handle, b"the end\n")
        done.set()

    thread = threading.Thread(target=flood)
    thread.start()
    while not done.wait(0.01):
        log.trim()
    thread.join()
    os.close(handle)
    assert log.tail().endswith("the end")
    log.settle()
    assert log.path.stat().st_size < 9 * MB
    assert b"\0" not in log.path.read_bytes()
    assert log.tail().endswith("the end")


def test_the_tail_is_the_last_lines_and_no_line_is_endless(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log")
    log.path.write_bytes(lines(100, "line"))
    assert log.tail().splitlines() == [f"line {number:07}" for number in range(85, 100)]
    log.path.write_bytes(b"y" * 10_000)
    assert len(log.tail()) < 600
    log.path.unlink()
    assert log.tail().startswith("(its output cannot be read:")


def test_colours_go_lines_stay_and_the_rest_is_marked() -> None:
    assert harmless("\x1b[1;31mred\x1b[0m\nand\tblue") == "red\nand     blue"
    assert harmless("\x1b]0;title\x07") == "\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}"
    assert (
        harmless("10 %\r20 %\x85\x9b31m\udc80")
        == "10 %\n20 %\n" + "\N{REPLACEMENT CHARACTER}31m" + "\N{REPLACEMENT CHARACTER}"
    )
