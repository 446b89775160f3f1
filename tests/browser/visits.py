"""A page in a browser: what it asks for, what its console says, what can be seen.

Screenshots go to ``results/screenshots``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SHOTS = Path(__file__).resolve().parents[2] / "results" / "screenshots"
LOCAL = ("127.0.0.1", "localhost")
LOOKING = Path(__file__).with_name("looking.js")  # `still()` and others


class Visit:
    """A page, what it asked of other machines, and what went wrong on it."""

    def __init__(self, context: Any) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        context.route("**/*", self._route)
        context.add_init_script(path=LOOKING)
        self.page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _route(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in LOCAL:
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def check(self) -> None:
        """Fail if another machine was asked, or an error reported, since last time."""
        foreign, errors = self.foreign[:], self.errors[:]
        self.foreign.clear()
        self.errors.clear()
        assert not foreign, foreign  # pytest explains no assertion of a helper
        assert not errors, errors

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window another size, and wait until all is drawn for it."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_function(
            f"innerWidth === {width} && innerHeight === {height}"
        )
        self.page.evaluate("still()")

    def tell(self, **state: Any) -> None:
        """Give a widget's traits other values, as a kernel does, and wait for it."""
        self.page.evaluate("setState", state)
        self.page.evaluate("still()")

    def tab_stops(self) -> dict[str, bool]:
        """Press Tab until focus has gone round the page.

        Return whether an outline shows the focus, for each thing that it reaches.
        """
        reached: dict[str, bool] = {}
        for _ in range(40):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate("focused()")
            if found is None and reached:
                break
            if found is not None:
                reached[found[0]] = reached.get(found[0], True) and found[1]
        return reached

    def drag_page(self, selector: str, up: int = 150) -> None:
        """Push the page up with a finger that lies on something in it."""
        box = self.page.locator(selector).bounding_box()
        x, y = box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"]
        screen = self.page.context.new_cdp_session(self.page)
        places = [{"x": x, "y": y - moved} for moved in range(0, up + 1, 10)]
        for i, place in enumerate(places):
            event = {"type": "touchMove" if i else "touchStart", "touchPoints": [place]}
            screen.send("Input.dispatchTouchEvent", event)
            self.page.wait_for_timeout(20)  # as a hand moves
        end: dict[str, Any] = {"type": "touchEnd", "touchPoints": []}
        screen.send("Input.dispatchTouchEvent", end)
        self.page.evaluate("still()")

    def expect_the_end(self) -> None:
        """Check, and let the page complain from now on: its server is ended."""
        self.check()
        self.errors = _Deaf()

    def shoot(self, name: str, *, tall: int | None = None) -> None:
        """Save a screenshot of the whole page.

        JupyterLab and Voila scroll within the page; `tall` makes their window so many
        pixels high meanwhile.
        """
        SHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        if tall is not None:
            self.resize(size["width"], tall)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=tall is None)
        if tall is not None:
            self.resize(**size)


class _Deaf(list[str]):
    """A list that stays empty."""

    def append(self, _text: str) -> None:
        pass
