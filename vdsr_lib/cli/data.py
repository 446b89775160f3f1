"""``vdsr data``: list, fetch, verify and pack the data sets; say where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from vdsr_lib.cli._output import print_table

__all__ = ["commands"]

commands = typer.Typer(
    no_args_is_help=True, help="List, fetch, verify and pack the data sets."
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the data sets. Default: VDSR_DATA_DIR, else a cache folder.",
    ),
]
Row = tuple[str, str, str, str, str, str]


@commands.command(name="list")
def list_sets(data_dir: DataDir = None) -> None:
    """List the data sets: pictures, size, use, terms of use, and what is here."""
    from vdsr_lib import datasets

    header: Row = ("set", "pictures", "MB", "use", "here", "terms of use")
    rows = [header, *(_embedded_row(name) for name in datasets.EMBEDDED)]
    rows += [_source_row(name, data_dir) for name in datasets.sources()]
    rows += [_composite_row(name, data_dir) for name in datasets.composites()]
    print_table(rows, left={0, 3, 4, 5})
    typer.echo("\nGet a set with 'vdsr data fetch NAME'; any folder of pictures works.")


@commands.command(name="fetch")
def fetch_sets(
    names: Annotated[list[str], typer.Argument(help="Names from 'vdsr data list'.")],
    data_dir: DataDir = None,
    mirror: Annotated[
        str | None,
        typer.Option(help="Address of a server that serves a data folder."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Files at a time, 1 to 32.")] = 8,
) -> None:
    """Download data sets; files that are there and right are kept.

    A teacher can serve a data folder to a class with
    'python -m http.server --directory "$(vdsr data where)"'; the students then give
    --mirror http://ADDRESS:8000.
    """
    from vdsr_lib import datasets

    for name in names:  # a wrong name is refused before anything is downloaded
        if name.lower() not in datasets.EMBEDDED:
            datasets.presence(name, data_dir=data_dir)
    for name in names:
        files = datasets.fetch(
            name, data_dir=data_dir, base_url=mirror, workers=workers
        )
        folders = ", ".join(sorted({str(path.parent) for path in files}))
        typer.echo(f"{name}: {len(files)} pictures in {folders}")


@commands.command(name="verify")
def verify_sets(
    names: Annotated[
        list[str] | None, typer.Argument(help="Default: every set that is here.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Compare every file with its sha256; the exit status is 1 if one is not right.

    The embedded sets are checked whenever they are loaded.
    """
    from vdsr_lib import datasets

    none_is_here, whole = True, True
    for name in names or datasets.sources():
        found = datasets.verify(name, data_dir=data_dir)
        if names or found["right"] or found["wrong"]:
            none_is_here = False
            whole &= _print_verified(name, found, data_dir)
    if none_is_here:
        typer.echo(
            "no downloaded data set is here: get one with 'vdsr data fetch NAME'"
        )
    raise typer.Exit(0 if whole else 1)


@commands.command(name="pack")
def pack_sets(
    names: Annotated[list[str], typer.Argument(help="Names from 'vdsr data list'.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the packs.")
    ] = Path("packs"),
    data_dir: DataDir = None,
) -> None:
    """Put the luma of data sets into one file each, to take them to a GPU or cluster.

    Training and the paper's measures look at a picture's luma alone, so experiments
    give the same bits from a pack; colour is lost, and lessons show grey pictures. A
    pack also spares a shared file system hundreds of small files.
    """
    from vdsr_lib import datasets

    for name in names:  # a wrong name is refused before anything is written
        datasets.presence(name, data_dir=data_dir)
    for name in names:
        for path in datasets.pack(name, output, data_dir=data_dir):
            part = path.name.partition(".")[0]
            count, size = len(datasets.sources()[part].files), path.stat().st_size
            typer.echo(f"{part}: {count} pictures, {size / 1e6:.1f} MB in {path}")
    typer.echo(
        "\nThey hold luma; colour is lost. Where they are needed, set "
        f"VDSR_DATA_DIR={output}"
    )


@commands.command()
def where(data_dir: DataDir = None) -> None:
    """Print the folder of the downloaded data sets, whether or not it exists yet."""
    from vdsr_lib._files import user_data_dir

    typer.echo(user_data_dir(data_dir))


def _print_verified(
    name: str, found: Mapping[str, Sequence[str]], data_dir: Path | None
) -> bool:
    """Print what was found of one set, and tell whether all of it is right."""
    from vdsr_lib._files import user_data_dir
    from vdsr_lib.datasets.loading import fetch_command

    for state in ("wrong", "missing"):
        for file in found[state]:
            typer.echo(f"{state}: {file}")
    right, count = len(found["right"]), sum(map(len, found.values()))
    way = fetch_command(name, user_data_dir(data_dir))
    repair = "" if right == count else f"; repair it with '{way}'"
    typer.echo(f"{name}: {right} of {count} files are right{repair}")
    return right == count


def _embedded_row(name: str) -> Row:
    """Describe an embedded set."""
    from vdsr_lib.datasets import EMBEDDED

    pictures = EMBEDDED[name]
    use = "training" if name.endswith("train") else "test"
    terms = "free or none stated, by picture: see data/README.md"
    if use == "test":
        terms = "free: CC0, public domain or no known restrictions"
    return name, str(len(pictures)), "-", use, "yes", terms


def _source_row(name: str, data_dir: Path | None) -> Row:
    """Describe a downloadable set."""
    from vdsr_lib.datasets import sources

    source = sources()[name]
    size = f"{source.size / 1e6:.1f}"
    here = _here(name, data_dir)
    return name, str(len(source.files)), size, source.use, here, source.terms


def _composite_row(name: str, data_dir: Path | None) -> Row:
    """Describe a name for several sets."""
    from vdsr_lib.datasets import composites

    composite = composites()[name]
    count = sum(len(part.files) for part in composite.parts)
    size = f"{sum(part.size for part in composite.parts) / 1e6:.1f}"
    terms = "those of " + " and ".join(part.name for part in composite.parts)
    return name, str(count), size, composite.use, _here(name, data_dir), terms


def _here(name: str, data_dir: Path | None) -> str:
    """Say how much of a set is on this machine."""
    from vdsr_lib.datasets import packed_parts, presence

    here, count = presence(name, data_dir=data_dir)
    if here == count and packed_parts(name, data_dir=data_dir):
        return "packed"
    return "yes" if here == count else "no" if here == 0 else f"{here} of {count}"
