"""Gradient clipping: the paper's adjustable rule and its three rivals.

A high learning rate is safe when no step can be long. The paper therefore clips each
element of the gradient to [-theta/lr, theta/lr] (Kim et al. 2016, section 3.2): the
step ``lr * gradient`` then moves a weight by theta at most, at every learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

__all__ = ["RULES", "ClipResult", "clip_gradients"]

RULES = ("adjustable", "value", "norm", "none")
"""The names of the clipping rules."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What a clipping found, left on the device so that nobody has to wait for it.

    Attributes
    ----------
    gradient_norm : torch.Tensor or None
        0-dim: Euclidean norm of all gradients together, before the clipping.
    clipped_share : torch.Tensor or None
        0-dim, in [0, 1]: share of the elements that the clipping changed. NaN
        elements count as unchanged. With the rule ``"norm"`` it is 0 or 1.

    Notes
    -----
    ``float(result.gradient_norm)`` waits for a GPU; ask once an epoch, not each step.
    Both are None when the clipping was called with ``statistics=False``.
    """

    gradient_norm: torch.Tensor | None
    clipped_share: torch.Tensor | None


_NOTHING = ClipResult(None, None)


@torch.no_grad()
def clip_gradients(
    parameters: torch.Tensor | Iterable[torch.Tensor],
    rule: str = "adjustable",
    *,
    theta: float | None = None,
    learning_rate: float | torch.Tensor | None = None,
    statistics: bool = True,
) -> ClipResult:
    """Clip the gradients of `parameters` in place.

    Parameters
    ----------
    parameters : torch.Tensor or iterable of torch.Tensor
        Those without a gradient are skipped. All on one device.
    rule : {"adjustable", "value", "norm", "none"}
        ``adjustable``: each element to [-theta / learning_rate, theta /
        learning_rate], the paper's rule (section 3.2). ``value``: each element to
        [-theta, theta]. ``norm``: all gradients are scaled down together, so that
        their Euclidean norm is theta at most. ``none``: nothing is changed.
    theta : float, optional
        The limit, above 0; needed by every rule but ``none``. The authors' code has
        1e-4 with ``adjustable``; the paper gives no value.
    learning_rate : float or torch.Tensor, optional
        The rate of the step to come, above 0; needed by ``adjustable`` only. A 0-dim
        tensor is read where it is, so that a captured CUDA graph follows the
        schedule; its value is not checked, since that would wait for a GPU.
    statistics : bool
        False skips the count of clipped elements, which needs one temporary copy of
        the gradients; the clipping itself allocates at most a few scalars.

    Returns
    -------
    ClipResult
        The norm before the clipping and the share of clipped elements, as 0-dim
        tensors on the gradients' device; nothing here waits for a GPU.

    Raises
    ------
    TypeError
        If `theta` or `learning_rate` is missing for the rule.
    ValueError
        If the rule is unknown, or `theta` or `learning_rate` not a positive number.

    Notes
    -----
    Infinite gradients become the limit under ``adjustable`` and ``value``; NaN stays
    NaN under every rule, and one NaN or infinity makes `gradient_norm` NaN or
    infinite, so that a training loop can tell. Under ``norm`` an infinite norm turns
    the infinite elements into NaN and the others into 0, a NaN norm all into NaN, as
    ``torch.nn.utils.clip_grad_norm_`` does.
    """
    bound = _bound(rule, theta, learning_rate)
    given = [parameters] if isinstance(parameters, torch.Tensor) else parameters
    gradients = [each.grad for each in given if each.grad is not None]
    if not gradients:
        return ClipResult(torch.zeros(()), torch.zeros(())) if statistics else _NOTHING
    if rule == "norm":
        return _scale_down(gradients, bound, statistics)
    result = _NOTHING
    if statistics:
        result = ClipResult(_norm(gradients), _share_beyond(gradients, bound))
    _clamp(gradients, bound)  # of "none" infinite
    return result


def _bound(
    rule: str, theta: float | None, learning_rate: float | torch.Tensor | None
) -> float | torch.Tensor:
    """Return the limit that the rule sets, after a check of what it needs."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    if rule == "none":
        return math.inf
    limit = _positive("theta", theta, rule)
    if rule != "adjustable":
        return limit
    if isinstance(learning_rate, torch.Tensor):
        return limit / learning_rate  # ()
    return limit / _positive("learning_rate", learning_rate, rule)


def _positive(name: str, value: float | None, rule: str) -> float:
    if value is None:
        raise TypeError(f"the clipping rule {rule!r} needs {name}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value}")
    return value


def _norm(gradients: list[torch.Tensor]) -> torch.Tensor:
    """Return the Euclidean norm of all gradients together, as a 0-dim tensor."""
    norms: list[torch.Tensor] = [torch.linalg.vector_norm(g) for g in gradients]
    return norms[0] if len(norms) == 1 else torch.stack(norms).norm()


def _clamp(gradients: list[torch.Tensor], bound: float | torch.Tensor) -> None:
    """Bring each element into [-bound, bound], in place."""
    lowest = -bound
    for gradient in gradients:
        largest = torch.finfo(gradient.dtype).max
        # torch refuses greater ones, which clip nothing
        if isinstance(bound, torch.Tensor) or bound <= largest:
            gradient.clamp_(lowest, bound)  # type: ignore[arg-type]


def _scale_down(
    gradients: list[torch.Tensor], bound: float | torch.Tensor, statistics: bool
) -> ClipResult:
    """Scale all gradients by one factor so that their norm is `bound` at most."""
    norm = _norm(gradients)  # ()
    factor = torch.clamp(bound / norm, max=1.0)  # (); an all-zero gradient gives 1
    for gradient in gradients:
        gradient.mul_(factor)
    return ClipResult(norm, (factor < 1).to(norm.dtype)) if statistics else _NOTHING


def _share_beyond(
    gradients: list[torch.Tensor], bound: float | torch.Tensor
) -> torch.Tensor:
    """Return the share of elements outside [-bound, bound], as a 0-dim tensor."""
    if isinstance(bound, float) and math.isinf(bound):
        return gradients[0].new_zeros(())
    # As floats: of truth values, sums on a CPU would make integers of 8 bytes first.
    beyond = [gradient.abs().gt_(bound) for gradient in gradients]
    counts = [each.sum(dtype=torch.float32) for each in beyond]  # () each
    count = counts[0] if len(counts) == 1 else torch.stack(counts).sum()
    return count / sum(gradient.numel() for gradient in gradients)  # ()
