"""The page for one's own picture, as a reader uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vdsr_lib.upscaling import upscale
from vdsr_lib.weights import load_model


def times(text: str) -> str:
    """Write a size as the page does."""
    return text.replace(" x ", " \u00d7 ")


class Own:
    """The widget in a page."""

    def __init__(self, page: Any, stage: str = "done") -> None:
        self.page = page
        self.root = page.locator(".vdsr-own")
        self.root.wait_for()
        self.until(stage)

    def until(self, stage: str) -> None:
        """Wait for a stage."""
        selector = f".vdsr-own:not([data-drawn=no])[data-stage={stage}]"
        # Where a busy processor stands in for the graphics card, a network takes long.
        self.page.locator(selector).wait_for(timeout=120_000)

    def choose(self, path: Path) -> None:
        """Choose a file in the dialog."""
        with self.page.expect_file_chooser() as chooser:
            self.root.get_by_role("button", name="Choose a file").click()
        chooser.value.set_files(str(path))

    def drop(self, path: Path) -> None:
        """Drop a file."""
        data = self.page.evaluate_handle(
            """([bytes, name]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(bytes)], name));
              return transfer;
            }""",
            [list(path.read_bytes()), path.name],
        )
        for event in ("dragover", "drop"):
            self.root.locator(".vo-drop").dispatch_event(event, {"dataTransfer": data})

    def facts(self, text: str) -> None:
        """Wait until the picture is the one that was meant."""
        self.root.locator(".vo-facts", has_text=times(text)).wait_for()

    def problem(self) -> str:
        """Wait for a sentence about what is wrong."""
        alert = self.root.get_by_role("alert")
        alert.wait_for()
        return str(alert.inner_text())

    def download(self, folder: Path) -> tuple[str, np.ndarray]:
        """Press the button; return the file's name and samples."""
        with self.page.expect_download() as download:
            self.root.get_by_role("button", name="Download PNG").click()
        name = download.value.suggested_filename
        download.value.save_as(folder / name)
        return name, np.asarray(Image.open(folder / name))

    def walk(
        self, files: dict[str, Path], folder: Path, opened: Any, place: str
    ) -> None:
        """Do what a reader does: bad file, good file, scale, download."""
        self.drop(files["page"])
        assert (
            self.problem() == "page.png is not a picture but a web page or other "
            "text in angle brackets"
        )
        opened.shoot(f"own-bad-{place}", tall=1350)
        self.choose(files["veiled"])
        self.facts("veiled.png: 80 x 60 pixels, colour with transparency")
        self.root.get_by_role("alert").wait_for(state="hidden")
        self.until("done")
        slider = self.root.get_by_role("slider", name="Scale")
        slider.focus()
        for _ in range(3):
            self.page.keyboard.press("ArrowRight")
        sizes = times("80 x 60 \u2192 172 x 129 pixels")
        self.root.locator(".vo-sizes", has_text=sizes).wait_for()
        self.root.locator(
            ".vo-status", has_text=times("172 x 129 pixels in")
        ).wait_for()
        name, samples = self.download(folder)
        assert name == "veiled_x2.15_tiny.png"
        network = load_model(files["tiny"])
        given = np.asarray(Image.open(files["veiled"]))
        expected = upscale(given, 2.15, model=network, device="cpu")
        np.testing.assert_array_equal(samples, expected)
