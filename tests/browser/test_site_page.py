"""The site in a real browser, opened as files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vdsr_lib.suite.site import Site

from .audits import problems
from .own_pages import Own
from .visits import Visit

pytestmark = [
    *(pytest.mark.browser, pytest.mark.slow),
    pytest.mark.filterwarnings("ignore:.* is deprecated"),  # within Sphinx
]
LESSON = "notebooks/01_what_super_resolution_asks.html"
PAGES = {
    "index.html": "h1",
    LESSON: ".vdsr-compare",
    "own_picture.html": ".vdsr-own:not([data-drawn=no])",
    "reference/training.html": "dl",
}
"""Of each page, what is there once all of it is."""


@pytest.fixture
def open_page(site: Site, visit: Callable[..., Visit]) -> Callable[..., Visit]:
    """Open a page of the site by its name."""
    folder = site.index.parent.as_uri()
    return lambda name, **options: visit(f"{folder}/{name}", **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparison_is_alive_and_stands_on_the_pages_ground(
    open_page: Callable[..., Visit], scheme: str
) -> None:
    page = open_page(LESSON, color_scheme=scheme).page
    page.wait_for_selector(f".vdsr-compare[data-theme={scheme}]")
    page.get_by_role("button", name="Difference").click()
    page.wait_for_selector(".vdsr-compare [aria-pressed=true] >> text=Difference")


def test_a_picture_is_enlarged_by_the_browser_itself(
    open_page: Callable[..., Visit],
) -> None:
    page = open_page("index.html", color_scheme="dark").page
    page.get_by_role("link", name="Enlarge a picture of your own").first.click()
    own = Own(page, "ready")
    page.wait_for_selector(".vdsr-own[data-theme=dark]")
    own.root.get_by_role("button", name="letters").click()
    own.facts("letters: 192 x 192 pixels")
    own.root.get_by_label("Model").select_option("srcnn-915-x2")
    own.until("working")  # so its weights came
    own.root.get_by_role("button", name="Cancel").click()
    own.until("ready")
    own.root.get_by_label("Model").select_option("bicubic")
    own.until("done")


def test_a_search_finds_lessons_and_the_library(
    open_page: Callable[..., Visit],
) -> None:
    page = open_page("search.html?q=psnr").page
    found = page.locator("ul.search a")
    found.first.wait_for()
    links = found.evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert any(link.startswith("reference/metrics.html") for link in links)
    assert any(link.startswith("notebooks/0") for link in links)


def test_pictures_are_not_dimmed_in_the_dark(open_page: Callable[..., Visit]) -> None:
    page = open_page("index.html", color_scheme="dark").page
    page.wait_for_selector("html[data-theme=dark]")
    picture = page.locator("article img").first
    assert picture.evaluate("node => getComputedStyle(node).filter") == "none"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_a_phone(
    open_page: Callable[..., Visit], name: str
) -> None:
    page = open_page(name, viewport={"width": 360, "height": 700}).page
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_but_in_the_theme(
    open_page: Callable[..., Visit], name: str, scheme: str
) -> None:
    page = open_page(name, color_scheme=scheme).page
    page.wait_for_selector(f"html[data-theme={scheme}]")
    page.wait_for_selector(f"article {PAGES[name]}")
    assert problems(page, within="article") == []


def test_each_button_of_the_head_shows_that_it_has_the_focus(
    open_page: Callable[..., Visit],
) -> None:
    page = open_page("index.html", viewport={"width": 640, "height": 512}).page
    rings = {}
    for _ in range(6):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate("focused()")
        rings[name.strip() or page.evaluate("document.activeElement.className")] = (
            outlined
        )
    assert "Toggle primary sidebar" in rings
    assert [name for name, outlined in rings.items() if not outlined] == []
