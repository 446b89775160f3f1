"""The code of these pages is run as doctests: unseen, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw without a screen, and find no run or file that somebody made before."""
    mpl.use("agg")
    monkeypatch.setenv("VDSR_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
