"""The report in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vdsr_lib.suite.lessons import Lesson, Outcome
from vdsr_lib.suite.report import Report, write_report
from vdsr_lib.suite.verdicts import Verdict

from .visits import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [360, 1280])
def test_no_line_of_the_report_is_wider_than_the_window(
    visit: Callable[..., Visit], tmp_path: Path, width: int
) -> None:
    machine = {"cpu": "AMD EPYC", "commit": f"{'26c5352ea7b0' * 4}-dirty"}
    why = f"cell 4: FileNotFoundError: '/home/somebody/{'a_long_name/' * 20}'"
    lesson = Lesson("01", "A title", Path("01_x.ipynb"), 2, 1)
    stopped = Outcome(lesson, status="cell failed", message=why)
    rows = [
        Verdict("01.a-claim-with-a-long-name", "01", "holds", 1.0, recorded_in=why),
        Verdict("01.another", "01", "missing", note=why),
    ]
    report = Report(
        "quick", "cpu", 0, "2026-11-29 15:19 UTC", 1.0, machine, [stopped], rows
    )
    _, path = write_report(report, tmp_path)
    page = visit(viewport={"width": width, "height": 700}).page
    page.goto(path.as_uri())
    boxes = "[document.documentElement, ...document.querySelectorAll('.frame')]"
    fits = page.evaluate(f"{boxes}.map(box => box.scrollWidth <= box.clientWidth)")
    assert fits == [True] * 3, "page, lessons, claims"
