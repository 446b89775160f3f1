"""The weights in bfloat16, rounded all at once, for a step on a GPU.

Autocast rounds each tensor of weights by itself, and widens each gradient by itself:
for a network of depth 20 that is 80 kernels in a step, which take longer to start than
to run. Here two do it.
"""

from __future__ import annotations

import torch
from torch import nn

from vdsr_lib.devices import Precision

__all__ = ["RoundedWeights", "rounded_weights"]


class RoundedWeights:
    """Copies of a model's parameters in bfloat16, of which gradients are taken.

    Parameters
    ----------
    model : torch.nn.Module
        In its memory format already. Which parameters are trained is read here, once.
    dtype : torch.dtype
        Of the copies.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self._model = model
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._parameters: list[torch.Tensor] = list(trained.values())
        self._copies = {
            name: torch.empty_like(parameter, dtype=dtype).requires_grad_()
            for name, parameter in trained.items()
        }
        self._gradients = [torch.zeros_like(p) for p in self._parameters]

    def __call__(self, ilr: torch.Tensor) -> torch.Tensor:
        """Return the model's estimate, (B, 1, H, W), with the weights of now."""
        copies = list(self._copies.values())
        with torch.no_grad():
            torch._foreach_copy_(copies, self._parameters)
        for copy in copies:
            copy.grad = None
        estimate: torch.Tensor = torch.func.functional_call(
            self._model, self._copies, (ilr,)
        )
        return estimate

    def hand_over(self) -> None:
        """Give the parameters the gradients of their copies, in float32."""
        taken = [
            (parameter, gradient, copy.grad)
            for parameter, gradient, copy in zip(
                self._parameters, self._gradients, self._copies.values(), strict=True
            )
            if copy.grad is not None
        ]
        if not taken:  # torch's list operations want one at least
            return
        torch._foreach_copy_([g for _, g, _ in taken], [low for _, _, low in taken])
        for parameter, gradient, _ in taken:
            parameter.grad = gradient


def rounded_weights(
    model: nn.Module, precision: Precision, *, processes: int
) -> RoundedWeights | None:
    """Return copies for a run that gains from them.

    Parameters
    ----------
    model : torch.nn.Module
        On its device and in its memory format.
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
    return RoundedWeights(model, precision.dtype)
