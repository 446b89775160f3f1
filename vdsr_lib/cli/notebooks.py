"""``vdsr notebooks``: generate the lessons, or check them and their style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdsr_lib.cli._options import Check, Overwrite
from vdsr_lib.cli._output import end_with_problems, print_written

__all__ = ["notebooks"]


def notebooks(
    check: Check = False,
    force: Overwrite = False,
    source: Annotated[
        Path | None, typer.Option(help="Folder of the sources NN_name.py.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="Folder of the generated notebooks.")
    ] = None,
) -> None:
    """Generate notebooks/NN_name.ipynb from notebooks/source/NN_name.py.

    The exercises in notebooks/exercises are generated too, from source/exercises.
    With --check, compare the notebooks with their sources and check the lessons'
    style; the exit status is 1 when there is a problem.
    """
    from vdsr_lib.suite import assignments
    from vdsr_lib.suite import notebooks as lessons
    from vdsr_lib.suite.style import check_all

    both = [
        None if folder is None else folder / "exercises" for folder in (source, target)
    ]
    has_exercises = source is None or (source / "exercises").is_dir()
    if not check:
        written = lessons.build(source, target, force=force)
        if has_exercises:
            written += assignments.build(*both, force=force)
        print_written(written, "notebooks")
        return
    problems = lessons.check(source, target) + check_all(source)
    if has_exercises:
        problems += assignments.check(*both)
    end_with_problems(problems)
