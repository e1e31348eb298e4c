"""The page as a text: what stands in it, and what no name can do to it."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cascaded_runs import three
from decided_runs import cell, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paged_runs import shown

from tradeoff.cli import main
from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Outcome
from tradeoff.decide.recommending import recommend
from tradeoff.decide.wishes import Roles, Wish, parse_goal
from tradeoff.record import Run, run_to_json
from tradeoff.reports.narrative.view import VIEW as NARRATIVE
from tradeoff.reports.page.renderer import Page, as_json
from tradeoff.reports.pictures import drawing

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" ' & \u2028 =1+1 {{x}} <!--"
VOID = {"meta", "input", "wbr", "link", "br", "img"}
#: Their end is implied by what follows.
OPEN = {"th", "td", "tr", "li"}


class Outline(HTMLParser):
    """Elements with their attributes, the text outside of scripts, and whether everything is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.wrong: list[str] = []
        self._within: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self._within

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID | OPEN:
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in OPEN:
            return
        if not self._within or self._within.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if not self._within or self._within[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


def page(*runs: Run) -> str:
    return Page().render(runs, 80, False)


def data_of(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    loaded: dict[str, Any] = json.loads(found)
    return loaded


@pytest.fixture(scope="module")
def text() -> str:
    return page(shown())


def test_everything_that_is_opened_is_closed(text: str) -> None:
    assert Outline(text).wrong == []


def test_every_name_that_is_referred_to_is_there_once(text: str) -> None:
    outline = Outline(text)
    names = Counter(outline.having("id"))
    assert [name for name, count in names.items() if count > 1] == []
    links = [link.removeprefix("#") for link in outline.having("href")]
    told = [
        name
        for key in ("aria-labelledby", "aria-describedby")
        for value in outline.having(key)
        for name in value.split()
    ]
    assert links
    assert set(links + told) <= names.keys()


def test_nothing_is_asked_of_anybody_else(text: str) -> None:
    outline = Outline(text)
    assert outline.having("src") == []
    assert all(link.startswith("#") for link in outline.having("href"))
    (policy,) = [a["content"] for _, a in outline.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "url(" not in text.partition("<style>")[2].partition("</style>")[0]


def test_a_reader_gets_the_tables_without_any_script(text: str) -> None:
    said = Outline(text).said
    for word in (
        "dense · host-cpu · b1",
        "prune:0.8+int8",
        "4.00 µs",
        "98.00 %",
        "~1.20 ms",
        "not supported by format",
    ):
        assert word in said


def test_a_row_is_named_by_its_first_field_and_a_number_has_what_it_is_sorted_by(text: str) -> None:
    (row,) = re.findall(r"<tr><th scope=row[^>]*>prune:0.8\+int8<small>onnxruntime</small>.*\n", text)[:1]
    assert "data-v=2e-06" in row or "data-v=2.0000000000000003e-06" in row
    assert "data-v=40000.0" in row


def test_the_first_look_tells_what_is_the_best(text: str) -> None:
    tiles = re.findall(r"<dt>(.*?)</dt><dd><b>(.*?)</b><span>(.*?)</span><small>(.*?)</small>", text)
    found = {name: (value, cell_.replace("<wbr>", ""), told) for name, value, cell_, told in tiles[:5]}
    assert found["Fastest"] == ("800 ns", "cnn/prune:0.8+int8/litert", "5.00x faster than its baseline")
    assert found["Most accurate"] == ("99.00 %", "cnn/baseline/litert", "the baseline")
    assert list(found) == ["Most accurate", "Fastest", "Smallest", "Least memory", "Least energy"]


def test_data_stand_in_the_page_once(text: str) -> None:
    data = data_of(text)
    spellings = [point["cell"] for point in data["cells"]]
    assert len(spellings) == len(set(spellings)) == 23
    assert all("data" not in picture["spec"] for picture in data["pictures"])
    assert Outline(text).having("data-picture") == [str(place) for place in range(len(data["pictures"]))]


def test_without_the_library_the_tables_come_and_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    text = page(shown())
    assert "Pictures need vl-convert-python: <code>pip install &#x27;tradeoff[html]&#x27;</code>" in text
    assert "prune:0.8+int8" in Outline(text).said
    assert 'class="drawing"' not in text
    assert len(text) < 150_000


def test_a_page_without_runs_says_so() -> None:
    outline = Outline(page())
    assert "There is no run to report on." in outline.said
    assert outline.wrong == []


@pytest.mark.parametrize("place", range(4))
def test_no_name_can_do_anything(place: int) -> None:
    name = re.sub("/", "|", EVIL)
    axes = ["dense", "int8", "litert", "host-cpu", "b1"]
    axes[place] = name
    others = [
        cell(f"dense/{chain}", {"latency": 1e-3, "accuracy": 0.9, "artifact_bytes": 9.0}) for chain in ("baseline", "x")
    ]
    evil = cell("/".join(axes), {"latency": 2e-3, "accuracy": 0.95, "artifact_bytes": 5.0}, EVIL, task=EVIL)
    text = page(run(evil, *others, name=EVIL, node=EVIL))
    outline, usual = Outline(text), Outline(page(run(*others)))
    assert outline.wrong == []
    assert {tag for tag, _ in outline.elements} <= {tag for tag, _ in usual.elements} | {
        "select",
        "option",
        "details",
        "summary",
    }
    assert "onerror" not in {key for _, attributes in outline.elements for key in attributes}
    assert "alert(1)" in outline.said


#: On a machine that does much else, texts take a while to be thought of.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_within_a_script_ends_it_nowhere_and_stays_what_it_is(value: Any) -> None:
    text = as_json({"x": value})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"x": value}


def test_a_script_that_speaks_of_scripts_stays_one() -> None:
    assert drawing.harmless("a='</script><!--'") == "a='<\\/script><\\!--'"


def test_the_library_is_put_together_once_and_again_when_it_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawing.script()
    if whole is None:
        pytest.skip("needs vl-convert-python: pip install 'tradeoff[html]'")
    monkeypatch.setattr(drawing, "_cache", lambda: tmp_path / "new")
    assert drawing.script() == whole
    (kept,) = (tmp_path / "new").iterdir()
    assert kept.read_text(encoding="utf-8") == whole
    kept.write_text(whole[:1000], encoding="utf-8")
    assert drawing.script() == whole
    assert kept.read_text(encoding="utf-8") == whole


# --- other reports, and the command -----------------------------------------------------------------


def test_comparisons_and_recommendations_are_pages_too() -> None:
    compared = Outline(Page().render_comparison(Outcome(compare(run(), shown())), 80, False))
    found = recommend([shown()], Wish(parse_goal("latency")))
    advised = Outline(Page().render_recommendation(found, 80, False))
    assert (compared.wrong, advised.wrong) == ([], [])
    assert "ship" in advised.said
    assert advised.having("data-picture") == []


def test_the_page_of_a_recommendation_draws_its_cascades() -> None:
    found = recommend([three()], Wish(parse_goal("accuracy>latency"), cascade=Roles()))
    advised = Outline(Page().render_recommendation(found, 80, False))
    assert advised.wrong == []
    assert "a cascade: cnn/int8/litert answers" in advised.said
    if drawing.library() is not None:
        assert len(advised.having("data-picture")) == 6


def test_a_view_is_a_page_in_which_sentences_lead_to_their_rows() -> None:
    text = Page().render_view(NARRATIVE, [shown()], 80, False)
    assert Outline(text).wrong == []
    (first, *_) = re.findall(r'<a href="#(row-\d+)">', text)
    assert f'id="{first}"' in text


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"tradeoff": run_to_json(shown())}), encoding="utf-8")
    return path


def test_the_command_writes_a_page(saved: Path, tmp_path: Path) -> None:
    assert main(["report", str(saved), "--format", "html", "--output", str(tmp_path / "page.html")]) == 0
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert written.startswith('<!doctype html>\n<html lang="en"')
    assert "<h1>quick</h1>" in written
