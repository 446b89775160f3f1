"""Run an assignment's notebook and count its points, as nbgrader would."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

from vdsr_lib.errors import shortened

__all__ = ["Mark", "grade"]


@dataclass(frozen=True)
class Mark:
    """What one code cell of an assignment came to.

    Parameters
    ----------
    cell : int
        Its number, from 1.
    name : str
        The name of the test, empty for a cell that is not graded.
    points : float
        What it can give.
    earned : float
        What it gave: all, or nothing when the cell raised an error. A cell that a
        person grades gives nothing here.
    error : str
        The class of the error, empty if there was none.
    message : str
        The error's text.
    """

    cell: int
    name: str
    points: float
    earned: float
    error: str
    message: str


def grade(text: str, *, timeout: int = 180) -> list[Mark]:
    """Run a notebook in a fresh kernel to its end, and count points.

    Parameters
    ----------
    text : str
        The ``.ipynb``, as `vdsr_lib.suite.assignments.generate` makes it, perhaps
        filled in.
    timeout : int
        Seconds a cell may take.

    Returns
    -------
    list of Mark
        One for each code cell, in order. The cell in which the time ran out or the
        kernel died has that as its error, and so has every cell after it.

    Notes
    -----
    The notebook's code runs with the rights of this process's user, without a
    sandbox; for other people's submissions use nbgrader's autograder in a container.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    from vdsr_lib.suite.kernel import Kernel

    notebook: Any = nbformat.reads(text, as_version=4)
    done: set[int] = set()
    stopped = ""
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(folder)
        kernel.start()
        try:
            client = NotebookClient(
                notebook,
                km=kernel.manager,
                timeout=timeout,
                allow_errors=True,
                on_cell_executed=lambda cell_index, **_: done.add(cell_index),
            )
            client.execute()
        except (CellTimeoutError, DeadKernelError) as error:
            stopped = type(error).__name__
        finally:
            kernel.close()
    return [
        _mark(number, cell, "" if number - 1 in done else stopped)
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
    ]


def _mark(number: int, cell: Any, stopped: str) -> Mark:
    """Read off a cell what it came to; `stopped` is why it did not end, or empty."""
    facts = cell.metadata.get("nbgrader", {})
    errors = [(o.ename, o.evalue) for o in cell.outputs if o.output_type == "error"]
    if stopped:
        errors = [(stopped, "the notebook did not come to the end of this cell")]
    graded = bool(facts.get("grade")) and not facts.get("solution")
    points = float(facts.get("points", 0)) if graded else 0.0
    return Mark(
        cell=number,
        name=facts["grade_id"] if graded else "",
        points=points,
        earned=0.0 if errors else points,
        error=errors[0][0] if errors else "",
        message=shortened(errors[0][1]) if errors else "",
    )
