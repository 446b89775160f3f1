"""The fixture notebooks of tests/notebooks, generated where a test wants them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vdsr_lib.suite import notebooks
from vdsr_lib.suite.lessons import Lesson, find_lessons

HERE = Path(__file__).resolve().parents[1] / "notebooks"
Build = Callable[[str], Lesson]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Generate one fixture notebook, and make its claims the declared ones."""

    def one(name: str) -> Lesson:
        notebooks.build(HERE / name, tmp_path / "lessons")
        monkeypatch.setenv("VDSR_CLAIMS_FILE", str(HERE / name / "claims.toml"))
        [lesson] = find_lessons(folder=tmp_path / "lessons")
        return lesson

    return one
