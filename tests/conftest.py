"""Shared fixtures: where the real pictures are, and a quiet, small torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch: each process has its core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

if TYPE_CHECKING:
    from vdsr_lib.suite.site import Site

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
ORACLES = Path(os.environ.get("VDSR_ORACLES_DIR", SHARED / "reference" / "oracles"))

if "VDSR_DATA_DIR" not in os.environ and (SHARED / "datasets").is_dir():
    os.environ["VDSR_DATA_DIR"] = str(SHARED / "datasets")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep the other cores free, and the sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets; the test is skipped where there is none."""
    folder = Path(os.environ.get("VDSR_DATA_DIR", "/nonexistent"))
    if not (folder / "set5").is_dir():
        pytest.skip(
            "no real data sets: set VDSR_DATA_DIR to a folder that holds set5/ and "
            "the others ('vdsr data fetch set5 --data-dir FOLDER' gets one)"
        )
    return folder


@pytest.fixture(scope="session")
def oracles() -> Path:
    """MATLAB's outputs and public weights; the test is skipped where there are none."""
    if not ORACLES.is_dir():
        pytest.skip(
            "no oracles: set VDSR_ORACLES_DIR to a folder with MATLAB's outputs "
            "(matlab_imresize_butterfly.npz) and public weights (VDSR_Adam.mat, "
            "SRCNN_915_T91_x2.mat)"
        )
    return ORACLES


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let several processes begin with the files that have slow tests."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files; those that share a site or a lab stay together."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            shared = ("tests/browser/", "tests/suite/test_site.py")
            return shared[0] if file.startswith(shared) else file

    config.option.loadscopereorder = False
    return Together(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked ``gpu`` where torch sees none."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, where lesson 01 was run and showed one comparison."""
    pytest.importorskip("sphinx", reason="no Sphinx: pip install '.[site]'")
    import nbformat
    import numpy as np

    from vdsr_lib.suite.site import build_site
    from vdsr_lib.widgets import compare

    results = tmp_path_factory.mktemp("results")
    name = "01_what_super_resolution_asks.ipynb"
    lesson = nbformat.read(ROOT / "notebooks" / name, 4)
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    widget = compare({"left": levels, "right": 255 - levels})
    data, metadata = widget._repr_mimebundle_()
    cell = next(cell for cell in lesson.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    state = widget.get_manager_state(widgets=[widget])
    lesson.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    (results / "executed").mkdir()
    nbformat.write(lesson, results / "executed" / name)
    earlier = results / "site"
    (earlier / "notebooks").mkdir(parents=True)
    project = "# Project: A laboratory for very deep super-resolution\n"
    (earlier / "objects.inv").write_text(f"# Sphinx inventory version 2\n{project}")
    (earlier / "notebooks/left_over.html").touch()
    (earlier / "CNAME").write_text("lab.example")
    return build_site(results, commands="# The commands\n\n`vdsr`\n")
