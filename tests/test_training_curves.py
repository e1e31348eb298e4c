"""Training curves: what a record keeps of them, and what is drawn and told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from decided_runs import cell, run
from hypothesis import given, settings
from hypothesis import strategies as st
from paged_runs import PRUNING, TRAINING, shown

from tradeoff import History
from tradeoff.inspecting import verified
from tradeoff.record import Run
from tradeoff.reports.page.renderer import Page
from tradeoff.reports.pictures.trainings import training_curves
from tradeoff.reports.tables.trainings import training_tables, trainings_of
from tradeoff.training.curves import MOST_CURVES, MOST_EPOCHS, curves_of


def history(epochs: int, **more: Any) -> History:
    numbers = tuple(float(epoch) for epoch in range(1, epochs + 1))
    told = {"losses": numbers, "validation_losses": numbers, "rates": numbers}
    return History(epochs, 1.0, 0.1, numbers, **{**told, **more})


def curves(*histories: History) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = curves_of(histories)["curves"]
    return found


# --- what a record keeps ----------------------------------------------------------------------------


def test_a_short_training_is_told_epoch_by_epoch() -> None:
    (told,) = curves(history(3, best=2, before=(0.5, 9.0)))
    assert told == {
        "name": "",
        "epochs": 3,
        "after": 0,
        "best": 2,
        "epoch": [0, 1, 2, 3],
        "metric": [0.5, 1.0, 2.0, 3.0],
        "validation_loss": [9.0, 1.0, 2.0, 3.0],
        "loss": [None, 1.0, 2.0, 3.0],
        "rate": [None, 1.0, 2.0, 3.0],
    }


def test_what_was_not_judged_before_begins_with_the_first_epoch() -> None:
    (told,) = curves(history(2))
    assert told["epoch"] == [1, 2]
    assert told["metric"] == [1.0, 2.0]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3000), st.integers(1, 12), st.booleans(), st.data())
def test_a_record_has_few_numbers_however_long_trainings_are(
    epochs: int, trainings: int, judged: bool, draw: st.DataObject
) -> None:
    best = draw.draw(st.integers(1, epochs))
    one = history(epochs, best=best, before=(0.5, 9.0) if judged else None)
    told = curves_of([one] * trainings)
    assert len(told["curves"]) == min(trainings, MOST_CURVES)
    assert len(told["curves"]) + told["curves_untold"] == trainings
    assert sum(len(curve["epoch"]) for curve in told["curves"]) <= MOST_EPOCHS
    for curve in told["curves"]:
        assert {0 if judged else 1, best, epochs} <= set(curve["epoch"])
        assert curve["epoch"] == sorted(set(curve["epoch"]))
        assert all(len(curve[name]) == len(curve["epoch"]) for name in ("metric", "validation_loss", "loss", "rate"))
        assert dict(zip(curve["epoch"], curve["metric"], strict=True))[best] == best
    assert len(json.dumps(told)) < 8_000


def test_what_is_no_number_is_null_and_what_nobody_knows_is_left_out() -> None:
    (told,) = curves(History(2, 1.0, 0.1, (float("nan"), 0.123456789)))
    assert told["metric"] == [None, 0.12346]
    assert not {"loss", "validation_loss", "rate"} & told.keys()


def test_trainings_of_several_things_are_told_apart_and_what_goes_on_is_one() -> None:
    several = [history(1, name="student"), history(1, name="alone"), history(1), history(1)]
    assert [one["name"] for one in curves(*several)] == ["student", "alone", "", "2"]
    assert [one["name"] for one in curves(history(2), history(2, after=2))] == ["", ""]
    assert curves(history(0)) == []


def test_a_variant_of_an_older_release_has_no_curves_and_is_verified_all_the_same() -> None:
    assert "curves" not in verified("prune:0.5", {}, {"epochs": 3})
    assert verified("prune:0.5", {}, {"curves": [], "curves_untold": 0})["curves"] == []


# --- what is told of it -----------------------------------------------------------------------------


def test_each_training_is_told_once_however_many_cells_rest_on_it() -> None:
    found = trainings_of([shown()])
    assert [(one.model, one.label) for one in found] == [
        (model, label)
        for model in ("dense", "cnn")
        for label in ("baseline", "prune:0.5 student", "prune:0.5 student without teacher")
    ]


def test_the_table_tells_the_chosen_epoch() -> None:
    (table,) = training_tables([shown()])
    texts = [[cell.text for cell in row] for row in table.rows[:2]]
    assert texts == [
        ["dense", "baseline", "4", "70.00 %", "97.50 %", "4", "97.50 %", "0.100"],
        ["dense", "prune:0.5 student", "2", "90.00 %", "97.00 %", "2", "97.00 %", "0.150"],
    ]


def test_a_student_stands_beside_the_same_without_its_teacher_and_the_baseline() -> None:
    accuracy, loss = list(training_curves([shown()]))[:2]
    assert not isinstance(accuracy, str)
    assert not isinstance(loss, str)
    lines = list(dict.fromkeys(point["line"] for point in accuracy.values))
    assert lines == ["baseline", "prune:0.5 student", "prune:0.5 student without teacher"]
    assert [(point["at"], point["value"]) for point in accuracy.values if point.get("chosen")] == [(2, 0.97), (2, 0.96)]
    own = [point["value"] for point in loss.values if point["of"] == "training"]
    assert own == TRAINING["curves"][0]["loss"]
    assert "Dashed" in loss.caption
    assert "Dashed" not in accuracy.caption


def test_what_goes_on_is_drawn_behind_what_it_goes_on_with() -> None:
    parts = curves(history(3), history(2, after=3))
    (first, _) = training_curves([run(cell("m/baseline", {"accuracy": 0.9}, training={"curves": parts}))])
    assert not isinstance(first, str)
    assert [point["at"] for point in first.values] == [1, 2, 3, 4, 5]


def test_a_long_training_says_that_not_every_epoch_is_told() -> None:
    long = curves(history(1000))
    (first, _) = training_curves([run(cell("m/baseline", {"accuracy": 0.9}, training={"curves": long}))])
    assert not isinstance(first, str)
    assert "not every epoch is told" in first.caption


def test_more_lines_than_can_be_told_apart_are_counted() -> None:
    steps = [{**PRUNING, "step": f"prune:0.{n}"} for n in range(1, 7)]
    records = [
        cell(f"m/prune:0.{n}", {"accuracy": 0.9}, training=TRAINING, verified=[step]) for n, step in enumerate(steps, 1)
    ]
    (first, _) = training_curves([run(*records)])
    assert not isinstance(first, str)
    assert len({point["line"] for point in first.values}) == 8
    assert "5 more lines are left out" in first.caption


@pytest.mark.parametrize(
    "training",
    [
        None,
        {"epochs": 3, "seconds": 1.0},
        {"curves": "none"},
        {"curves": [7, {"epoch": "1"}, {"epoch": [True]}, {"epoch": [-1]}, {"epoch": []}]},
        {"curves": [{"epoch": [1, 2], "metric": [1.0]}]},
        {"curves": [{"epoch": [1], "metric": ["x"], "loss": [{}], "best": "1", "after": None, "name": None}]},
    ],
)
def test_a_record_without_curves_or_with_others_is_no_error(training: Any) -> None:
    found = run(cell("m/baseline", {"accuracy": 0.9, "latency": 1e-3}, training=training, verified=[training, 3]))
    (told,) = training_curves([found])
    assert isinstance(told, str)
    assert told.startswith("training curves: no record tells a training epoch by epoch")
    assert "<!doctype html>" in Page().render([found], 80, False)


def test_the_page_has_the_numbers_as_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    text = Page().render([shown()], 80, False)
    assert "By model and technique" in text
    assert "student without teacher" in text
    assert "Sensitivity · dense · prune:0.5" in text


def test_no_run_has_no_training() -> None:
    assert trainings_of([Run("r", "2026-01-01")]) == []
    assert training_tables([]) == []
