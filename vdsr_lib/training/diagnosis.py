"""Two ways in which a training fails, noticed and named with their likely causes.

A run that diverges turns to NaN. A run that is stuck returns the bicubic picture that
it started from: the loss barely moves and PSNR stays at bicubic's. The second is what
people report most when they reproduce VDSR, and it looks like a network that works.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from vdsr_lib.errors import RunError
from vdsr_lib.patches import PatchSet
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.history import History, Row

__all__ = [
    "DivergedError",
    "ReferenceLosses",
    "StuckAtBicubicWarning",
    "divergence",
    "is_divergent",
    "is_stuck",
    "recipe_faults",
    "reference_losses",
    "stuck_causes",
]

_EXPLODED = 1e3  # times the loss of a black picture: no start is as bad
_NEAR = 0.05  # dB: closer than this to bicubic is stuck
_PATIENCE = 100  # steps; the paper's recipe gains more than 1 dB in as many
_LONGER = 500  # and with no fault in the recipe: Adam rested for 290, and then learnt
_CHUNK = 1024  # patches compared at once, so that no large copy is made


class DivergedError(RunError):
    """The loss or the gradient is no longer a number, or has exploded.

    Parameters
    ----------
    message : str
        One sentence: where, and why it may have happened.
    history : History
        What was measured until then; its last row is the step that failed.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self) -> tuple[type[DivergedError], tuple[str, History]]:
        """Keep the history when the error travels between processes."""
        return type(self), (str(self), self.history)


class StuckAtBicubicWarning(RuntimeWarning):
    """The network still returns the bicubic picture after many steps."""


@dataclass(frozen=True)
class ReferenceLosses:
    """The losses, over all patches, of two pictures that no network made.

    Parameters
    ----------
    bicubic : float
        Of the ILR itself.
    black : float
        Of a picture that is 0 everywhere.
    """

    bicubic: float
    black: float


@torch.no_grad()
def reference_losses(patches: PatchSet, loss: str) -> ReferenceLosses:
    """Return what the loss of a training is to be compared with.

    Parameters
    ----------
    patches : PatchSet
        The training patches.
    loss : {"sum", "mean"}
        As in `TrainingConfig`.

    Returns
    -------
    ReferenceLosses
        Squared errors in (0..1) squared: summed over the pixels of a patch, or
        averaged over them; averaged over the patches.
    """
    count = patches.ilr.shape[0]
    chunks = [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]
    bicubic = [(patches.ilr[c] - patches.hr[c]).square().sum() for c in chunks]
    black = [patches.hr[c].square().sum() for c in chunks]
    size = count if loss == "sum" else count * patches.patch_size**2
    sums = torch.stack([torch.stack(bicubic).sum(), torch.stack(black).sum()])
    return ReferenceLosses(*(sums / size).tolist())


def is_divergent(row: Row, references: ReferenceLosses) -> bool:
    """Say whether a step's loss or gradient is not finite, or the loss exploded.

    Parameters
    ----------
    row : dict
        With ``loss`` and ``gradient_norm``.
    references : ReferenceLosses
        Of the patches. A loss a thousand times that of a black picture has exploded.

    Returns
    -------
    bool
    """
    finite = math.isfinite(row["loss"]) and math.isfinite(row["gradient_norm"])
    return not finite or row["loss"] > _EXPLODED * max(references.black, 1e-12)


def divergence(row: Row, config: TrainingConfig) -> str:
    """Return the sentence that says where a run diverged, and why it may have.

    Parameters
    ----------
    row : dict
        The step that failed.
    config : TrainingConfig
        Its recipe.

    Returns
    -------
    str
    """
    rate = f"learning rate {row['learning_rate']:g}"
    if config.clipping == "none":
        cause = f"nothing clips the gradient at {rate}: use clipping='adjustable'"
    elif config.clipping == "adjustable":
        cause = (
            f"theta {config.theta:g} (authors' code: 1e-4) lets a weight move that far "
            "in one step; or the patches are not in [0, 1]"
        )
    else:
        cause = (
            f"clipping={config.clipping!r} with theta {config.theta:g} is too wide for "
            f"{rate}: lower one of the two, or use clipping='adjustable', theta=1e-4"
        )
    return (
        f"training diverged at step {row['step']} (epoch {row['epoch']}): "
        f"loss {row['loss']:g}, gradient norm {row['gradient_norm']:g}. "
        f"Likely cause: {cause}"
    )


def is_stuck(
    rows: Sequence[Row],
    baseline: Mapping[str, float] | None,
    references: ReferenceLosses,
    *,
    explained: bool,
) -> bool:
    """Say whether a network has returned nothing but the bicubic picture so far.

    Parameters
    ----------
    rows : sequence of dict
        The epochs so far. Keys that begin with ``psnr``, in dB, are compared with the
        baseline; where a row has none, its ``loss`` with that of bicubic.
    baseline : mapping, optional
        Bicubic's own scores under the same keys.
    references : ReferenceLosses
        Of the patches.
    explained : bool
        Whether the recipe has a fault that would keep a network there, as
        `recipe_faults` finds them. Without one a network may only be slow to begin.

    Returns
    -------
    bool
        True after 100 steps or more (500 if nothing explains it), with the last row
        within 0.05 dB of bicubic and none beyond 0.5 dB: a network that only passes
        by is not stuck.
    """
    if rows[-1]["step"] < (_PATIENCE if explained else _LONGER):
        return False
    distances = [_distance(row, baseline or {}, references.bicubic) for row in rows]
    return distances[-1] < _NEAR and max(distances) < 10 * _NEAR


def _distance(row: Row, baseline: Mapping[str, float], bicubic: float) -> float:
    """Return how far a row is from the bicubic picture, in dB."""
    common = [key for key in baseline if key.startswith("psnr") and key in row]
    if common:
        return max(abs(float(row[key] - baseline[key])) for key in common)
    if min(row["loss"], bicubic) <= 0:
        return math.inf
    return abs(10 * math.log10(row["loss"] / bicubic))


def stuck_causes(row: Row, config: TrainingConfig, patch_size: int) -> str:
    """Return the sentence that says that a run is stuck, and the likely causes.

    Parameters
    ----------
    row : dict
        The epoch's row.
    config : TrainingConfig
        Its recipe.
    patch_size : int
        Side of a patch: a loss averaged over pixels is its square times smaller.

    Returns
    -------
    str
    """
    causes = recipe_faults(config, patch_size) or [
        "the network is dead (all ReLUs at 0: start from a fresh one), or the "
        "patches hold nothing to learn (noise, or ILR and HR the same picture)"
    ]
    return (
        f"still the bicubic picture after {row['step']} steps, "
        f"loss {row['loss']:.4g}. Likely cause: {'; or '.join(causes)}"
    )


def recipe_faults(config: TrainingConfig, patch_size: int) -> list[str]:
    """Return what in a recipe would keep a network at the bicubic picture.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.
    patch_size : int
        Side of a patch, in pixels.

    Returns
    -------
    list of str
        A clause for each fault, with what to do; none for a recipe without any.
    """
    causes = []
    if config.loss == "mean":
        causes.append(
            f"loss='mean' makes the gradient {patch_size**2:,} times smaller than the "
            "paper's sum over pixels, so that rate and weight decay mean something "
            "else: use loss='sum'"
        )
    if config.optimiser == "sgd" and config.learning_rate < 1e-3:
        causes.append(
            f"the learning rate {config.learning_rate:g} is far below the paper's 0.1"
        )
    longest = _longest_step(config)
    if longest < 1e-5:
        causes.append(
            f"clipping={config.clipping!r} with theta {config.theta:g} lets a step be "
            f"no longer than {longest:g} (the paper's: 1e-4)"
        )
    if config.weight_decay > 1e-2:
        causes.append(f"the weight decay {config.weight_decay:g} undoes each step")
    return causes


def _longest_step(config: TrainingConfig) -> float:
    """Return how far the clip lets the first steps go, before momentum."""
    if config.clipping == "none" or config.optimiser == "adam":
        return math.inf
    return config.theta * (
        1 if config.clipping == "adjustable" else config.learning_rate
    )
