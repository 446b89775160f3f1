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
