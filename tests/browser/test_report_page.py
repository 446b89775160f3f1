"""The report in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vdsr_lib.suite.report import Report, write_report
from vdsr_lib.suite.verdicts import Verdict

from .visits import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [360, 1280])
def test_no_line_of_the_report_is_wider_than_the_window(
    visit: Callable[..., Visit], tmp_path: Path, width: int
) -> None:
    machine = {"cpu": "AMD EPYC", "commit": f"{'26c5352ea7b0' * 4}-dirty"}
    row = Verdict("01.a-claim-with-a-long-name", "01", "holds", 1.0)
    report = Report("quick", "cpu", 0, "2026-11-29 15:19 UTC", 1.0, machine, [], [row])
    _, path = write_report(report, tmp_path)
    page = visit(viewport={"width": width, "height": 700}).page
    page.goto(path.as_uri())
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
