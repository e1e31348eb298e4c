"""A search on disk: proposals by seed, several processes at once, and trials that a kill has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from searched import BASELINE, SPACE, judged, play, studied

from tradeoff.searching.outcomes import Outcome
from tradeoff.searching.space import Proposal
from tradeoff.searching.study import JOURNAL

pytest.importorskip("optuna")

KILLED = """
import os, signal, sys
from pathlib import Path
from searched import judged, studied
study = studied(Path(sys.argv[1]))
study.open()
for _ in range(5):
    asked = study.ask(12)
    study.tell(asked, judged(asked))
asked = study.ask(12)
print(asked.place, asked.proposal.chain, asked.proposal.backend, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_default_matrix_is_tried_first_and_nothing_twice(tmp_path: Path) -> None:
    with studied(tmp_path) as study:
        found = play(study, 15)
        assert found[:2] == [("baseline", "litert"), ("int8", "litert")]
        assert len(found) == len({*found}) == 15
        assert [one.place for one in study.tried()] == list(range(1, 16))
        assert [one.yardstick for one in study.tried()][:3] == [True, True, False]


def test_the_same_seed_proposes_the_same_and_another_does_not(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        with studied(tmp_path / name, seed) as study:
            runs.append(play(study, 14))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.skipif(os.name == "nt", reason="a kill is a signal")
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    with studied(tmp_path / "whole") as study:
        whole = play(study, 12)
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.split() == ["6", *whole[5]]
    with studied(tmp_path / "killed") as study:
        assert play(study, 12) == whole[5:]
        assert [(one.proposal.chain, one.proposal.backend) for one in study.tried()] == whole


def test_a_finished_search_has_nothing_to_do_and_more_trials_go_on(tmp_path: Path) -> None:
    with studied(tmp_path) as study:
        play(study, 6)
    with studied(tmp_path) as study:
        assert play(study, 6) == []
        assert len(play(study, 8)) == 2


def test_two_at_once_share_the_trials_and_try_nothing_twice(tmp_path: Path) -> None:
    with studied(tmp_path) as one, studied(tmp_path) as other:
        begun = one.ask(6)
        assert begun is not None
        assert other.others() == 1
        found = play(other, 6)
        assert len(found) == 5
        assert (begun.proposal.chain, begun.proposal.backend) not in found
        one.tell(begun, judged(begun))
        assert one.ask(6) is None
        assert len(other.tried()) == 6
        assert other.others() == 0


def test_what_cannot_exist_is_no_trial(tmp_path: Path) -> None:
    with studied(tmp_path, refused="share") as study:
        found = play(study, 10)
        assert len(found) == 10
        assert not any("share" in chain for chain, _ in found)


def test_a_technique_that_does_nothing_for_the_model_is_not_proposed_again(tmp_path: Path) -> None:
    found = []
    with studied(tmp_path) as study:
        while (asked := study.ask(9)) is not None:
            if "share" in asked.proposal.chain:
                assert not study.barred
                study.forget(asked, {"share": "there is nothing to share"})
            else:
                study.tell(asked, judged(asked))
                found.append(asked.place)
    with studied(tmp_path) as study:
        assert study.barred == {"share": "there is nothing to share"}
        assert found == list(range(1, 10))
        assert not any("share" in one.proposal.chain for one in study.tried())


def test_who_refuses_is_told_what_failed_of_the_default_matrix(tmp_path: Path) -> None:
    told: list[Proposal] = []
    with studied(tmp_path) as study:
        study.refusal = lambda proposal, failed: (told.extend(failed), "")[1]
        asked = study.ask(3)
        assert asked is not None
        study.tell(asked, Outcome("failed", "latency unavailable"))
        play(study, 3)
    assert {*told} == {BASELINE}


def test_a_space_that_is_exhausted_ends_the_search(tmp_path: Path) -> None:
    small = replace(SPACE, models=(), codings=())
    with studied(tmp_path, space=small) as study:
        assert sorted(play(study, 50)) == [
            ("baseline", "litert"), ("fp16", "litert"), ("int8", "litert"), ("int8", "mcu")
        ]  # fmt: skip


def test_trials_that_end_early_fail_or_do_not_fit_are_told_and_not_tried_again(tmp_path: Path) -> None:
    outcomes = [
        Outcome("sketch", "too large", {"size": 9.0}, {"max-size": 0.5}),
        Outcome("failed", "refused: not supported by format"),
        Outcome("judged", "too wrong", {"size": 1.0, "accuracy": 0.1}, {"min-accuracy": 0.8}, (1.0,)),
    ]
    with studied(tmp_path) as study:
        for outcome in outcomes:
            asked = study.ask(4)
            assert asked is not None
            assert asked.best is None
            study.tell(asked, outcome)
        last = study.ask(4)
        assert last is not None
        study.tell(last, judged(last))
        assert study.ask(4) is None
        later = study.ask(5)
        assert later is not None
        assert later.best == judged(last).values[0]
        study.tell(later, judged(later))
    with studied(tmp_path) as study:
        assert [one.outcome for one in study.tried()][:3] == outcomes
        assert [one.outcome.fits for one in study.tried()] == [False, False, False, True, True]


def test_a_line_that_a_kill_has_cut_short_is_taken_away(tmp_path: Path) -> None:
    with studied(tmp_path) as study:
        play(study, 3)
    with (tmp_path / JOURNAL).open("a", encoding="utf-8") as stream:
        stream.write('{"op_code": 5, "wor')
    with studied(tmp_path) as study:
        assert next(one.proposal for one in study.tried()) == BASELINE
        assert len(play(study, 4)) == 1
