"""What several commands share: options, and what is to be checked of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdsr_lib._files import from_home, require_writable

__all__ = [
    "INTERRUPTED",
    "Check",
    "Device",
    "Model",
    "Only",
    "Overwrite",
    "Profile",
    "Scales",
    "Seed",
    "Store",
    "Tile",
    "numbers",
    "require_target",
]

INTERRUPTED = 130
"""Exit status after Ctrl-C (or SIGTERM)."""

_SMALLEST_TILE = 32  # at depth 20 a pixel is computed 5 times; in tiles of 1, 1,681


def _large_enough(tile: int | None) -> int | None:
    """Refuse tiles that would be all overlap, and take hours."""
    if tile and tile < _SMALLEST_TILE:
        raise ValueError(f"--tile must be 0, or {_SMALLEST_TILE} or more, got {tile}")
    return tile


Profile = Annotated[
    str, typer.Option(help="quick (two CPU cores), classroom, or paper (a GPU).")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Model = Annotated[
    str, typer.Option(help="bicubic, the name of shipped weights, or a file.")
]
Scales = Annotated[str, typer.Option(help="Scales, with commas.")]
Seed = Annotated[int, typer.Option(help="Of initial weights and order of patches.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        help="Some runs alone: names or patterns ('residual*'), with commas or "
        "repeated. 'vdsr experiments show NAME' lists the names."
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(
        help=f"Side of the tiles in pixels, {_SMALLEST_TILE} or more; 0: no tiles.",
        callback=_large_enough,
    ),
]
Store = Annotated[
    Path | None,
    typer.Option(
        help="Folder of finished runs. Default: VDSR_RUNS_DIR, else a cache folder."
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; name every problem.")
]
Overwrite = Annotated[
    bool, typer.Option("--force", help="Overwrite notebooks edited by hand.")
]


def numbers(option: str, text: str) -> list[float]:
    """Return the numbers of a list with commas.

    Parameters
    ----------
    option : str
        Its name, for the error: ``"--scales"``.
    text : str
        What was given: ``"2,3,4"``.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If a part is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be like 2,3,4, got {text!r}") from None


def require_target(path: Path, *, replace: bool) -> None:
    """Refuse a file that cannot be written or must not be: before the work.

    Parameters
    ----------
    path : pathlib.Path
        The file that is to be written later.
    replace : bool
        Whether a file that is there may go: ``--force``.

    Raises
    ------
    ValueError
        If `path` exists, and may not be replaced.
    LabError
        If `path` is a folder, or nothing can be written there.
    """
    require_writable(path)
    if from_home(path).exists() and not replace:
        raise ValueError(f"{path} exists: choose another name, or pass --force")
