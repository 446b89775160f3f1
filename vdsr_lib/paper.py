"""The numbers that the paper printed, with what is known about each of them.

Kim, Lee, Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional
Networks", CVPR 2016 (arXiv:1511.04587). Each row carries a ``mark``:

====  ==============================================================================
M     measured by this project's evaluation protocol: published weights, or bicubic
C     confirmed in a public text (the paper, its draft, the authors' code)
D     read off the vector figures of the authors
U     recollection, not confirmed; say so wherever it is shown
====  ==============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsr_lib._files import data_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES", "table"]

TABLES: dict[str, str] = {
    "table1": "Residual and non-residual networks at three rates (Set5, x2)",
    "table2": "Networks trained on one scale and on several (Set5)",
    "table3": "The benchmark: six methods on four sets",
    "figure3": "PSNR against depth (Set5)",
    "figure4": "PSNR against epoch, residual and non-residual (Set5, x2)",
    "ablation": "Training data and augmentation (Set5; printed in the draft only)",
    "remeasured": "Published weights under this project's evaluation protocol",
}


def table(name: str) -> pd.DataFrame:
    """Return one table or digitised figure of the paper, a row for each value.

    Parameters
    ----------
    name : str
        A key of `TABLES`.

    Returns
    -------
    pandas.DataFrame
        Long form. PSNR in dB on the luma channel (peak 255), SSIM in [-1, 1],
        seconds as the paper printed them on its own machine; ``mark`` says how far
        each row is confirmed (see the module's text).

    Raises
    ------
    ValueError
        If there is no table of that name.

    Examples
    --------
    >>> t = table("table3")
    >>> float(t.query("dataset=='Set5' and scale==2 and method=='VDSR'").psnr.iloc[0])
    37.53
    """
    import pandas as pd

    if name not in TABLES:
        raise ValueError(f"no table {name!r}; there are {', '.join(TABLES)}")
    return pd.read_csv(data_file("paper", f"{name}.csv"))
