"""An audit of a page's accessibility, by axe."""

from __future__ import annotations

from typing import Any

import pytest


def problems(page: Any, within: str | None = None) -> list[str]:
    """Return a line for each element that breaks a rule, within a selector if given."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="no axe: pip install axe-playwright-python",
    ).Axe()
    options = {"resultTypes": ["violations"], "preload": False}  # by XHR, of files
    found = axe.run(page, context=within, options=options).response["violations"]
    return [
        f"{rule['id']}: {each['html'][:200]}"
        for rule in found
        for each in rule["nodes"]
    ]


_SMALL = """least => {
  const missed = each => {
    each.scrollIntoView({ block: "center" });
    const box = each.getBoundingClientRect(), far = least / 2 - 0.5;
    if (Math.min(box.width, box.height) >= least) return false;
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    return [[-far, 0], [far, 0], [0, -far], [0, far]].some(([dx, dy]) => {
      const hit = document.elementFromPoint(x + dx, y + dy);
      return (hit?.closest("label")?.control ?? hit?.closest(KINDS)) !== each;
    });
  };
  const KINDS = "button, select, input, summary, [tabindex='0']";
  return [...document.querySelectorAll(KINDS)]
    .filter(each => !each.closest(".vd-unseen, [inert]") && each.checkVisibility())
    .filter(missed).map(each => each.outerHTML.slice(0, 200));
}"""


def small_controls(page: Any, least: float) -> list[str]:
    """Return the controls that are narrower or lower than so many pixels.

    A label counts as part of its control, and so does what is drawn around one, where a
    press reaches it. Links within text are no controls here.
    """
    return list(page.evaluate(_SMALL, least))
