"""A run's network as it was before the first step."""

from __future__ import annotations

import torch

from vdsr_lib.experiments.declare import Run
from vdsr_lib.models import SRCNN, VDSR, build

__all__ = ["untrained"]


def untrained(run: Run, seed: int = 0) -> VDSR | SRCNN:
    """Return the network that a run starts from, to hold the trained one against it.

    Parameters
    ----------
    run : Run
        One of an experiment's runs.
    seed : int
        The experiment's, 0 or above.

    Returns
    -------
    VDSR or SRCNN
        With the very weights that `make_run` draws, on the CPU.

    Raises
    ------
    ValueError
        If the seed is below 0.
    """
    generator = torch.Generator().manual_seed(run.recipe(seed).seed)
    return build(run.architecture, generator=generator).eval()
