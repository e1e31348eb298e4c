"""Sensitivity maps: read from what techniques tell, as tables and as pictures that everybody can read."""

from __future__ import annotations

from typing import Any

import pytest
from decided_runs import cell, run
from paged_runs import shown

from tradeoff.record import Run
from tradeoff.reports.pictures.looks import Theme, config
from tradeoff.reports.pictures.sensitivity import heat_maps
from tradeoff.reports.pictures.specs import Picture
from tradeoff.reports.tables.sensitivity import rise_text, sensitivities_of, sensitivity_tables, setting_text


def told(sensitivity: Any, **more: Any) -> Run:
    steps = [{"step": "prune:0.5", "told": {}}, {"step": "some", "told": {"sensitivity": sensitivity, **more}}]
    return run(cell("m/prune:0.5+some", {"accuracy": 0.9}, verified=steps))


def drawn(found: Run) -> list[Picture]:
    return [one for one in heat_maps([found]) if isinstance(one, Picture)]


#: As `channels` tells it: losses, and that of the whole model.
CUT = {
    "whole": {"loss": 0.1, "accuracy": 0.97},
    "conv": {"0.25": {"loss": 0.11, "accuracy": 0.97}, "0.5": {"loss": 0.35, "accuracy": 0.9}},
    "dense": {"0.25": {"loss": 0.09, "accuracy": 0.97}, "0.5": {"loss": 0.1, "accuracy": 0.97}},
}


def test_losses_become_changes_to_the_whole_model() -> None:
    (found,) = sensitivities_of([told(CUT, sensitivity_over="share of channels cut")])
    assert (found.model, found.step, found.over) == ("m", "prune:0.5+some", "share of channels cut")
    assert found.settings == ("0.25", "0.5")
    assert {layer: [round(rise or 0, 5) for rise in rises] for layer, rises in found.rises.items()} == {
        "conv": [0.01, 0.25],
        "dense": [-0.01, 0.0],
    }


def test_layers_are_in_the_order_of_the_model_and_settings_from_the_mildest_on() -> None:
    # The store sorts names as the alphabet does.
    widths = {"conv": {"4": 0.2, "8": 0.1}, "dense_10": {"4": 0.4, "8": 0.3}, "dense_9": {"4": 0.6, "8": 0.5}}
    (found,) = sensitivities_of([told(widths, sensitivity_order=["dense_9", "gone", "conv"])])
    assert found.settings == ("8", "4")
    assert list(found.rises.items()) == [("dense_9", (0.5, 0.6)), ("conv", (0.1, 0.2)), ("dense_10", (0.3, 0.4))]
    (cut,) = sensitivities_of([told({"a": {"0.75": 3.0, "0.25": 1.0, "x": 2.0}}, sensitivity_order=7)])
    assert cut.settings == ("0.25", "0.75", "x")


def test_a_map_is_told_once_however_many_cells_rest_on_it() -> None:
    assert [one.model for one in sensitivities_of([shown(), shown()])] == ["dense", "cnn"]


def test_the_table_has_a_row_for_each_layer_and_signs() -> None:
    (table,) = sensitivity_tables([told(CUT)])
    assert [column.header for column in table.columns] == ["layer", "25 %", "50 %"]
    assert [[field.text for field in row] for row in table.rows] == [
        ["conv", "+0.01", "+0.25"],
        ["dense", "-0.01", "0"],
    ]


def test_a_field_has_its_number_and_chance_has_no_colour() -> None:
    (picture,) = drawn(told(CUT, sensitivity_over="share of channels cut"))
    assert picture.title == "Sensitivity of m to share of channels cut"
    fields = {(point["layer"], point["setting"]): (point["harm"], point["told"]) for point in picture.values}
    assert fields["dense", "25 %"] == (0.0, "-0.01")
    assert fields["conv", "50 %"] == (0.25, "+0.25")
    assert picture.spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == [0, 0.25]


def test_of_very_many_layers_those_that_suffer_most_are_drawn_in_the_order_of_the_model() -> None:
    (picture,) = drawn(told({f"layer{n}": {"4": n / 100} for n in range(40)}))
    layers = [point["layer"] for point in picture.values]
    assert layers == [f"layer{n}" for n in range(8, 40)]
    assert "8 layers that suffer less are left out" in picture.caption


@pytest.mark.parametrize(
    "sensitivity",
    [None, "x", {}, {"conv": 3}, {"conv": {"4": "x"}}, {"conv": {"4": {"accuracy": 1}}}, {"whole": {"loss": 1}}],
)
def test_what_is_told_in_another_shape_is_no_map(sensitivity: Any) -> None:
    (reason,) = heat_maps([told(sensitivity)])
    assert isinstance(reason, str)
    assert reason.startswith("sensitivity heat map: no technique measured layer by layer")
    assert sensitivity_tables([told(sensitivity)]) == []


def test_a_setting_that_some_layers_lack_leaves_a_gap() -> None:
    (table,) = sensitivity_tables([told({"a": {"8": 0.1, "4": 0.2}, "b": {"8": 0.3}})])
    assert [[field.text for field in row] for row in table.rows] == [["a", "+0.1", "+0.2"], ["b", "+0.3", "—"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-6, "0"),
        (-1e-9, "0"),
        (0.012345, "+0.0123"),
        (-0.5, "-0.5"),
        (123.456, "+123"),
        (0.00012, "+0.00012"),
    ],
)
def test_a_change_has_a_sign_and_three_digits(value: float, text: str) -> None:
    assert rise_text(value) == text


@pytest.mark.parametrize(("setting", "text"), [("8", "8"), ("0.25", "25 %"), ("1", "1"), ("wide", "wide")])
def test_a_share_is_told_as_one(setting: str, text: str) -> None:
    assert setting_text(setting) == text


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_can_be_read_on_every_colour_and_lightness_alone_tells_the_fields_apart(theme: Theme) -> None:
    look = config(theme)
    ink = luminance(look["style"]["name"]["color"])
    fields = [luminance(colour) for colour in look["range"]["heatmap"]]
    for field in fields:
        assert (max(ink, field) + 0.05) / (min(ink, field) + 0.05) >= 4.5
    assert fields == sorted(fields, reverse=theme == "light")
    assert (max(fields) + 0.05) / (min(fields) + 0.05) > 2
