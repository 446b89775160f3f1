"""Assignments are written once, with their solutions; three notebooks come of each.

A source is ``py:percent`` text. A cell ``# %% task="psnr"`` holds a function whose body
stands between ``### BEGIN SOLUTION`` and ``### END SOLUTION``; a cell
``# %% test="psnr" points=4`` checks it, and may hold tests between ``### BEGIN HIDDEN
TESTS`` and ``### END HIDDEN TESTS``; a cell ``# %% [markdown] answer="why" points=5``
holds a model answer that a person grades. From it come

``student``
    signature, docstring and comments stay, the body raises NotImplementedError; no
    hidden tests. What ``nbgrader generate_assignment`` would release.
``nbgrader``
    the instructor's notebook for nbgrader's ``source`` folder: everything, with the
    markers, grade ids and points.
``solution``
    everything, without the markers.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vdsr_lib._files import from_home, notebooks_dir
from vdsr_lib.errors import LabError
from vdsr_lib.suite import notebooks
from vdsr_lib.suite.notebooks import Folder

__all__ = ["KINDS", "build", "check", "generate", "sources"]

KINDS = ("student", "nbgrader", "solution")
"""The notebooks that a source gives."""

_STUBS = {  # nbgrader's own, so that it releases the same text in any course
    "code": "# YOUR CODE HERE\nraise NotImplementedError()",
    "markdown": "YOUR ANSWER HERE",
}
_SOLUTION, _HIDDEN = "SOLUTION", "HIDDEN TESTS"


def sources(folder: Folder = None) -> list[Path]:
    """Return the sources of the assignments, ``NN_name.py``, in order.

    Parameters
    ----------
    folder : path-like, optional
        Default: ``notebooks/source/exercises`` of this checkout.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    LabError
        If there is no such folder.
    """
    where = from_home(folder) if folder is not None else _home("source", "exercises")
    return notebooks.sources(where)


def generate(
    source: Path, kind: str = "student", values: Mapping[str, object] | None = None
) -> str:
    """Return the text of one of the notebooks that a source gives.

    Parameters
    ----------
    source : pathlib.Path
        A ``py:percent`` file with solutions.
    kind : {"student", "nbgrader", "solution"}
        Which of the notebooks.
    values : mapping of str to object, optional
        New values for names of the cell tagged ``parameters``: a variant, whose
        answers differ. Names that the assignment does not have are passed over.

    Returns
    -------
    str
        The ``.ipynb``: without outputs, the same for the same arguments everywhere.

    Raises
    ------
    ValueError
        If the kind is unknown.
    LabError
        If a marker has no partner.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    cells = copy.deepcopy(notebooks.read_source(source).cells)
    for number, cell in enumerate(cells, 1):
        where = f"{source}:cell {number}"
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _with_values(cell.source, values or {})
        cell.source = _transformed(cell, kind, where)
    return notebooks.as_notebook(
        cells,
        source,
        origin=f"../source/exercises/{source.name}",
        extra=None if kind == "solution" else _nbgrader_metadata,
    )


def build(
    source_dir: Folder = None, target_dir: Folder = None, *, force: bool = False
) -> list[Path]:
    """Generate the student's notebooks that are absent or stale.

    Parameters
    ----------
    source_dir, target_dir : path-like, optional
        Default: ``notebooks/source/exercises`` and ``notebooks/exercises``.
    force : bool
        Overwrite notebooks that were edited by hand, too: somebody's answers.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    LabError
        If a notebook was edited by hand; nothing is written then.
    """
    where = source_dir if source_dir is not None else _home("source", "exercises")
    target = target_dir if target_dir is not None else _home("exercises")
    return notebooks.build(where, target, force=force, make=generate)


def check(source_dir: Folder = None, target_dir: Folder = None) -> list[str]:
    """Compare the student's notebooks with their sources, and check the sources.

    Parameters
    ----------
    source_dir, target_dir : path-like, optional
        Default: ``notebooks/source/exercises`` and ``notebooks/exercises``.

    Returns
    -------
    list of str
        One sentence a problem; empty when all is well.
    """
    from vdsr_lib.suite.assignment_style import check_assignment

    where = source_dir if source_dir is not None else _home("source", "exercises")
    target = target_dir if target_dir is not None else _home("exercises")
    found = notebooks.check(where, target, make=generate)
    return found + [line for path in sources(where) for line in check_assignment(path)]


def regions(text: str, marker: str, where: str) -> Iterator[tuple[str, str]]:
    """Split text at its markers: yield (part, text), line by line.

    Parameters
    ----------
    text : str
        The source of a cell.
    marker : {"SOLUTION", "HIDDEN TESTS"}
        What stands after ``BEGIN`` and ``END``.
    where : str
        File and cell, for the message.

    Yields
    ------
    tuple of str
        ``"outside"``, ``"begin"``, ``"inside"`` or ``"end"``, and the line.

    Raises
    ------
    LabError
        If a marker has no partner.
    """
    inside = False
    for line in text.split("\n"):
        begins, ends = f"BEGIN {marker}" in line, f"END {marker}" in line
        if (begins and inside) or (ends and not inside):
            raise LabError(f"{where}: a marker {line.strip()!r} without its partner")
        inside = (inside or begins) and not ends
        part = "begin" if begins else "end" if ends else None
        yield part or ("inside" if inside else "outside"), line
    if inside:
        raise LabError(f"{where}: BEGIN {marker} without END {marker}")


def _home(*parts: str) -> Path:
    return notebooks_dir().joinpath(*parts)


def _transformed(cell: Any, kind: str, where: str) -> str:
    """Return the text of a cell as this kind of notebook has it."""
    text: str = cell.source
    solved = list(regions(text, _SOLUTION, where))
    if kind == "student":
        lines = _stubbed(solved, _STUBS[cell.cell_type])
        text = "\n".join(lines)
        hidden = regions(text, _HIDDEN, where)
        return "\n".join(line for part, line in hidden if part == "outside").rstrip()
    hidden = regions(text, _HIDDEN, where)
    if kind == "nbgrader":
        list(hidden)  # refuses a marker without its partner
        return text
    kept = [line for part, line in solved if part in ("outside", "inside")]
    tests = regions("\n".join(kept), _HIDDEN, where)
    return "\n".join(line for part, line in tests if part in ("outside", "inside"))


def _stubbed(parts: list[tuple[str, str]], stub: str) -> Iterator[str]:
    """Yield the lines outside the solution, and the stub in its place."""
    for part, line in parts:
        if part == "begin":
            indent = re.match(r"\s*", line)
            for stub_line in stub.split("\n"):
                yield (indent[0] if indent else "") + stub_line
        elif part == "outside":
            yield line


def _with_values(text: str, values: Mapping[str, object]) -> str:
    """Return the parameters cell with other values."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in values:
                lines[node.lineno - 1] = f"{name} = {values[name]!r}"
    return "\n".join(lines)


def _nbgrader_metadata(cell: Any, identity: str) -> dict[str, Any]:
    """Return what nbgrader wants to know of a cell."""
    task, test, answer = (cell.metadata.get(key) for key in ("task", "test", "answer"))
    facts: dict[str, Any] = {"schema_version": 3, "task": False}
    if task:
        facts |= {"grade": False, "solution": True, "locked": False}
        return {"nbgrader": facts | {"grade_id": f"{task}-code"}}
    if test or answer:
        facts |= {"grade": True, "solution": bool(answer), "locked": bool(test)}
        points = cell.metadata.get("points", 0)
        return {"nbgrader": facts | {"grade_id": test or answer, "points": points}}
    if cell.cell_type != "code":
        return {}
    facts |= {"grade": False, "solution": False, "locked": True}
    return {"nbgrader": facts | {"grade_id": f"given-{identity}"}}
