"""``vdsr notebooks``: generate the lessons, or check them and their style."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command ``notebooks`` to the command line.

    Parameters
    ----------
    app : typer.Typer
    """
    app.command(name="notebooks")(notebooks)


def notebooks(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; name every problem.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite notebooks edited by hand.")
    ] = False,
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
        for path in written:
            typer.echo(f"wrote {path}")
        if not written:
            typer.echo("all notebooks are up to date")
        return
    problems = lessons.check(source, target) + check_all(source)
    if has_exercises:
        problems += assignments.check(*both)
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"problems: {len(problems)}")
    raise typer.Exit(bool(problems))
