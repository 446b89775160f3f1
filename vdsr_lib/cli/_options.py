"""What several commands share: options, and the exit status after Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["INTERRUPTED", "Device", "Only", "Profile", "Seed", "Store"]

INTERRUPTED = 130
"""Exit status after Ctrl-C (or SIGTERM)."""

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
Store = Annotated[
    Path | None,
    typer.Option(
        help="Folder of finished runs. Default: VDSR_RUNS_DIR, else a cache folder."
    ),
]
