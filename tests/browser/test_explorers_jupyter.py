"""The explorers in a real JupyterLab: what only a kernel can answer."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = [
    """\
import numpy as np
import torch
from vdsr_lib.experiments import ClippingStudy
from vdsr_lib.models import VDSR
from vdsr_lib.protocol import bicubic_psnr
from vdsr_lib.widgets import (
    clipping_explorer, protocol_switchboard, receptive_field_explorer,
)

y, x = np.mgrid[:80, :90]
picture = (127 + 80 * np.sin(x / 4) * np.cos(y / 5)).astype(np.uint8)
picture = np.stack([picture, picture // 2, 255 - picture], axis=-1)""",
    """\
board = protocol_switchboard({"waves": picture}, (2, 3), others=["absent-set"])
board""",
    """\
torch.manual_seed(7)
seen = receptive_field_explorer({d: VDSR(d, 6) for d in (3, 5)}, picture, places=2)
seen""",
    """\
study = ClippingStudy(depth=3, width=4, steps=8, every=4, batch_size=4)
clipped = clipping_explorer(study.grid(("value",), (0.01,)), study=study)
clipped""",
]


@pytest.fixture
def lab(open_lab: Any, notebook: Any) -> tuple[Any, Any]:
    """JupyterLab on a notebook with the three, all cells run."""
    opened, lab = open_lab(notebook(*CELLS), "explorers.ipynb")
    lab.command("notebook:run-all-cells")
    opened.page.wait_for_function(
        "document.querySelectorAll('.vdsr-kit[data-drawn=yes]').length === 3"
    )
    return opened, lab


def test_the_kernel_answers_what_was_not_computed_beforehand(lab):
    opened, session = lab
    page = opened.page
    assert page.locator(".jp-OutputArea-output img").count() == 0  # not shown twice

    board = page.locator(".vdsr-switchboard")
    board.scroll_into_view_if_needed()
    board.get_by_role("switch").first.click()
    session.until("board.turned[0]", True)
    board.get_by_role("combobox", name="Another scale").select_option("4")
    session.until("board.scale", 4)
    session.until("board.busy", False)
    decibels = session.ask("board.psnr")
    board.locator(".vs-reading", has_text=f"{decibels:.2f} dB").wait_for()
    paper = session.ask("(setattr(board, 'turned', [False] * 5), board.psnr)[1]")
    assert paper == pytest.approx(session.ask("bicubic_psnr(picture, 4)"), abs=1e-4)
    board.get_by_role("combobox", name="Data set").select_option("absent-set")
    alert = board.get_by_role("alert")
    alert.wait_for()
    assert "absent-set" in alert.inner_text()
    assert session.ask("board.collection") == "these pictures"
    opened.shoot("explorers-jupyterlab-switchboard")

    fields = page.locator(".vdsr-receptive")
    fields.scroll_into_view_if_needed()
    fields.get_by_role("button", name="this pixel").click()
    session.until("seen.own_for", [0, *session.ask("list(seen.point)")])
    fields.locator(".vr-stage").focus()
    cells = session.cells
    for key in ("ArrowRight", "]", "b", "a", "d", "d"):
        page.keyboard.press(key)
    session.until("seen.own_for == [1, *seen.point]", True)
    card = fields.locator(".vr-below").nth(1)
    card.get_by_text("this pixel").wait_for()
    assert session.cells == cells  # no key of the widget edits the notebook
    opened.shoot("explorers-jupyterlab-fields")

    clipping = page.locator(".vdsr-clipping")
    clipping.scroll_into_view_if_needed()
    clipping.get_by_role("combobox", name="Rule").select_option("adjustable")
    clipping.get_by_role("button", name="Train 8 steps").click()
    session.until("len(clipped.traces)", 2)
    session.until("clipped.busy", False)
    assert session.ask("clipped.traces[1]['rule']") == "adjustable"
    clipping.locator(
        "[aria-label='Clipping rule'] [aria-pressed=true]", has_text="adjustable"
    ).wait_for()

    session.ask(
        "(setattr(clipped, 'study', ClippingStudy(depth=3, width=4, steps=10**6, "
        "every=10**5, batch_size=4)), 0)[1]"
    )
    clipping.get_by_role("button", name="Train 8 steps").click()
    clipping.get_by_role("button", name="Stop").click()
    session.until("clipped.busy", False)
    session.until("clipped.traces[-1]['outcome']", "stopped")
    assert clipping.get_by_role("alert").count() == 0
    opened.shoot("explorers-jupyterlab-clipping", tall=1500)
