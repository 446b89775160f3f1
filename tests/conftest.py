"""Shared fixtures: where the real pictures are, and a quiet, small torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked ``gpu`` where torch sees none."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
