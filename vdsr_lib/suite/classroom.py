"""A ready nbgrader course: source notebooks, configuration, and a kernel with limits.

``make_course(folder)`` writes what a teacher would write by hand. From there nbgrader
does the rest: generate, release, collect, autograde, feedback, export.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from vdsr_lib._files import write_atomically
from vdsr_lib.errors import LabError
from vdsr_lib.suite.assignments import generate, sources
from vdsr_lib.suite.limited_kernel import LIMITS

__all__ = ["KERNEL", "make_course"]

KERNEL = "vdsr-limited"
"""Name of the kernel that runs submissions."""

_CONFIG = '''\
"""nbgrader's configuration of this course; written by `vdsr exercises course`."""

import os
from pathlib import Path

here = Path(__file__).resolve().parent
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course!r}
c.CourseDirectory.root = str(here)
c.Exchange.root = os.environ.get("VDSR_EXCHANGE", str(here / "exchange"))

# Submissions run in a kernel with limits on memory, processor time and files; it
# is found in this folder. This is no sandbox: see the teacher's guide.
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    [str(here / "jupyter"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
)
os.environ.setdefault("OMP_NUM_THREADS", "1")
c.Execute.kernel_name = {kernel!r}
c.Execute.timeout = 180  # seconds a cell may take
c.Execute.startup_timeout = 180
c.Execute.error_on_timeout = {{
    "ename": "CellTimeoutError",
    "evalue": "the cell took more than 180 seconds and was stopped",
    "traceback": ["CellTimeoutError: the cell took more than 180 seconds"],
}}
c.LimitOutput.max_lines = 200
c.LimitOutput.max_traceback = 40
'''


def make_course(
    folder: Path, *, course: str = "vdsr", values: Mapping[str, object] | None = None
) -> list[Path]:
    """Write a course folder for nbgrader.

    Parameters
    ----------
    folder : pathlib.Path
        New, or made by this function before; then its sources are renewed, and
        submissions, grades and feedback stay as they are.
    course : str
        nbgrader's course id, letters and digits.
    values : mapping of str to object, optional
        A variant: see `vdsr_lib.suite.assignments.generate`.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    LabError
        If the folder holds somebody else's nbgrader_config.py.
    """
    config = folder / "nbgrader_config.py"
    if config.exists() and "vdsr exercises course" not in config.read_text("utf-8"):
        raise LabError(f"{config} is not of this project: give another folder")
    texts = {
        folder / "source" / p.stem / f"{p.stem}.ipynb": generate(p, "nbgrader", values)
        for p in sources()
    }
    texts[config] = _CONFIG.format(course=course, kernel=KERNEL)
    texts[folder / "jupyter" / "kernels" / KERNEL / "kernel.json"] = _kernelspec()
    return [write_atomically(path, text) for path, text in texts.items()]


def _kernelspec() -> str:
    """Return the kernelspec of this very interpreter, with limits."""
    module = "vdsr_lib.suite.limited_kernel"
    spec = {
        "argv": [sys.executable, "-m", module, "-f", "{connection_file}"],
        "display_name": "Python 3 with limits (grading)",
        "language": "python",
        "env": {name: str(value) for name, (_, value) in LIMITS.items()},
    }
    return json.dumps(spec, indent=1) + "\n"
