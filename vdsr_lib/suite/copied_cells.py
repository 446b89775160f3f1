"""nbgrader's sanitising step for a notebook in which a cell was copied."""

from __future__ import annotations

from typing import Any

from nbgrader.preprocessors import DeduplicateIds  # type: ignore[import-untyped]

__all__ = ["CopiedCells"]


class CopiedCells(DeduplicateIds):  # type: ignore[misc]
    """Of cells with one name the last is graded; the others become ordinary ones.

    nbgrader means to do so, but leaves them empty metadata, takes these for an old
    format, and ends: nobody who comes after that student is graded
    (github.com/jupyter/nbgrader/issues/1083).

    Parameters
    ----------
    **kw
        As for nbgrader's ``DeduplicateIds``.
    """

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
        """Take a copy's name away; see nbgrader's ``DeduplicateIds``.

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
        cell, resources = super().preprocess_cell(cell, resources, index)
        if not cell.metadata.get("nbgrader", True):
            del cell.metadata["nbgrader"]
        return cell, resources
