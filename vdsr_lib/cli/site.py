"""``vdsr site``: everything that there is to read, as one site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vdsr_lib.cli._output import end_with_problems

__all__ = ["commands_page", "site"]


def site(
    context: typer.Context,
    results: Annotated[
        Path, typer.Option(help="Where 'vdsr reproduce' left the lessons as they ran.")
    ] = Path("results"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the site. Default: RESULTS/site.")
    ] = None,
) -> None:
    """Make one site of lessons, guides, answers, commands and library.

    It can be searched, and needs no network and no server: open its index.html. A
    lesson that 'vdsr reproduce' has not run has a page without outputs. Needs a
    checkout, and the extra "site".

    Exit status: 1 when a page has a problem.
    """
    from vdsr_lib.suite.site import build_site

    made = build_site(
        results, output, commands=commands_page(context.find_root().command)
    )
    if made.not_run:
        typer.echo(f"not run yet: {', '.join(made.not_run)}")
    typer.echo(f"wrote {made.index}")
    end_with_problems(made.problems)


def commands_page(program: Any) -> str:
    """Return what ``--help`` says of each command, as one Markdown page.

    Parameters
    ----------
    program : click.Group
        As `typer.main.get_command` makes it.

    Returns
    -------
    str
    """
    from typer.cli import get_docs_for_click

    context = typer.Context(program, info_name="vdsr")
    page = get_docs_for_click(obj=program, ctx=context, name="vdsr")
    return page.replace("# `vdsr`", "# The commands", 1)
