"""How fast the comparison widget paints, and repaints while one drags.

    python benchmarks/compare_widget.py [--repeat 9]

Four luma pictures of 512 x 512 in a page from disk, in Chromium (/usr/bin/chromium,
driven by Playwright, headless, at 1280 x 900). The first paint is counted from the
moment when the page holds the data (JSON with the PNG files in base64) to the end of
the first drawing; the pages are fresh, so the script is compiled anew each time. A
repaint is all that the page does for one frame: stage, loupes, values and the PSNR of
the region in view, and the rasterising of the stage, forced by reading a pixel back.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from vdsr_lib.widgets import compare

CHROMIUM = "/usr/bin/chromium"
# Before the page's own scripts: note when a widget starts, and time each frame.
WATCH = """
let show;
Object.defineProperty(window, 'vdsrShow', {
  get: () => show && ((mount) => { performance.mark('data'); return show(mount); }),
  set: (value) => { show = value; },
});
window.repaints = [];
const request = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => request((time) => {
  const start = performance.now();
  draw(time);
  document.querySelector('.vc-canvas')?.getContext('2d').getImageData(0, 0, 1, 1);
  window.repaints.push(performance.now() - start);
});
"""


def pictures() -> dict[str, np.ndarray]:
    """Four pictures of 512 x 512 with texture that PNG cannot pack away."""
    y, x = np.mgrid[:512, :512]
    rings = 127 + 80 * np.sin(((x - 256) ** 2 + (y - 256) ** 2) / 900)
    noise = np.random.default_rng(0).normal(0, 15, (512, 512))
    true = np.clip(rings + noise, 16, 235).astype(np.uint8)
    return {"HR": true, **{f"method {k}": true // k * k for k in (4, 8, 16)}}


def first_paint(browser: Any, url: str) -> float:
    """Return milliseconds from the data to the end of the first drawing."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(WATCH)
    page.goto(url)
    painted = "performance.getEntriesByName('vdsr-compare:painted')[0]"
    page.wait_for_function(f"{painted} !== undefined")
    page.wait_for_timeout(300)
    taken = page.evaluate(
        f"{painted}.startTime - performance.getEntriesByName('data')[0].startTime"
    )
    page.close()
    return float(taken)


def repaints(browser: Any, url: str, mode: str, zoom: int) -> list[float]:
    """Return the milliseconds of each repaint of a drag over the stage."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_function(
        "performance.getEntriesByName('vdsr-compare:painted').length"
    )
    page.locator(f"button[data-mode={mode}]").click()
    box = page.locator(".vc-stage").bounding_box()
    x, y = box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.evaluate(
        f"document.querySelector('.vdsr-widget').vdsr.model.set('zoom', {zoom})"
    )
    page.wait_for_timeout(500)
    page.mouse.down()
    page.evaluate("window.repaints.length = 0")
    for i in range(1, 121):
        page.mouse.move(x - i * 0.6 * box["width"] / 120, y + 20 * np.sin(i / 9))
        page.wait_for_timeout(8)
    page.mouse.up()
    taken = page.evaluate("window.repaints")
    page.close()
    return list(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        compare(pictures(), reference="HR").to_html(path)
        print(f"page {path.stat().st_size / 1e6:.1f} MB, with its static picture")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        print(f"Chromium {browser.version}, {repeat} pages")
        paints = [first_paint(browser, path.as_uri()) for _ in range(repeat)]
        print(
            f"first paint   median {statistics.median(paints):6.1f} ms   "
            f"slowest {max(paints):6.1f} ms"
        )
        for mode, zoom in (("wipe", 0), ("wipe", 4), ("side", 4), ("difference", 4)):
            taken = sorted(repaints(browser, path.as_uri(), mode, zoom))
            late = taken[int(0.95 * len(taken))]
            print(
                f"{mode:10s} x{zoom or 1}  median {statistics.median(taken):6.1f} ms   "
                f"95 % within {late:6.1f} ms   of {len(taken)} repaints"
            )
        browser.close()


if __name__ == "__main__":
    main()
