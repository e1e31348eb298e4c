"""The page as a person meets it, in a real browser without a network: drawn, sorted, filtered, switched, saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from paged_runs import shown

from tradeoff.reports.page.renderer import Page

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, or the one that playwright has been told to fetch; playwright alone brings none."""
    pytest.importorskip("vl_convert", reason="needs vl-convert-python: pip install 'tradeoff[html]'")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = next(filter(None, map(shutil.which, (*BROWSERS, own))), None)
        if found is None:
            pytest.skip(
                f"needs Chromium: on PATH as {', '.join(BROWSERS)}, such as by apt-get install chromium, or fetched by "
                "python -m playwright install chromium"
            )
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Opened:
    """A page in a tab, with everything that it asked for and complained of."""

    tab: Tab
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def column(self, table: str, place: int) -> list[str]:
        """What the rows in sight have in one column."""
        rows = self.tab.locator(f"#{table} tbody tr:visible > :nth-child({place})")
        return [text.strip() for text in rows.all_inner_texts()]

    def said(self) -> str:
        """The last that a screen reader was told."""
        return self.tab.locator("#said").text_content() or ""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(Page().render([shown()], 80, False), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The page with all of its pictures drawn; what was wrong with it is told at the end."""
    options: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(offline=True, **options)
    found = Opened(context.new_page())
    found.tab.set_default_timeout(60_000)
    found.tab.on("request", lambda one: found.requests.append(one.url))
    found.tab.on("console", lambda one: found.complaints.append(one.text))
    found.tab.on("pageerror", lambda one: found.complaints.append(str(one)))
    found.tab.goto(file.as_uri())
    found.tab.wait_for_selector("html[data-drawn]")
    yield found
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("blob:", "data:"))] == [file.as_uri()]
    context.close()


PHONE: Final = {"viewport": {"width": 390, "height": 844}}
DARK: Final = {"color_scheme": "dark"}


def test_every_picture_in_sight_is_drawn(opened: Opened) -> None:
    frames = opened.tab.locator(".picture:visible")
    assert frames.count() >= 8
    assert opened.tab.locator(".picture:visible svg").count() == frames.count()
    front = opened.tab.locator(".picture").filter(has_text="Accuracy against latency").first
    assert front.locator("svg .mark-symbol.role-mark path").count() >= 20


@pytest.mark.parametrize("opened", [PHONE], indirect=True)
def test_on_a_phone_nothing_is_wider_than_the_screen_but_what_can_be_moved(opened: Opened) -> None:
    wide = """() => [...document.querySelectorAll("body *")].filter((one) =>
        !one.closest(".scroll, nav, .hidden, .skip, svg") && one.getBoundingClientRect().right > innerWidth + 1
    ).map((one) => one.outerHTML.slice(0, 80))"""
    assert opened.tab.evaluate(wide) == []
    assert opened.tab.evaluate("document.documentElement.scrollWidth") == 390
    assert opened.tab.locator("#table-1 tbody th small").first.is_visible()


def test_a_click_on_a_header_sorts_and_a_second_one_turns_it_round(opened: Opened) -> None:
    size = opened.tab.locator("#table-1 thead button", has_text="size")
    place = 1 + opened.tab.locator("#table-1 thead th").all_inner_texts().index("size")
    size.click()
    first = opened.column("table-1", place)
    assert first == sorted(first, key=lambda text: float(text.split()[0]))
    assert opened.said() == "sorted by size, ascending"
    size.click()
    assert opened.column("table-1", place) == first[::-1]
    assert opened.tab.locator("#table-1 th[aria-sort=descending]").inner_text().startswith("size")


def test_a_keyboard_is_enough_to_sort_to_search_and_to_come_back(opened: Opened) -> None:
    opened.tab.locator("#table-1 thead button", has_text="technique").focus()
    opened.tab.keyboard.press("Enter")
    assert [text.split()[0] for text in opened.column("table-1", 1)] == sorted(
        text.split()[0] for text in opened.column("table-1", 1)
    )
    opened.tab.keyboard.press("/")
    opened.tab.keyboard.type("int8 litert -prune")
    opened.tab.wait_for_function("document.querySelector('#said').textContent.includes('rows')")
    assert [text.split()[0] for text in opened.column("table-1", 1)] == ["int8"]
    opened.tab.keyboard.press("Escape")
    assert len(opened.column("table-1", 1)) == 10


def test_what_has_no_number_stands_last_whichever_way_the_others_go(opened: Opened) -> None:
    table = opened.tab.locator("section.table").filter(has_text="rp2040@tflm · b1").first
    name = table.get_attribute("id") or ""
    opened.tab.evaluate(f"""() => {{
        const field = document.querySelector("#{name} tbody tr > td.r");
        field.removeAttribute("data-v"); field.textContent = "—"; }}""")
    place = opened.tab.evaluate(f"""() => {{
        const field = [...document.querySelectorAll("#{name} td.r")].find((one) => one.textContent === "—");
        return [...field.parentNode.children].indexOf(field) + 1; }}""")
    head = opened.tab.locator(f"#{name} thead th:nth-child({place}) button")
    for _ in range(2):
        head.click()
        assert opened.column(name, place)[-1] == "—"


def test_a_filter_reaches_the_pictures_and_tells_when_nothing_is_left(opened: Opened) -> None:
    points = (
        opened.tab.locator(".picture")
        .filter(has_text="Accuracy against size")
        .first.locator("svg .mark-symbol.role-mark path")
    )
    before = points.count()
    opened.tab.locator("#find").fill("cnn int8")
    opened.tab.wait_for_function("document.querySelector('#said').textContent.includes('rows')")
    opened.tab.wait_for_function(
        f"document.querySelectorAll('.picture svg .mark-symbol.role-mark path').length < {before * 4}"
    )
    assert 0 < points.count() < before
    assert 100 < (opened.tab.locator(".picture svg.marks").first.bounding_box() or {})["height"] < 1000
    opened.tab.locator("#find").fill("no such cell")
    nothing = opened.tab.locator(".nothing")
    nothing.wait_for(state="visible")
    assert "Escape" in nothing.inner_text()


def test_the_switch_goes_through_the_colours_and_pictures_follow(opened: Opened) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    label = "document.querySelector('.picture svg .role-axis-label text').getAttribute('fill')"
    light = (opened.tab.evaluate(ground), opened.tab.evaluate(label))
    switch = opened.tab.locator("#theme")
    for _ in range(2):
        opened.tab.evaluate("delete document.documentElement.dataset.drawn")
        switch.click()
        opened.tab.wait_for_selector("html[data-drawn]")
    assert switch.get_attribute("aria-label") == "Colours: dark"
    dark = (opened.tab.evaluate(ground), opened.tab.evaluate(label))
    assert dark[0] != light[0]
    assert dark[1] != light[1]


@pytest.mark.parametrize("opened", [DARK], indirect=True)
def test_who_likes_it_dark_gets_it_dark(opened: Opened) -> None:
    assert opened.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 27, 33)"
    assert opened.tab.locator(".drawing.drawn-dark").count() > 0


def test_another_group_is_chosen_and_drawn(opened: Opened) -> None:
    opened.tab.locator("#scene").select_option(label="digits · rp2040@tflm · b1")
    opened.tab.wait_for_function(
        "[...document.querySelectorAll('.picture:not([hidden])')].every(one => one.querySelector('svg'))"
    )
    titles = opened.tab.locator(".picture:visible h3").all_inner_texts()
    assert "Accuracy against latency (modelled)" in titles
    assert opened.said() == "pictures of digits · rp2040@tflm · b1"


def test_a_picture_fits_after_the_window_changed_while_it_was_hidden(opened: Opened) -> None:
    widths = (
        "[...document.querySelectorAll('.picture:not([hidden]) svg.marks')].map((one) => one.getBoundingClientRect())"
    )
    before = [box["width"] for box in opened.tab.evaluate(widths)]
    chosen = opened.tab.locator("#scene")
    chosen.select_option(index=1)
    opened.tab.set_viewport_size({"width": 700, "height": 900})
    opened.tab.evaluate("delete document.documentElement.dataset.drawn")
    chosen.select_option(index=0)
    opened.tab.wait_for_selector("html[data-drawn]")
    after = opened.tab.evaluate(widths)
    assert len(after) == len(before)
    assert all(200 < box["width"] < 700 and 60 < box["height"] < 1500 for box in after)


def test_a_point_tells_its_cell(opened: Opened) -> None:
    front = opened.tab.locator(".picture").filter(has_text="Accuracy against latency").first
    front.scroll_into_view_if_needed()
    front.locator("svg .mark-symbol.role-mark path[fill]").last.hover(force=True)
    told = opened.tab.locator("#vg-tooltip-element.visible")
    told.wait_for()
    assert "host-cpu/b1" in told.inner_text()
    assert "undefined" not in told.inner_text()


@pytest.mark.parametrize("opened", [PHONE, DARK], indirect=True)
def test_trainings_and_sensitivities_are_drawn_on_a_phone_and_in_the_dark(opened: Opened) -> None:
    curves = opened.tab.locator(".picture").filter(has_text="Accuracy over epochs of dense")
    assert curves.locator("svg .mark-line.role-mark path").count() == 3
    assert curves.locator("svg .mark-symbol.role-mark path").count() == 10 + 2
    heat = opened.tab.locator(".picture").filter(has_text="Sensitivity of dense to bits of weights")
    fields = heat.locator("svg .mark-rect.role-mark path")
    colours = {fields.nth(place).get_attribute("fill") for place in range(fields.count())}
    assert fields.count() == 4
    assert len(colours) >= 3
    assert heat.locator("svg .mark-text.role-mark text").all_text_contents() == ["+0.0001", "+0.021", "-0.002", "+0.3"]
    for box in (curves.locator("svg").bounding_box(), heat.locator("svg").bounding_box()):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= opened.tab.evaluate("innerWidth")


def test_a_picture_is_saved_from_the_page(opened: Opened, tmp_path: Path) -> None:
    with opened.tab.expect_download() as waiting:
        opened.tab.locator(".picture:visible .save button", has_text="SVG").first.click()
    waiting.value.save_as(tmp_path / "saved.svg")
    assert (tmp_path / "saved.svg").read_text(encoding="utf-8").startswith("<svg")


def test_all_columns_are_shown_when_asked_for(opened: Opened) -> None:
    heads = opened.tab.locator("#table-1 thead th:visible")
    few = heads.count()
    button = opened.tab.locator("#columns")
    if button.is_visible():
        button.click()
        assert heads.count() > few
        assert button.get_attribute("aria-pressed") == "true"


def test_a_screen_reader_is_told_what_is_what(opened: Opened) -> None:
    tree = opened.tab.locator("body").aria_snapshot()
    assert 'searchbox "Filter rows and pictures"' in tree
    assert 'img "Accuracy against latency"' in tree
    assert 'region "dense · host-cpu · b1' in tree
    assert 'columnheader "latency"' in tree
    assert 'rowheader "prune:0.8+int8"' in tree


def test_printed_it_has_every_row_and_no_tools(opened: Opened) -> None:
    opened.tab.emulate_media(media="print", color_scheme="dark")
    assert not opened.tab.locator(".tools").is_visible()
    assert opened.tab.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowY") == "visible"
    assert opened.tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
