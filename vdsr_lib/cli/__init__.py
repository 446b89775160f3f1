"""The command line: ``vdsr`` or ``python -m vdsr_lib``, one module a command.

Torch and the notebook packages are imported inside the commands, so that ``--help``
answers at once. A user's mistake (a `LabError`, a wrong value, a file that is not
there or cannot be written, an extra that is not installed) ends in one sentence on
standard error and exit status 2, without a traceback.
"""

from __future__ import annotations

import inspect
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

import vdsr_lib
from vdsr_lib.cli import (
    application,
    data,
    doctor,
    evaluate,
    exercises,
    experiments,
    notebooks,
    reproduce,
    site,
    train,
    upscale,
)
from vdsr_lib.errors import LabError, shortened

__all__ = ["app", "main"]

app = typer.Typer(
    name="vdsr",
    help="A laboratory for very deep super-resolution: VDSR against SRCNN, measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vdsr {vdsr_lib.__version__}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_tell_version,
            is_eager=True,
        ),
    ] = False,
) -> None: ...


app.command(name="app")(application.start)
app.command()(doctor.doctor)
app.command()(evaluate.evaluate)
app.command()(notebooks.notebooks)
app.command()(reproduce.reproduce)
app.command()(site.site)
app.command()(train.train)
app.command()(upscale.upscale)
app.add_typer(data.commands, name="data")
app.add_typer(exercises.commands, name="exercises")
app.add_typer(experiments.commands, name="experiments")


def _flow(group: typer.Typer) -> None:
    """Give commands their docstrings as help, each paragraph one line.

    Typer breaks lines where the source does, and then once more at the terminal's edge.
    """
    for command in (*group.registered_commands, group.registered_callback):
        if command and (text := inspect.getdoc(command.callback)):
            paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
            command.help = "\n\n".join(paragraphs)
            command.short_help = paragraphs[0]  # whole, where others list the command
    for below in group.registered_groups:
        if below.typer_instance:
            _flow(below.typer_instance)


_flow(app)


def main() -> None:
    """Run the command line and turn a user's mistake into one sentence."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A file's name that the terminal cannot show must not end a finished work.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (LabError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"vdsr: {shortened(_sentence(error))}", file=sys.stderr)
        sys.exit(2)


def _sentence(error: Exception) -> str:
    """Say in one sentence what a user can do about an error."""
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").startswith("vdsr_lib"):
            raise error  # no package lacks: the library itself is broken
        return (
            f"the package {error.name} is not installed; what the lessons need comes "
            "with 'pip install \".[notebooks]\"' in the project's folder"
        )
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
