"""A running average of the weights, which is the result where the recipe asks for it.

The weights of a training jump about the place that they approach, the more so the
higher the rate. Their average lies nearer to it, and costs one pass over the weights
a step. Training itself never sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vdsr_lib.training.flat import FlatParameters

__all__ = ["Average"]

_YOUNG = 10  # the first averages forget faster: step t keeps (1 + t) / (10 + t)


class Average:
    """An exponential moving average of the parameters that are trained.

    Parameters
    ----------
    parameters : FlatParameters
        As they are now they are the first average.
    kept : float
        In [0, 1): the share that the average keeps of itself at each step, once it is
        old enough: step t, counted from 0, keeps (1 + t) / (10 + t) at most. With 0
        there is no average, and nothing here does anything.

    Notes
    -----
    Polyak and Juditsky 1992 for the idea; the slow beginning is that of TensorFlow's
    ``ExponentialMovingAverage``.
    """

    def __init__(self, parameters: FlatParameters, kept: float) -> None:
        self._kept, self._parameters = kept, parameters
        self._weights = parameters.weights.row
        self._average = parameters.beside() if kept else None
        if self._average is not None:
            self._average.row.copy_(self._weights)
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
        if self._average is not None:
            self._average.row.lerp_(self._weights, share)

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
        if self._average is not None:
            self._weights.copy_(self._average.row)

    def tensors(self) -> list[torch.Tensor]:
        """Return the average itself, as one row; nothing without any."""
        return [] if self._average is None else [self._average.row]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the averages by parameter name, and the count; nothing without any."""
        if self._average is None:
            return {}
        named = self._parameters.by_name(self._average)
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
        if self._average is None:
            return
        self._count = int(tensors["count"])
        for name, average in self._parameters.by_name(self._average).items():
            average.copy_(tensors[name])

    def _swap(self) -> None:
        """Exchange weights and average, each in the memory where it lies."""
        if self._average is not None:
            weights = self._weights.clone()
            self._weights.copy_(self._average.row)
            self._average.row.copy_(weights)
