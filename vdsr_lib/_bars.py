"""Progress bars: a widget in a notebook, a line on standard error elsewhere."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["progress_bar", "skip_to"]


def progress_bar(*args: Any, **options: Any) -> Any:
    """Open a bar that suits the place where this code runs.

    Parameters
    ----------
    *args, **options
        As for ``tqdm.tqdm``.

    Returns
    -------
    tqdm.tqdm
        A widget where a kernel runs this code, else a line on standard error.

    Notes
    -----
    It is drawn as time goes, not as work does: left to itself, tqdm waits for as much
    again as one update brought, which for work that goes on where it stopped is most
    of it. ``tqdm.auto`` takes every process that has imported ipykernel for a notebook,
    and prints the text of its widgets to standard output there: among the results of a
    command whose program merely knows how to start kernels.
    """
    if _in_kernel():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(*args, miniters=0, **options)


def skip_to(bar: Any, place: float) -> None:
    """Let a bar stand where earlier work ended, which tells nothing of the speed now.

    Parameters
    ----------
    bar : tqdm.tqdm
        What `progress_bar` gave.
    place : float
        In the bar's unit.
    """
    bar.initial += place - bar.n
    bar.n = bar.last_print_n = place


def _in_kernel() -> bool:
    """Say whether a Jupyter kernel runs this code, importing nothing to find out."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
