"""``vdsr reproduce``: run the lessons, and say which claims of the paper held."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vdsr_lib.cli._options import INTERRUPTED, Device, Profile

__all__ = ["reproduce"]


def reproduce(
    profile: Profile = "quick",
    lesson: Annotated[
        list[str] | None,
        typer.Option(help="Number of a lesson, such as 03; repeatable. Default: all."),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for the report and the executed lessons.")
    ] = Path("results"),
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every lesson.")] = 0,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds one cell may take, 0 for no limit. Default: 1800 (quick), "
            "3600 (classroom), no limit (paper)."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Lessons that run at a time, each with its share of the threads. "
            "Default: 2 on a CPU of two cores or more, 1 on a GPU.",
        ),
    ] = None,
    notebooks: Annotated[
        Path | None, typer.Option(help="Folder of other lessons NN_name.ipynb.")
    ] = None,
    claims: Annotated[
        Path | None, typer.Option(help="Another file of claims than the shipped one.")
    ] = None,
) -> None:
    """Run the lessons under papermill, and say which claims of the paper held.

    The output folder gets report.html, claims.json, and every executed lesson as a
    notebook and as a page.

    Exit status: 0 when every claim that is judged at the profile holds; 1 when a
    claim fails, is missing, or is unknown, a kernel takes more memory than is
    promised, or a page cannot be made; 2 for a wrong option; 3 when a lesson did not
    run to its end (a cell failed or timed out, the kernel died, a parameter does not
    exist); 130 after Ctrl-C.
    """
    from vdsr_lib.suite.lessons import find_lessons
    from vdsr_lib.suite.report import table
    from vdsr_lib.suite.reproduction import reproduce as run

    try:
        with _one_interrupt():
            report = run(
                find_lessons(lesson, notebooks),
                output,
                profile=profile,
                device=device,
                seed=seed,
                timeout=timeout,
                jobs=jobs,
                claims_file=claims,
            )
    except KeyboardInterrupt:
        typer.echo("interrupted: no report was written", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(table(report.rows))
    typer.echo(f"\n{report.headline}\nReport: {output / 'report.html'}")
    raise typer.Exit(report.exit_code)


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into KeyboardInterrupt, and mute the rest.

    After an interrupt they stay muted: the process is on its way out.
    """
    both = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: Any) -> None:
        for number in both:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in both}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            for number, handler in before.items():
                signal.signal(number, handler)
