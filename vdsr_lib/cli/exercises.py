"""``vdsr exercises``: list the assignments, write their notebooks, run them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from vdsr_lib.cli._options import Check, Overwrite
from vdsr_lib.cli._output import end_with_problems, print_written

__all__ = ["commands"]

commands = typer.Typer(
    no_args_is_help=True,
    help="List the assignments, write and run them.",
)

Variant: TypeAlias = Annotated[
    int | None,
    typer.Option(help="A number that draws each assignment's parameters anew."),
]
Single: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", help="One parameter: NAME=VALUE, as scale=4; repeatable."),
]


@commands.command(name="list")
def list_assignments() -> None:
    """List the assignments with their tasks and points."""
    from vdsr_lib.suite.assignments import sources
    from vdsr_lib.suite.notebooks import read_source

    for path in sources():
        cells = read_source(path).cells
        title = cells[0].source.split("\n", 1)[0].lstrip("# ")
        graded = [c.metadata for c in cells if "points" in c.metadata]
        points = sum(int(facts["points"]) for facts in graded)
        names = ", ".join(str(f.get("test") or f["answer"]) for f in graded)
        typer.echo(f"{path.stem}  {title}: {points} points\n    {names}")


@commands.command()
def generate(check: Check = False, force: Overwrite = False) -> None:
    """Generate the students' notebooks in notebooks/exercises from their sources.

    With --check, compare them and check the sources; the exit status is 1 when there
    is a problem. `vdsr notebooks` does both for lessons and exercises.
    """
    from vdsr_lib.suite import assignments

    if check:
        end_with_problems(assignments.check())
    print_written(assignments.build(force=force), "exercises")


@commands.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are written.")],
    kind: Annotated[
        str, typer.Option(help="student, nbgrader (a course's source folder), solution")
    ] = "nbgrader",
    variant: Variant = None,
    set_: Single = None,
) -> None:
    """Write all assignments of one kind: FOLDER/NN_name/NN_name.ipynb."""
    from vdsr_lib._files import write_atomically
    from vdsr_lib.suite.classroom import assignment_texts

    values = _values(set_)
    _warn_of_untried(values)
    for name, text in assignment_texts(kind, seed=variant, values=values):
        target = folder / name / f"{name}.ipynb"
        typer.echo(f"wrote {write_atomically(target, text)}")


@commands.command()
def course(
    folder: Annotated[Path, typer.Argument(help="The course folder to make.")],
    course_id: Annotated[str, typer.Option(help="nbgrader's course id.")] = "vdsr",
    variant: Variant = None,
    set_: Single = None,
) -> None:
    """Make an nbgrader course: sources, nbgrader_config.py, a kernel with limits.

    nbgrader generates the students' versions at once; FOLDER/README.md says what next.
    """
    from vdsr_lib.suite.classroom import make_course, release_versions

    values = _values(set_)
    _warn_of_untried(values)
    for path in make_course(folder, course=course_id, seed=variant, values=values):
        typer.echo(f"wrote {path}")
    for path in release_versions(folder):
        typer.echo(f"generated {path}")
    typer.echo(f"next: read {folder / 'README.md'}")


@commands.command()
def run(
    number: Annotated[
        list[str] | None, typer.Argument(help="Numbers such as 01; all by default.")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="nbgrader (the solutions), or student")
    ] = "nbgrader",
    variant: Variant = None,
    set_: Single = None,
) -> None:
    """Run assignments and count points: all of them, for the solutions.

    Try so whether an assignment can be solved with a value of your own.

    The exit status is 1 when a solution loses a point, or a student's notebook ends
    in anything but NotImplementedError.
    """
    from vdsr_lib.suite.classroom import assignment_texts
    from vdsr_lib.suite.grading import grade

    texts = assignment_texts(kind, seed=variant, values=_values(set_))
    wrong, known = 0, {name[:2]: (name, text) for name, text in texts}
    for wanted in number or ():
        if wanted not in known:
            raise ValueError(
                f"there is no assignment {wanted}; known: {', '.join(known)}"
            )
    for name, text in map(known.__getitem__, number or known):
        marks = grade(text)
        earned, points = (
            sum(getattr(m, n) for m in marks) for n in ("earned", "points")
        )
        typer.echo(f"{name}: {earned:g} of {points:g} points")
        expected = "" if kind == "nbgrader" else "NotImplementedError"
        for mark in (m for m in marks if m.error not in ("", expected)):
            wrong += 1
            typer.echo(f"  cell {mark.cell}: {mark.error}: {mark.message}")
    raise typer.Exit(bool(wrong))


def _values(texts: list[str] | None) -> dict[str, Any]:
    """Return single parameters by name; refuse a name that no assignment has."""
    from vdsr_lib.exercises.variants import VALUES

    values = dict(_value(text) for text in texts or [])
    known = sorted({name for names in VALUES.values() for name in names})
    for name in values:
        if name not in known:
            raise ValueError(
                f"no assignment has a parameter {name!r}; known: {', '.join(known)}"
            )
    return values


def _warn_of_untried(values: dict[str, Any]) -> None:
    """Name the values with which an assignment may have no right answer."""
    from vdsr_lib.exercises.variants import VALUES, untried

    for name, numbers in untried(values).items():
        tried = dict.fromkeys(v for number in numbers for v in VALUES[number][name])
        given = f"{name}={values[name]}"
        typer.echo(
            f"vdsr: {given} was not tried in {', '.join(numbers)}, as "
            f"{', '.join(map(str, tried))} were: 'vdsr exercises run "
            f"{' '.join(numbers)} --set {given}' says whether they can be solved",
            err=True,
        )


def _value(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE; what is no Python literal is a word."""
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise ValueError(f"--set wants NAME=VALUE, such as scale=4; got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
