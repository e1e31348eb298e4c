"""The page of a run of 1,000 cells: how large it is, how long it takes to make, and when a reader can use it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from figures import Note
from many_rows import record

from tradeoff.record import Run
from tradeoff.reports.page.renderer import Page

CELLS: Final = 1_000
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: From the beginning of loading: the page's own code has run, and keys and clicks are answered.
_READY: Final = """() => {
    const { domContentLoadedEventEnd: ready } = performance.getEntriesByType("navigation")[0];
    return ready / 1000;
}"""


def run() -> Run:
    """Ten models of one task, each with ten techniques on ten backends."""
    records = (record(number) for number in range(CELLS))
    told = tuple(replace(one, facts={**one.facts, "task": "digits", "test_samples": 1000}) for one in records)
    return Run("large", "2026-01-02T09:30:00+00:00", machine={"node": "here", "cores": 2}, records=told)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page; what the library is put together from is in the cache afterwards."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(Page().render([run()], 80, False), encoding="utf-8")
    return path


@pytest.mark.benchmark(group="page of 1,000 cells")
def test_making(file: Path, compare: Callable[..., list[float]], figure: Note) -> None:
    large = run()
    (took,) = compare(lambda: Page().render([large], 80, False))
    figure("page of 1,000 cells", took, 1.0)
    figure("size of that page", file.stat().st_size, 5e6, "B")


@pytest.mark.benchmark(group="page of 1,000 cells")
def test_using(file: Path, compare: Callable[..., list[float]], figure: Note) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs Chromium on PATH ({', '.join(BROWSERS)}), such as by apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(120_000)
        waited: list[float] = []

        def open_it() -> None:
            tab.goto(file.as_uri(), wait_until="domcontentloaded")
            waited.append(tab.evaluate(_READY))

        compare(open_it, rounds=5)
        figure("until that page can be used", sorted(waited)[len(waited) // 2], 1.0)
        tab.wait_for_selector("html[data-drawn]")
        sort = """() => {
            const start = performance.now();
            document.querySelector("#table-1 thead button").click();
            document.body.offsetHeight;
            return (performance.now() - start) / 1000;
        }"""
        figure("sorting a table of it", tab.evaluate(sort), 0.1)
        browser.close()
