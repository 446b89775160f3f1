"""What the review says of SRCNN and VDSR, held against the paper and a measurement.

The laboratory began with a review of the paper. Most of what it says is right, some
of it is not; ``data/review.csv`` has both texts, point by point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vdsr_lib._files import data_file
from vdsr_lib.errors import ClaimError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hold_against_review", "review_points"]

_VERDICTS = {True: "agrees", False: "differs"}


def review_points() -> pd.DataFrame:
    """Return what the review says, point by point, and what the paper or its code says.

    Returns
    -------
    pandas.DataFrame
        Index ``point``; columns ``review`` and ``paper``, text.
    """
    import pandas as pd

    return pd.read_csv(data_file("review.csv"), dtype=str).set_index("point")


def hold_against_review(measured: Mapping[str, tuple[str, bool]]) -> pd.DataFrame:
    """Put measurements beside the review's points, and say where it is right.

    Parameters
    ----------
    measured : mapping of str to (str, bool)
        Point -> what was measured, in words, and whether it agrees with the review.

    Returns
    -------
    pandas.DataFrame
        Index ``point``, in the review's order; columns ``the review``, ``paper and
        code``, ``measured here`` and ``verdict``: "agrees", "differs", or "open" for
        a point that was not measured.

    Raises
    ------
    ClaimError
        If a point is none of the review's.
    """
    points = review_points()
    if unknown := [point for point in measured if point not in points.index]:
        raise ClaimError(
            f"the review has no point {unknown[0]!r}; there are "
            f"{', '.join(points.index)}"
        )
    table = points.rename(columns={"review": "the review", "paper": "paper and code"})
    found = {point: text for point, (text, _) in measured.items()}
    verdicts = {point: _VERDICTS[bool(ok)] for point, (_, ok) in measured.items()}
    table["measured here"] = [found.get(point, "not measured") for point in table.index]
    table["verdict"] = [verdicts.get(point, "open") for point in table.index]
    return table
