"""A ready nbgrader course: notebooks, configuration, and a kernel with limits.

``make_course(folder)`` writes what a teacher would write by hand, and has nbgrader
generate the students' versions. From there nbgrader does the rest: release, collect,
autograde, feedback, export.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vdsr_lib._files import from_home, write_atomically
from vdsr_lib.errors import LabError
from vdsr_lib.exercises.variants import variant
from vdsr_lib.suite.assignments import generate, sources
from vdsr_lib.suite.limited_kernel import LIMITS, OUTPUT, WALL

__all__ = ["KERNEL", "assignment_texts", "make_course", "release_versions"]

KERNEL = "vdsr-limited"
"""Name of the kernel that runs submissions."""

_HERE = Path(__file__).parent


def make_course(
    folder: Path,
    *,
    course: str = "vdsr",
    seed: int | None = None,
    values: Mapping[str, object] | None = None,
) -> list[Path]:
    """Write a course folder for nbgrader.

    Parameters
    ----------
    folder : pathlib.Path
        New, or made by this function before; then its sources are renewed, and
        submissions, grades and feedback stay as they are.
    course : str
        nbgrader's course id: letters, digits, and - _ . after the first of them.
    seed : int, optional
        A variant: each assignment's parameters are drawn with this seed, see
        `vdsr_lib.exercises.variants.variant`. The sources' own, if not given.
    values : mapping of str to object, optional
        Single parameters, set by hand: see `vdsr_lib.suite.assignments.generate`.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    LabError
        If the folder holds somebody else's nbgrader_config.py.
    ValueError
        If `course` holds something else than those.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", course):  # it goes into code
        raise ValueError(
            "course must be letters and digits, perhaps with - _ . between them, got "
            f"{course!r}"
        )
    folder = from_home(folder)
    config = folder / "nbgrader_config.py"
    if config.exists() and "vdsr exercises course" not in config.read_text("utf-8"):
        raise LabError(f"{config} is not of this project: give another folder")
    texts = {
        folder / "source" / name / f"{name}.ipynb": text
        for name, text in assignment_texts("nbgrader", seed=seed, values=values)
    }
    texts[config] = _filled("course_config.py.txt", course)
    texts[folder / "README.md"] = _filled("course_readme.md", course)
    texts[folder / "students" / "nbgrader_config.py"] = _filled(
        "course_students.py.txt", course
    )
    texts[folder / ".gitignore"] = "# submissions and grades are nobody else's\n*\n"
    texts[folder / "jupyter" / "kernels" / KERNEL / "kernel.json"] = _kernelspec()
    (folder / "exchange").mkdir(parents=True, exist_ok=True)
    return [write_atomically(path, text) for path, text in texts.items()]


def assignment_texts(
    kind: str,
    *,
    seed: int | None = None,
    values: Mapping[str, object] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield all assignments as notebooks of one kind, as a variant perhaps.

    Parameters
    ----------
    kind : {"student", "nbgrader", "solution"}
        See `vdsr_lib.suite.assignments.generate`.
    seed, values : optional
        As for `make_course`.

    Yields
    ------
    tuple of str
        The assignment's name, and the ``.ipynb``'s text.
    """
    for path in sources():
        drawn = {} if seed is None else variant(path.stem[:2], seed)
        yield path.stem, generate(path, kind, drawn | dict(values or {}))


def release_versions(folder: Path) -> list[Path]:
    """Have nbgrader generate the students' versions of a course's assignments.

    Parameters
    ----------
    folder : pathlib.Path
        A course of `make_course`.

    Returns
    -------
    list of pathlib.Path
        The notebooks in ``release/``; the gradebook knows their tasks and points.

    Raises
    ------
    LabError
        If nbgrader is not installed, or refuses an assignment.
    """
    folder = from_home(folder)
    api = _teacher(folder)
    for path in sources():
        result = api.generate_assignment(path.stem, force=True, create=True)
        if not result["success"]:
            what = result.get("error") or result.get("log")
            raise LabError(f"nbgrader did not generate {path.stem}: {what}")
    return [folder / "release" / p.stem / f"{p.stem}.ipynb" for p in sources()]


def _teacher(folder: Path) -> Any:
    """Return nbgrader's own interface to a course, without its configuration file."""
    try:
        from nbgrader.apps.api import NbGraderAPI  # type: ignore[import-untyped]
        from nbgrader.coursedir import (  # type: ignore[import-untyped]
            CourseDirectory,
        )
        from traitlets.config import Config
    except ImportError as error:
        text = "nbgrader is not installed: pip install 'vdsr-lib[classroom]'"
        raise LabError(text) from error
    # nbgrader calls the program alembic, which stands beside this interpreter
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    config = Config()
    config.CourseDirectory.root = str(folder.resolve())
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def _filled(template: str, course: str) -> str:
    """Return one of the texts beside this module, with the names filled in."""
    text = (_HERE / template).read_text("utf-8")
    first = sources()[0].stem
    names = {"COURSE": course, "KERNEL": KERNEL, "FIRST": first}
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    return text


def _kernelspec() -> str:
    """Return a kernelspec of whatever interpreter runs nbgrader, with limits.

    Jupyter puts its own interpreter in the place of the word python, so that the same
    course folder works in a container.
    """
    module = "vdsr_lib.suite.limited_kernel"
    limits = {name: str(value) for name, (_, value) in LIMITS.items()}
    limits |= {name: str(value) for name, value in (OUTPUT, WALL)}
    spec = {
        "argv": ["python", "-m", module, "-f", "{connection_file}"],
        "display_name": "Python 3 with limits (grading)",
        "language": "python",
        "env": limits | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    }
    return json.dumps(spec, indent=1) + "\n"
