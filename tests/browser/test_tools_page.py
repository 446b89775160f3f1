"""What the page sides of all widgets share, on a page with nothing else."""

from __future__ import annotations

import pytest

from vdsr_lib.widgets.pictured import page_source

pytestmark = pytest.mark.browser

PAGE = "<div id=root><button id=on>on</button><button id=rests>rests</button></div>"
VIEW = """() => {
  window.heard = [];
  const root = document.querySelector("#root");
  const hear = ({ type, target }) => heard.push(`${type} ${target.id}`);
  for (const node of root.children) node.addEventListener("click", hear);
  document.body.addEventListener("keydown", hear);
  window.view = {
    root,
    listen: (node, type, handler, options) =>
      node.addEventListener(type, handler, options),
  };
  rest(document.querySelector("#rests"), true);
}"""


@pytest.fixture
def page(visit):
    page = visit().page
    page.set_content(PAGE)
    page.add_script_tag(content=page_source("tools.js"))
    page.evaluate(VIEW)
    return page


def heard_after(page, function: str) -> list[str]:
    """Let a function have the view; press both buttons, then a key on the first."""
    page.evaluate(f"{function}(view)")
    for name in ("rests", "on"):
        page.locator(f"#{name}").dispatch_event("click")
    page.locator("#on").press("d")
    return page.evaluate("heard")


def test_keys_are_kept_and_clicks_are_not(page):
    assert heard_after(page, "keepKeys") == ["click rests", "click on"]


def test_buttons_that_rest_are_mute_and_keys_go_on(page):
    assert heard_after(page, "muteResting") == ["click on", "keydown on"]
