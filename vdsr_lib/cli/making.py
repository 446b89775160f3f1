"""``vdsr experiments run``: make runs, one experiment's or many within a time."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdsr_lib.cli._estimates import count_of, estimate
from vdsr_lib.cli._options import INTERRUPTED, Device, Only, Profile, Seed, Store
from vdsr_lib.errors import LabError

if TYPE_CHECKING:
    from vdsr_lib.experiments import Experiment, RunStore, Task
    from vdsr_lib.experiments.sweep import Outcome

__all__ = ["FAILED", "LEFT", "run"]

LEFT, FAILED = 75, 1
"""Exit status when a budget is over and runs are left (sysexits.h: try again), and
when nothing is left but what failed."""


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Names from 'vdsr experiments'; NAME:RUN means some runs alone.",
        ),
    ] = None,
    profile: Profile = "quick",
    only: Only = None,
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Spread the runs over Dask workers: local (one a core or GPU), or "
            "the address of a scheduler, tcp://HOST:8786. See docs/scaling.md."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Also write table and curves: FILE.json.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All experiments, the most telling first.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds: stop when they are over, with a checkpoint."),
    ] = None,
) -> None:
    """Make the runs of an experiment that do not exist yet, and print its table.

    Ctrl-C stops after the current step with a checkpoint written; the same command
    goes on from there, also after a crash.

    With several names, --all or --budget, runs are made one after another and no table
    is printed: their test pictures need not be here. A run that several experiments
    share is made once; one that fails is named, and the next begins.

    Exit status: 0 when all is made (a run that diverged is a result); 75 when the
    budget is over and runs are left: call again; 1 when nothing is left but runs that
    failed; 2 for a mistake; 130 after Ctrl-C.
    """
    chosen = _names(names, every=every)
    if len(chosen) == 1 and not every and budget is None:
        where = Path(store) if store is not None else None
        _run_one(chosen[0], profile, only, seed, (device, where, scheduler, output))
        return
    for option, value in (("scheduler", scheduler), ("output", output)):
        if value is not None:
            raise ValueError(
                f"--{option} goes with one experiment and without --budget"
            )
    if only is not None and len(chosen) > 1:
        raise ValueError("--only goes with one experiment; with more, write NAME:RUN")
    if only is not None:
        _refuse_twice(chosen[0])
        chosen = [f"{chosen[0]}:{','.join(only)}"]
    _run_many(chosen, profile, seed, store, device, budget)


def _names(names: list[str] | None, *, every: bool) -> list[str]:
    """Return the experiments that are meant."""
    from vdsr_lib.experiments import BY_VALUE

    if every and names:
        raise ValueError("give names or --all, not both")
    if not every and not names:
        raise ValueError("give the name of an experiment, or --all")
    return list(BY_VALUE) if every else list(names or ())


def _refuse_twice(name: str) -> None:
    """Refuse runs that are chosen in the name and by an option."""
    if ":" in name:
        raise ValueError("give the runs once: as NAME:RUN, or with --only")


def _run_one(
    text: str,
    profile: str,
    only: list[str] | None,
    seed: int,
    how: tuple[str, Path | None, str | None, Path | None],
) -> None:
    """Make one experiment's runs, and print its table."""
    from vdsr_lib._files import require_writable
    from vdsr_lib.experiments import (
        RunStore,
        StoppedError,
        get_experiment,
        narrowed,
        run_experiment,
    )

    device, store, scheduler, output = how
    if output is not None:
        require_writable(output)
    name, colon, part = text.partition(":")
    if only is not None:
        _refuse_twice(text)
    experiment = narrowed(get_experiment(name), profile, part if colon else only)
    kept = RunStore(store)
    _announce(experiment, profile, device, seed, (kept, scheduler))
    try:
        result = run_experiment(
            experiment,
            profile,
            device=device,
            seed=seed,
            store=kept,
            scheduler=scheduler,
        )
    except (StoppedError, KeyboardInterrupt) as stop:
        typer.echo(f"vdsr: {stop or 'interrupted before a run began'}", err=True)
        raise typer.Exit(INTERRUPTED) from None
    shown = result.table.assign(seconds=result.table.seconds.round(1))
    decimals = {"psnr": "{:.2f}", "bicubic": "{:.2f}", "ssim": "{:.4f}"}
    formats = {column: form.format for column, form in decimals.items()}
    typer.echo(shown.to_string(index=False, formatters=formats))
    typer.echo(f"\n{result.provenance}\nThe runs are in {kept.folder}.")
    if output is not None:
        typer.echo(f"Table and curves: {result.write(output)}")


def _run_many(
    names: list[str],
    profile: str,
    seed: int,
    store: Path | None,
    device: str,
    budget: float | None,
) -> None:
    """Make runs of some experiments within a time, and say what is left."""
    from vdsr_lib.experiments import RunStore, make_all, run_cost, tasks_of
    from vdsr_lib.experiments.sweep import require_budget
    from vdsr_lib.training import Silent

    require_budget(budget)
    start = time.monotonic()
    tasks, kept = tasks_of(names, profile, seed), RunStore(store)
    costs = [run_cost(task.run) for task in tasks if task.key not in kept]
    head = f"{count_of(len(tasks))} at {profile}, {len(costs)} to make"
    typer.echo(f"{head}: {estimate(costs, device)}.\n" if costs else f"{head}.\n")
    try:
        sweep = make_all(
            tasks,
            seed,
            store=kept,
            device=device,
            budget=_what_is_left(budget, since=start),
            monitor=None if sys.stderr.isatty() else Silent(),
            told=_print_outcome,
        )
    except KeyboardInterrupt:
        typer.echo("vdsr: interrupted; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"\nThe runs are in {kept.folder}.")
    if sweep.failed:
        typer.echo(
            f"vdsr: {count_of(len(sweep.failed))} failed, to be tried again by the "
            "same command; 'vdsr experiments run NAME:RUN' alone shows where",
            err=True,
        )
    if not sweep.left:
        if sweep.failed:
            raise typer.Exit(FAILED)
        typer.echo("All are made: 'vdsr experiments run NAME' prints a table.")
        return
    left = [run_cost(task.run) for task in sweep.left]
    why = "interrupted" if sweep.interrupted else "the budget is over"
    typer.echo(
        f"vdsr: {why}; {count_of(len(left))} left, from {str(sweep.left[0])!r} on "
        f"({estimate(left, device)}): the same command goes on",
        err=True,
    )
    raise typer.Exit(INTERRUPTED if sweep.interrupted else LEFT)


def _what_is_left(budget: float | None, *, since: float) -> float | None:
    """Return the rest of a budget: measuring the machine took some of it."""
    if budget is None:
        return None
    return max(1e-3, budget - (time.monotonic() - since))


def _print_outcome(task: Task, made: Outcome) -> None:
    """Print the line of a run that has just been made, or has failed."""
    if isinstance(made, Exception):
        kind = "" if isinstance(made, LabError) else f"{type(made).__name__}: "
        typer.echo(f"{task}: failed: {kind}{made}")
        return
    last, seconds = made.history.epochs, made.record["provenance"]["seconds"]
    steps = f"{last[-1]['step']:,} steps in {seconds:.0f} s" if last else "no epoch"
    scores = made.history.validations[-1]
    shown = ", ".join(
        f"{name.removeprefix('psnr_')} {value:.2f}"
        for name, value in scores.items()
        if name.startswith("psnr_")
    )
    outcome = made.record["message"] or f"{shown} dB on {task.run.validate.dataset}"
    typer.echo(f"{task}: {steps}; {outcome}")


def _announce(
    experiment: Experiment,
    profile: str,
    device: str,
    seed: int,
    where: tuple[RunStore, str | None],
) -> None:
    """Say what will be made, and how long that takes, before it begins."""
    from vdsr_lib.experiments import run_cost

    kept, scheduler = where
    runs = experiment.runs(profile)
    costs = [run_cost(each) for each in runs if each.key(seed) not in kept]
    head = (
        f"{experiment.name} at {profile}: {count_of(len(runs))}, {len(costs)} to make"
    )
    if not costs:
        typer.echo(f"{head}.\n")
        return
    if scheduler not in (None, "local"):  # other machines: nothing is measured here
        steps = f"{sum(cost.steps for cost in costs):,} steps"
        operations = sum(cost.operations for cost in costs)
        typer.echo(f"{head}: {steps}, {operations:.2g} operations.\n")
        return
    typer.echo(f"{head}: {estimate(costs, device)}.\n")
