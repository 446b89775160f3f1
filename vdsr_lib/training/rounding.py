"""The weights in bfloat16, rounded all at once, for a step on a GPU.

Autocast rounds each tensor of weights by itself, and widens each gradient by itself:
for a network of depth 20 that is 80 kernels in a step, which take longer to start than
to run. Here two do it.
"""

from __future__ import annotations

import torch
from torch import nn

from vdsr_lib.devices import Precision
from vdsr_lib.training.flat import FlatParameters

__all__ = ["RoundedWeights", "rounded_weights"]


class RoundedWeights:
    """Copies of a model's trained parameters, of which gradients are taken.

    Parameters
    ----------
    model : torch.nn.Module
        Whose parameters they are.
    parameters : FlatParameters
        The trained ones.
    dtype : torch.dtype
        Of the copies.

    Attributes
    ----------
    copies : list of torch.Tensor
        In the parameters' order. After a backward pass they carry the gradients.
    """

    def __init__(
        self, model: nn.Module, parameters: FlatParameters, dtype: torch.dtype
    ) -> None:
        self._model, self._exact = model, parameters.weights.row
        flat = parameters.beside(dtype)
        self._row, self.copies = flat.row, flat.parts
        for copy in self.copies:
            copy.requires_grad_()
        self._named = parameters.by_name(flat)

    def __call__(self, ilr: torch.Tensor) -> torch.Tensor:
        """Return the model's estimate, (B, 1, H, W), with the weights of now."""
        with torch.no_grad():
            self._row.copy_(self._exact)
        for copy in self.copies:
            copy.grad = None
        estimate: torch.Tensor = torch.func.functional_call(
            self._model, self._named, (ilr,)
        )
        return estimate


def rounded_weights(
    model: nn.Module,
    parameters: FlatParameters,
    precision: Precision,
    *,
    processes: int,
) -> RoundedWeights | None:
    """Return copies for a run that gains from them.

    Parameters
    ----------
    model : torch.nn.Module
        On its device and in its memory format.
    parameters : FlatParameters
        Those of the model that are trained.
    precision : Precision
        The arithmetic of the run.
    processes : int
        How many share the run.

    Returns
    -------
    RoundedWeights or None
        None unless one process trains in bfloat16 on a CUDA GPU.
    """
    alone_on_gpu = precision.device_type == "cuda" and processes == 1
    if not alone_on_gpu or precision.dtype is not torch.bfloat16:
        return None
    return RoundedWeights(model, parameters, precision.dtype)
