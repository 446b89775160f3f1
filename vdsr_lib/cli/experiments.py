"""``vdsr experiments``: what there is, what it costs here, and running one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdsr_lib.cli._estimates import duration, rates
from vdsr_lib.cli._options import Device, Only, Profile, Seed, Store
from vdsr_lib.cli._output import print_table
from vdsr_lib.cli.making import run
from vdsr_lib.errors import LabError

if TYPE_CHECKING:
    from vdsr_lib.experiments import Cost, Experiment, Recorded, RunStore

__all__ = ["commands"]

commands = typer.Typer(invoke_without_command=True)


@commands.callback()
def list_all(
    context: typer.Context,
    profile: Profile = "quick",
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = None,
) -> None:
    """List the paper's experiments, what each costs on this machine, and run them.

    About two seconds of training measure the machine; nothing else is started. Times
    are those of a machine that does nothing else. A run that several experiments
    share is made once.
    """
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    from vdsr_lib.experiments import EXPERIMENTS, RunStore, run_cost

    kept = RunStore(store)
    rows: list[Sequence[str]] = [
        ("experiment", "runs", "here", "steps", "all runs", "to do", "what it compares")
    ]
    costs: dict[str, Cost] = {}
    every: list[Cost] = []
    for name, experiment in EXPERIMENTS.items():
        own = {r.key(seed): run_cost(r) for r in experiment.runs(profile)}
        every += own.values()
        for key, cost in own.items():  # a shared run may be tested on different sets
            both = cost, costs.get(key, cost)
            costs[key] = max(both, key=lambda each: each.operations)
        rows.append((name, *_numbers(own, kept, device), experiment.title))
    rows.append(("all of them", *_numbers(costs, kept, device), "shared runs once"))
    print_table(rows, left={0, 6})
    typer.echo(f"\nProfile {profile}, at {rates(costs.values(), device)}.")
    _print_uncounted(every)
    typer.echo(f"Finished runs are kept in {kept.folder}.")
    typer.echo("'vdsr experiments run NAME' makes what is to do.")


@commands.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from 'vdsr experiments'.")],
    profile: Profile = "quick",
    only: Only = None,
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = None,
) -> None:
    """List the runs of one experiment: steps, time on this machine, and folder."""
    from vdsr_lib.experiments import RunStore, get_experiment, narrowed, run_cost

    experiment, kept = narrowed(get_experiment(name), profile, only), RunStore(store)
    runs = experiment.runs(profile)
    typer.echo(f"{name}: {experiment.title} ({experiment.source})\n")
    costs = [run_cost(each) for each in runs]
    rows: list[Sequence[str]] = [("run", "steps", "time", "here", "folder")]
    for each, cost in zip(runs, costs, strict=True):
        key, time = each.key(seed), duration(cost.seconds(device))
        here = "yes" if key in kept else "no"
        rows.append((each.name, f"{cost.steps:,}", time, here, key))
    print_table(rows, left={0, 3, 4})
    typer.echo(f"\nProfile {profile}, at {rates(costs, device)}.")
    _print_uncounted(costs)
    typer.echo(f"Folders are in {kept.folder}.")


commands.command()(run)


@commands.command()
def record(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Experiments; all that have a finished run if none."),
    ] = None,
    profile: Profile = "paper",
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of NAME.json. Default: data/recorded.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the weights. Default: data/weights, or the folder weights "
            "in --output."
        ),
    ] = None,
) -> None:
    """Write finished runs down: table, curves, frames, and weights with their cards.

    Nothing is trained; scores that are not in the store yet are measured. Runs that
    are not finished are named in the file with what they would cost, or with the
    experiment beside it that has recorded them.
    """
    from vdsr_lib.experiments import EXPERIMENTS, RunStore, record_experiment

    kept = RunStore(store)
    for name in names or _with_finished_runs(EXPERIMENTS, profile, seed, kept):
        done = record_experiment(
            name,
            profile,
            seed=seed,
            store=kept,
            output=output,
            weights=weights,
            device=device,
        )
        _print_recorded(name, done)


@commands.command()
def score(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Weights that ship; all of them if none."),
    ] = None,
    device: Device = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Folder of the weights. Default: data/weights.")
    ] = None,
) -> None:
    """Measure weights on the benchmark sets that their cards lack, and add them.

    For weights whose makers did not have all pictures, Urban100's say. The weights
    stay as they are. On a CPU a network of depth 20 takes Urban100 an hour. A set
    whose pictures are absent or damaged is named with the reason.
    """
    from vdsr_lib._files import data_file, from_home
    from vdsr_lib.devices import resolve_device
    from vdsr_lib.errors import WeightsError
    from vdsr_lib.experiments.completing import complete_card
    from vdsr_lib.experiments.material import Material
    from vdsr_lib.weights import read_card

    folder = data_file("weights") if weights is None else from_home(weights)
    files = [folder / f"{name}.safetensors" for name in names or ()]
    if not (files := files or sorted(folder.glob("*.safetensors"))):
        raise WeightsError(f"{folder}: no weights there, no file NAME.safetensors")
    for path in files:
        read_card(path)  # a wrong name is refused before anything is measured
    material = Material(resolve_device(device), verified=True)
    for path in files:
        added, refused = complete_card(path, material)
        for shown, table in added.items():
            cells = (f"x{scale:g} {row.psnr:.2f}" for scale, row in table.iterrows())
            typer.echo(f"{path.stem}: {shown} {', '.join(cells)}")
        for shown, error in refused.items():
            typer.echo(f"{path.stem}: {shown} is still lacking: {error}")
        if not added and not refused:
            typer.echo(f"{path.stem}: nothing to add")


@commands.command()
def compare(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; is the page up to date?")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the page alone, to this file."),
    ] = None,
) -> None:
    """Lay every recorded number beside the paper's, and list what ships.

    Writes the page docs/ours_against_the_paper.md, and the two tables in
    data/README.md, from what is in data/recorded and data/weights.

    Exit status: 1 when --check finds that they say something else.
    """
    from vdsr_lib._files import data_file, from_home, write_atomically
    from vdsr_lib.experiments.comparing import comparison_page
    from vdsr_lib.experiments.datasheet import filled
    from vdsr_lib.experiments.known import Known

    docs = data_file().parent / "docs"
    if output is None and not docs.is_dir():
        raise LabError(
            f"{docs.parent} is no checkout, it has no folder docs: give --output FILE"
        )
    known, sheet = Known.shipped(), data_file("README.md")
    page = docs / "ours_against_the_paper.md"
    command = "vdsr experiments compare"
    if output is not None:
        page, command = from_home(output), f"{command} --output {output}"
    wanted = {page: comparison_page(known)}
    if output is None:
        wanted[sheet] = filled(sheet.read_text(encoding="utf-8"), known)
    stale = [path for path, text in wanted.items() if not _holds(path, text)]
    for path, text in wanted.items():
        if path in stale and check:
            typer.echo(f"{path} is out of date: run '{command}'")
        elif path in stale:
            typer.echo(f"wrote {write_atomically(path, text)}")
        else:
            typer.echo(f"{path} is up to date")
    raise typer.Exit(bool(stale and check))


def _holds(path: Path, text: str) -> bool:
    """Whether a file has this text."""
    return path.is_file() and path.read_text("utf-8", errors="replace") == text


def _with_finished_runs(
    experiments: Mapping[str, Experiment], profile: str, seed: int, kept: RunStore
) -> list[str]:
    """Return the experiments of which a store has a run."""
    names = [
        name
        for name, experiment in experiments.items()
        if any(each.key(seed) in kept for each in experiment.runs(profile))
    ]
    if not names:
        raise ValueError(f"{kept.folder} holds no finished run at profile {profile}")
    return names


def _print_recorded(name: str, done: Recorded) -> None:
    """Say what was written, and what is still missing."""
    from vdsr_lib.weights import read_card

    typer.echo(f"{name}: {done.recording.provenance}\n  {done.path}")
    for trained, path in done.weights.items():
        card = read_card(path)
        stored = "float16" if card["float16"]["used"] else "float32"
        scores = ", ".join(f"{n} {v:.2f}" for n, v in card["scores"]["Set5"].items())
        typer.echo(f"  {path.stem} ({trained}): {stored}, Set5 {scores}")
    for lacking, cost in done.recording.record["missing"].items():
        typer.echo(f"  {lacking}: {cost}")


def _refuse_options_before(context: typer.Context) -> None:
    """Refuse options that stand before a subcommand and would not reach it."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            command = context.invoked_subcommand
            raise ValueError(f"give --{name} after '{command}', not before it")


def _numbers(costs: dict[str, Cost], kept: RunStore, device: str) -> Sequence[str]:
    """Return the cells for some runs: how many, how many here, steps, times."""
    seconds = {key: cost.seconds(device) for key, cost in costs.items()}
    missing = [key for key in costs if key not in kept]
    return (
        str(len(costs)),
        str(len(costs) - len(missing)),
        f"{sum(cost.steps for cost in costs.values()):,}",
        duration(sum(seconds.values())),
        duration(sum(seconds[key] for key in missing)) if missing else "-",
    )


def _print_uncounted(costs: Iterable[Cost]) -> None:
    """Name the test sets whose time is missing from the estimates."""
    names = dict.fromkeys(name for cost in costs for name in cost.uncounted)
    if names:
        sets = ", ".join(names)
        typer.echo(f"Not counted: the final measurement on {sets}, which is not here.")
