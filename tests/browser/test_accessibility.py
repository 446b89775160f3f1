"""Can everybody read and use the widgets? What axe finds on their pages.

axe (Deque Systems) is the engine behind most audits of accessibility: names of buttons
and of what is chosen, roles, contrast of text, headings, landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vdsr_lib.datasets import load_images
from vdsr_lib.experiments import ClippingStudy
from vdsr_lib.models import VDSR
from vdsr_lib.widgets import (
    clipping_explorer,
    compare,
    own_picture,
    protocol_switchboard,
    receptive_field_explorer,
)

from .audits import problems, small_controls
from .test_monitor_page import course

pytestmark = pytest.mark.browser


def scene() -> np.ndarray:
    """Return a colour picture."""
    return load_images("embedded-test")["coffee"][100:220, 160:310]


def comparison() -> Any:
    """Three pictures, one of them a series."""
    darker = [scene() // k for k in (2, 3)]
    pictures = {"HR": scene(), "inverted": 255 - scene(), "darker": darker}
    return compare(pictures, reference="HR", frames={"divisor": [2, 3]})


def receptive() -> Any:
    """Networks of two depths on one picture."""
    drawn = {depth: torch.Generator().manual_seed(depth) for depth in (3, 6)}
    networks = {depth: VDSR(depth, 6, generator=draw) for depth, draw in drawn.items()}
    return receptive_field_explorer(networks, scene(), scale=2, places=4)


def clipping() -> Any:
    """A few steps of a small network."""
    study = ClippingStudy(depth=4, width=6, steps=12, every=4, batch_size=4)
    return clipping_explorer(study.grid(rates=(10.0, 0.01)), study=study)


WIDGETS: dict[str, Callable[[], Any]] = {
    "compare": comparison,
    "switchboard": lambda: protocol_switchboard({"a": scene(), "b": scene()[::-1]}),
    "receptive": receptive,
    "clipping": clipping,
    "monitor at its end": lambda: course(3),
    "monitor that runs": lambda: course(2, over=False),
    "own picture": lambda: own_picture(model="bicubic"),
}


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a widget's page, once."""
    folder = tmp_path_factory.mktemp("accessible")

    def made(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            WIDGETS[name]().to_html(path)
        return path

    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_axe_finds_nothing(visit, page_of, name, scheme):
    page = visit(color_scheme=scheme).page
    page.goto(page_of(name).as_uri())
    page.locator(".vdsr-place :not(style)").first.wait_for(state="attached")
    page.evaluate("still()")
    assert problems(page) == []


@pytest.mark.parametrize("mode", ["Side by side", "Blink", "Difference"])
def test_axe_finds_nothing_in_a_comparisons_other_modes(visit, page_of, mode):
    page = visit(page_of("compare")).page
    page.get_by_role("button", name=mode).click()
    page.evaluate("still()")
    assert problems(page) == []


PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


@pytest.mark.parametrize(
    ("device", "least"),
    [({}, 24), (PHONE, 44)],  # WCAG 2.2: 2.5.8, and 2.5.5 for a finger
    ids=["mouse", "finger"],
)
@pytest.mark.parametrize("name", WIDGETS)
def test_every_control_is_large_enough_to_be_hit(visit, page_of, name, device, least):
    page = (opened := visit(**device)).page
    page.goto(page_of(name).as_uri())
    page.locator(".vdsr-place button:visible").first.wait_for()
    page.evaluate("still()")
    assert small_controls(page, least) == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    opened.shoot(f"{name.replace(' ', '-')}-hit-{least}")


def test_a_small_control_is_found(visit):
    page = visit().page
    page.set_content("""<style>
    button { position: relative; margin: 20px; padding: 0; border: 0; width: 30px }
    button { height: 23px } .tall { height: 24px }
    .wide::before { content: ""; position: absolute; inset: -1px }
    </style><button>low</button> <button class=tall>tall</button>
    <button class=wide>wide</button> <label><button>own</button></label>""")
    assert small_controls(page, 24) == ["<button>low</button>", "<button>own</button>"]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<button></button>", "button-name"),
        ("<input type=range>", "label"),
        ("<p style='color: #999; background: #fff'>pale</p>", "color-contrast"),
        ("<div role=slider tabindex=0 aria-label=x></div>", "aria-required-attr"),
    ],
)
def test_what_is_wrong_is_found(visit, body, rule):
    page = visit().page
    start = "<!doctype html><html lang=en><title>t</title><main><h1>t</h1>"
    page.set_content(f"{start}{body}</main></html>")
    (found,) = problems(page)
    assert found.startswith(f"{rule}: ")
