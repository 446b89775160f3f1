"""A running average of the weights, which is the result where the recipe asks for it.

The weights of a training jump about the place that they approach, the more so the
higher the rate. Their average lies nearer to it, and costs one pass over the weights
a step. Training itself never sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["Average"]

_YOUNG = 10  # the first averages forget faster: step t keeps (1 + t) / (10 + t)


class Average:
    """An exponential moving average of a model's parameters.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters as they are now are the first average.
    kept : float
        In [0, 1): the share that the average keeps of itself at each step, once it is
        old enough: step t, counted from 0, keeps (1 + t) / (10 + t) at most. With 0
        there is no average, and nothing here does anything.

    Notes
    -----
    Polyak and Juditsky 1992 for the idea; the slow beginning is that of TensorFlow's
    ``ExponentialMovingAverage``.
    """

    def __init__(self, model: nn.Module, kept: float) -> None:
        self._kept = kept
        self._named = dict(model.named_parameters()) if kept else {}
        self._parameters = [each.detach() for each in self._named.values()]
        self._averages = [each.clone() for each in self._parameters]
        self._count = 0  # steps that it has seen

    def share(self, ahead: int = 0) -> float:
        """Return the share of the new weights in a coming average.

        Parameters
        ----------
        ahead : int
            How many steps come before it.

        Returns
        -------
        float
            In (0, 1].
        """
        step = self._count + ahead
        return 1 - min(self._kept, (1 + step) / (_YOUNG + step))

    @torch.no_grad()
    def take(self, share: float | torch.Tensor) -> None:
        """Move towards the weights as they are now.

        Parameters
        ----------
        share : float or torch.Tensor
            What `share` returned; a 0-dim tensor on the device is read there.
        """
        if not self._averages:
            return
        moves = torch._foreach_sub(self._parameters, self._averages)
        torch._foreach_mul_(moves, share)
        torch._foreach_add_(self._averages, moves)

    def count(self) -> None:
        """Note that the average is a step older."""
        self._count += 1

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Put the average into the model, and the weights back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def settle(self) -> None:
        """Put the average into the model for good: it is the result."""
        for parameter, average in zip(self._parameters, self._averages, strict=True):
            parameter.copy_(average)

    def tensors(self) -> list[torch.Tensor]:
        """Return the averages themselves."""
        return list(self._averages)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the averages by parameter name, and the count; nothing without any."""
        if not self._named:
            return {}
        named = dict(zip(self._named, self._averages, strict=True))
        return named | {"count": torch.tensor(self._count)}

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Put back what `state` returned.

        Parameters
        ----------
        tensors : dict
            Names as in `state`.

        Raises
        ------
        KeyError
            If one is missing.
        """
        if not self._named:
            return
        self._count = int(tensors["count"])
        for name, average in zip(self._named, self._averages, strict=True):
            average.copy_(tensors[name])

    def _swap(self) -> None:
        """Exchange weights and averages, each in the memory where it lies."""
        for parameter, average in zip(self._parameters, self._averages, strict=True):
            weights = parameter.clone()
            parameter.copy_(average)
            average.copy_(weights)
