"""What several commands print: tables, and what became of generated files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import typer

__all__ = ["end_with_problems", "print_table", "print_written"]


def print_table(rows: Sequence[Sequence[str]], left: set[int]) -> None:
    """Print rows in columns, those in `left` aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo("  ".join(cells).rstrip())


def print_written(paths: Iterable[Path], what: str) -> None:
    """Name the files that were written, or say that none had to be."""
    paths = list(paths)
    for path in paths:
        typer.echo(f"wrote {path}")
    if not paths:
        typer.echo(f"all {what} are up to date")


def end_with_problems(problems: Sequence[str]) -> NoReturn:
    """Print problems and their number, and end with status 1 if there are any."""
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"problems: {len(problems)}")
    raise typer.Exit(bool(problems))
