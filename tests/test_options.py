"""Options: the command line before the table, the table before the defaults, every mistake named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.options import OPTIONS, Option, Settings, read_table, resolve_settings


def settings(folder: Path, toml: str = "", given: Mapping[str, Any] | None = None) -> Settings:
    (folder / "pyproject.toml").write_text(toml)
    chosen = given or {}

    def on_command_line(option: Option) -> Any:
        return chosen.get(option.name)

    return resolve_settings(on_command_line, folder, read_table(folder))


def test_every_option_can_stand_in_the_table(tmp_path: Path) -> None:
    lines = []
    for option in OPTIONS:
        value = "true" if not option.metavar else '["a", "b"]' if option.many else '"7"'
        lines.append(f"{option.name} = {value}")
    found = settings(tmp_path, "[tool.tradeoff]\n" + "\n".join(lines))
    assert found.values.keys() == {option.name for option in OPTIONS}


def test_the_command_line_wins_over_the_table(tmp_path: Path) -> None:
    found = settings(tmp_path, '[tool.tradeoff]\nmodels = ["dense"]\n', {"models": "cnn, ds_cnn"})
    assert found.words("models") == ("cnn", "ds_cnn")


def test_a_path_in_the_table_is_relative_to_its_file(tmp_path: Path) -> None:
    found = settings(tmp_path, '[tool.tradeoff]\nstore = "kept"\nmodel = "a.keras"\n')
    assert found.text("store") == str(tmp_path / "kept")
    assert found.words("model") == (str(tmp_path / "a.keras"),)


def test_a_preset_of_the_user_fills_the_rest_from_quick(tmp_path: Path) -> None:
    found = settings(tmp_path, '[tool.tradeoff]\npreset = "mine"\n[tool.tradeoff.presets.mine]\nmodels = ["cnn"]\n')
    assert found.preset()["models"] == ("cnn",)
    assert found.preset()["techniques"] == ("baseline", "fp16", "dynamic", "int8")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[tool.tradeoff]\nmodles = ['cnn']", "did you mean 'models'?"),
        ("[tool.tradeoff]\nmodels = 3", "models = 3: expected a list of strings"),
        ("[tool.tradeoff]\nrebuild = 'yes'", "rebuild = 'yes': expected true or false"),
        ("[tool.tradeoff]\npreset = ['a']", "preset = ['a']: expected a string"),
        ("[tool.tradeoff.presets.mine]\ntechnique = ['a']", "did you mean 'techniques'?"),
        ("[tool.tradeoff.presets]\nmine = 3", "presets.mine] is not a table"),
        ("[tool.tradeoff]\npresets = 3", "presets] is not a table of tables"),
        ("[tool]\ntradeoff = 3", "[tool.tradeoff] is not a table"),
        ("[tool.tradeoff", "pyproject.toml"),
    ],
)
def test_a_mistake_in_the_table_is_named_with_its_file(tmp_path: Path, toml: str, told: str) -> None:
    with pytest.raises(TradeoffError) as caught:
        settings(tmp_path, toml)
    assert told in str(caught.value)
    assert "pyproject.toml" in str(caught.value)


def test_an_unknown_preset_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TradeoffError, match="unknown preset 'quik'; did you mean 'quick'"):
        settings(tmp_path, given={"preset": "quik"}).preset()


@pytest.mark.parametrize("text", ["many", "-1", "nan", "1e99", "1.5", "4294967296"])
def test_a_seed_that_is_no_whole_number_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="--tradeoff-seed="):
        assert settings(tmp_path, given={"seed": text}).seed


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_no_request_could_keep_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="--tradeoff-timeout="):
        assert settings(tmp_path, given={"timeout": text}).timeout


def test_seed_and_timeout_have_defaults(tmp_path: Path) -> None:
    assert (settings(tmp_path).seed, settings(tmp_path).timeout) == (0, 3600.0)
    assert settings(tmp_path, given={"seed": "7", "timeout": "0.5"}).timeout == 0.5


def test_the_store_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOFF_STORE", str(tmp_path / "shared"))
    table = '[tool.tradeoff]\nstore = "kept"\n'
    assert settings(tmp_path, table).text("store") == str(tmp_path / "shared")
    assert settings(tmp_path, table, {"store": "mine"}).text("store") == str(tmp_path / "mine")


def test_an_empty_list_is_not_taken_for_none(tmp_path: Path) -> None:
    assert settings(tmp_path, given={"models": ""}).words("models") == ()


def test_no_pyproject_means_no_table(tmp_path: Path) -> None:
    assert resolve_settings(lambda option: None, tmp_path, read_table(tmp_path)).values == {}
