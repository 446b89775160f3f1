"""A picture of one's own, uploaded and saved in a real JupyterLab and under Voila."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vdsr_lib.models import VDSR
from vdsr_lib.weights import save_model

from .own_pages import Own

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pictures good and bad, and a tiny network."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:60, :80]
    waves = [127 + 100 * np.sin(x / 5) * np.cos(y / period) for period in (4, 6, 9)]
    veiled = np.dstack([*waves, 3 * x]).astype(np.uint8)
    Image.fromarray(veiled).save(folder / "veiled.png")
    (folder / "page.png").write_bytes(b"<html><body>404 Not found</body></html>")
    noise = rng.integers(0, 256, (2600, 2600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png", compress_level=0)
    camera = noise[:30, :40].repeat(100, axis=0).repeat(100, axis=1)
    Image.fromarray(camera).save(folder / "camera.jpg", quality=95)
    torch.manual_seed(0)
    save_model(VDSR(3, 8), folder / "tiny.safetensors", card={"recipe": "none"})
    return {path.stem: path for path in folder.iterdir()}


def source(files: dict[str, Path]) -> str:
    """The cell with the widget and the tiny network."""
    return (
        "from vdsr_lib import load_model\n"
        "from vdsr_lib.widgets import own_picture\n"
        f"w = own_picture(models={{'tiny': load_model({str(files['tiny'])!r})}})\n"
        "w"
    )


def test_in_jupyterlab(open_lab, notebook, jupyterlab, files, tmp_path):
    opened, lab = open_lab(notebook(source(files)), "own.ipynb")
    lab.begin("notebook:run-all-cells")
    own = Own(opened.page)
    own.walk(files, tmp_path, opened, "jupyterlab")
    lab.until("[w.name, w.scale, w.problem]", ["veiled.png", 2.15, ""])

    # Larger than one message to a server may be: 12 megapixels, and 20 MB.
    for name, text in (
        ("camera", "camera.jpg: 4000 x 3000 pixels, colour"),
        ("noise", "noise.png: 2600 x 2600 pixels, colour"),
    ):
        own.choose(files[name])
        own.facts(text)
    own.until("ready")
    assert (
        "press Enlarge when you are ready"
        in own.root.locator(".vo-status").inner_text()
    )
    assert files["noise"].stat().st_size > 20e6
    shape = lab.ask("list(w._picture.pixels.shape)")
    assert shape == [2600, 2600, 3]

    own.root.get_by_role("button", name="Take the sample letters").click()
    own.facts("letters: 192 x 192")
    own.until("done")
    own.root.get_by_role("button", name="Shrink first, then restore").press("Enter")
    own.root.locator(".vo-status", has_text="bicubic: ").wait_for()
    opened.page.evaluate("still()")
    opened.shoot("own-jupyterlab", tall=1500)
    lab.theme("dark")
    opened.page.locator(".vdsr-own[data-theme=dark]").wait_for()
    opened.shoot("own-jupyterlab-dark", tall=1500)

    lab.command("docmanager:save")
    saved = json.loads((jupyterlab["work"] / "own.ipynb").read_text("utf-8"))
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    state = states["state"]
    view = saved["cells"][0]["outputs"][0]["data"]
    box = view["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert state[box]["model_name"] == "VBoxModel"
    assert any(".vdsr-own" in m["state"].get("_css", "") for m in state.values())
    assert view["image/png"].startswith("iVBOR")


@pytest.fixture
def application(files, tmp_path, serve) -> Iterator[dict[str, Any]]:
    """``vdsr app`` with the tiny network, on a port that it chooses."""
    pytest.importorskip("voila")
    own = ("CONFIG", "DATA", "RUNTIME")
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in own}
    command = [sys.executable, "-u", "-m", "vdsr_lib", "app", "--no-browser"]
    command += ["--weights", str(files["tiny"])]
    with serve["serving"](command, folders, tmp_path / "log.txt") as server:
        end = time.monotonic() + 150
        while not (match := re.search(r"http://127\.0\.0\.1:\d+/", server.said)):
            assert server.process.poll() is None, server.said
            assert time.monotonic() < end, server.said
            time.sleep(0.2)
        serve["answers"](f"{match[0]}voila/static/voila.js", server)
        yield {"server": server, "url": match[0]}


def test_under_voila_and_ended_by_ctrl_c(visit, application, files, tmp_path):
    opened = visit()
    page = opened.page
    page.set_default_timeout(120_000)
    # Voila sends the page while the kernel still runs: "load" comes at the very end.
    page.goto(application["url"], wait_until="commit")
    own = Own(page)
    assert page.title() == "Your own picture"
    own.walk(files, tmp_path, opened, "voila")
    page.locator(".vdsr-compare .vc-name", has_text="tiny").wait_for()
    page.evaluate("still()")
    assert page.get_by_label("Left").input_value() == "bicubic"
    assert page.get_by_label("Right").input_value() == "tiny"
    opened.shoot("own-voila-1280", tall=1350)
    page.emulate_media(color_scheme="dark")
    page.locator(".vdsr-own[data-theme=dark]").wait_for()
    opened.resize(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    opened.shoot("own-voila-dark-400", tall=2100)
    opened.expect_the_end()

    server = application["server"]
    os.kill(server.process.pid, signal.SIGINT)  # the page is still open
    assert server.process.wait(120) == 0
    first, last = server.said.splitlines()  # and no more: no warning, no traceback
    assert first.startswith("Your own picture: http://127.0.0.1:")
    assert last == "ended"
