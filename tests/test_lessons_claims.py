"""What lessons record of runs that diverged: their cells, with a result made up."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vdsr_lib.claims import ClaimBook
from vdsr_lib.suite.notebooks import read_source, sources

RATES = [0.1, 0.01, 0.001]
NETWORKS = {"residual": [31.0, nan, 30.9], "non-residual": [25.0, 26.0, 27.0]}
CLIPPED = [[0.4, 0.4, nan], [0.4, 0.3, 0.1], [-4.0, 0.2, 0.3], [nan, nan, nan]]
SCALES = {  # gains at the scales 2, 3 and 4 by those of the training
    "x2": [0.8, 0.4, 0.1],
    "x3": [nan, nan, nan],
    "x4": [-2.0, -0.3, 0.3],
    "x2, x3": [0.6, 0.8, 0.4],
    "x2, x4": [0.6, 0.7, 0.7],
    "x3, x4": [-0.5, 0.8, 0.7],
    "x2, x3, x4": [0.3, 0.9, 0.7],
}


def recorded(claim: str, given: dict[str, Any], folder: Path) -> str:
    """The verdict of a claim, when the cell that records it is given a result."""
    (lesson,) = (path for path in sources() if path.name.startswith(claim[:2]))
    cells = [cell for cell in read_source(lesson).cells if cell.cell_type == "code"]
    (cell,) = (c.source for c in cells if f'record("{claim[3:]}"' in c.source)
    book = ClaimBook(claim[:2], "classroom", folder)
    exec(cell, {"np": np, "display": lambda shown: None, "book": book, **given})
    return book.judgements[claim].verdict


def frame(columns: dict[str, list[float]], index: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=index)


TABLE1 = {"final": frame(NETWORKS, RATES), "bicubic": 30.0}
CLIPPING = {"gains": pd.DataFrame(CLIPPED, columns=RATES)}
TABLE2 = {"live": frame(SCALES, [2, 3, 4])}


@pytest.mark.parametrize(
    ("claim", "given"),
    [
        ("03.residual-passes-bicubic", TABLE1),
        ("05.adjustable-learns-everywhere", CLIPPING),
        ("06.no-loss-at-or-above", TABLE2),
        ("06.others-help-at-3-and-4", TABLE2),
    ],
)
def test_a_network_that_diverged_fails_the_claim_about_all(claim, given, tmp_path):
    """Its NaN is neither passed over nor counted as no loss."""
    (name,) = given.keys() - {"bicubic"}
    whole = given | {name: given[name].fillna(given.get("bicubic", 0.0) + 0.6)}
    assert recorded(claim, given, tmp_path) == "fails"
    assert recorded(claim, whole, tmp_path) == "holds"
