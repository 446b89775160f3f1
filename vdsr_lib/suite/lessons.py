"""The lessons that can be run, and what came of running one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vdsr_lib._files import from_home, notebooks_dir
from vdsr_lib.errors import LabError, shortened

__all__ = ["Lesson", "Outcome", "find_lessons", "read_notebook"]


@dataclass(frozen=True)
class Lesson:
    """A generated notebook.

    Parameters
    ----------
    number : str
        ``"03"``.
    title : str
        Its first heading.
    path : pathlib.Path
        The notebook.
    code_cells : int
        How many code cells it has that are not empty.
    parameters_cell : int
        The number, from 1, of the cell tagged ``parameters``; 0 if there is none.
    about : str
        What one does in it, as its frame says after "You will do"; plain text.
    """

    number: str
    title: str
    path: Path
    code_cells: int
    parameters_cell: int
    about: str = ""


@dataclass
class Outcome:
    """What came of running one lesson.

    Parameters
    ----------
    lesson : Lesson
        What was run.
    status : str
        ``"ran"``, or what stopped it: ``"unknown parameter"``, ``"cell failed"``,
        ``"timed out"``, ``"kernel died"``, ``"not completed"``.
    message : str
        One sentence that names the cell and the cause; empty when it ran.
    error : str
        The class of the exception that a failing cell raised.
    seconds : float
        From the kernel's start to its end.
    peak_memory : int
        Bytes, of the kernel's process.
    cpu_seconds : float
        Processor time of the kernel: what the lesson takes of one core by itself.
    cell_seconds : list of float
        One number for each code cell that was executed.
    cell_memory : list of int
        Bytes, likewise: the kernel's peak up to the end of that cell.
    cell_numbers : list of int
        Likewise: the cell's place in the notebook, from 1, text cells counted.
    notebook : pathlib.Path or None
        The executed notebook (``NN_name.failed.ipynb`` when it did not run).
    """

    lesson: Lesson
    status: str = "ran"
    message: str = ""
    error: str = ""
    seconds: float = 0.0
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    cell_seconds: list[float] = field(default_factory=list)
    cell_memory: list[int] = field(default_factory=list)
    cell_numbers: list[int] = field(default_factory=list)
    notebook: Path | None = None

    def fail(self, status: str, message: str) -> None:
        """Take note of what stopped the lesson; the first cause, and line, stays."""
        if self.status == "ran":
            self.status, self.message = status, shortened(message.splitlines()[0])


def find_lessons(
    numbers: list[str] | None = None, folder: str | os.PathLike[str] | None = None
) -> list[Lesson]:
    """Return the lessons to run, in order.

    Parameters
    ----------
    numbers : list of str, optional
        ``["01", "3"]``; default: all.
    folder : path-like, optional
        Default: the generated lessons in ``notebooks``.

    Returns
    -------
    list of Lesson

    Raises
    ------
    LabError
        If there is no such lesson, none at all, or two of one number.
    """
    where = from_home(folder) if folder is not None else notebooks_dir()
    found: dict[str, Path] = {}
    for path in sorted(where.glob("[0-9][0-9]_*.ipynb")):
        if other := found.get(path.name[:2]):
            raise LabError(f"{where}: {other.name} and {path.name} share a number")
        found[path.name[:2]] = path
    if not found:
        raise LabError(f"{where}: holds no lesson; run `python -m vdsr_lib notebooks`")
    wanted = [number and number.zfill(2) for number in numbers or found]
    for number in wanted:
        if number not in found:
            raise LabError(f"there is no lesson {number}; known: {', '.join(found)}")
    return [_lesson(found[number]) for number in sorted(set(wanted))]


def _lesson(path: Path) -> Lesson:
    """Read a lesson's title and length."""
    cells = read_notebook(path).cells
    prose = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    heads = [line for line in prose.splitlines() if line[:2] == "# "]
    title = heads[0][2:].strip() if heads else path.stem
    code = sum(c.cell_type == "code" and bool(c.source.strip()) for c in cells)
    tagged = [n for n, c in enumerate(cells, 1) if "parameters" in _tags(c)]
    place = tagged[0] if tagged else 0
    return Lesson(path.name[:2], title, path, code, place, _about(cells))


def _about(cells: list[Any]) -> str:
    """Return the paragraph that says what one does, without its first words."""
    mark = "**You will do** "
    for cell in cells:
        _, found, rest = cell.source.partition(mark)
        if found and cell.cell_type == "markdown":
            return re.sub(r"[*`$]", "", " ".join(rest.split("\n\n")[0].split()))
    return ""


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def read_notebook(path: Path) -> Any:
    """Read a notebook.

    Parameters
    ----------
    path : pathlib.Path
        An ``.ipynb`` file.

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    LabError
        If it is none; the text names the file.
    """
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises a dozen kinds
        raise LabError(f"{path}: not a notebook: {error}") from None
