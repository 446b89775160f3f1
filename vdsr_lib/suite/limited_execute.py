"""nbgrader's executing step, for a notebook whose kernel may be ended by its limits."""

from __future__ import annotations

from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute  # type: ignore[import-untyped]

__all__ = ["LimitedExecute"]

_WHY = (
    "the kernel was ended before this cell was done: its code used more processor time "
    "or memory than is allowed, could not be stopped, or ended the process itself"
)


class LimitedExecute(Execute):  # type: ignore[misc]
    """Grade what ran before the kernel ended; what came after it earns nothing.

    nbgrader itself gives up on such a submission and records no grade at all.

    Parameters
    ----------
    *args, **kwargs
        As for nbgrader's ``Execute``, which also has the traits to configure.
    """

    ended = False

    def preprocess(self, nb: Any, resources: Any, *args: Any, **options: Any) -> Any:
        """Run a notebook; see nbgrader's ``Execute``.

        Parameters
        ----------
        nb : nbformat.NotebookNode
        resources : dict

        Returns
        -------
        tuple
            Both, with outputs in the notebook.
        """
        self.ended = False
        return super().preprocess(nb, resources, *args, **options)

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
        """Run a cell, or mark it as not run.

        Parameters
        ----------
        cell : nbformat.NotebookNode
        resources : dict
        index : int

        Returns
        -------
        tuple
            The cell, and the resources.
        """
        if not self.ended:
            try:
                return super().preprocess_cell(cell, resources, index)
            except (DeadKernelError, CellTimeoutError):  # or cannot be stopped
                self.ended = True
        if cell.cell_type == "code":
            failure = {"ename": "KernelEnded", "evalue": _WHY}
            lines = [f"KernelEnded: {_WHY}"]
            cell.outputs = [new_output("error", traceback=lines, **failure)]
        return cell, resources
