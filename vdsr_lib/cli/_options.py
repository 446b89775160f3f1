"""What several commands share: options, and the exit status after Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["INTERRUPTED", "Device", "Only", "Profile", "Seed", "Store", "Tile"]

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
