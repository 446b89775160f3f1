"""One update of the weights, in the order of the authors' code.

1. The gradient of the batch's mean loss is clipped. 2. Weight decay is added, outside
the clip: the limit on a step holds for what the data say, not for the decay. 3. The
momentum buffer takes the sum. 4. The weights move by the rate times the buffer. When
the rate drops, the buffers start again from 0.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from vdsr_lib.clipping import clip_gradients
from vdsr_lib.training.config import TrainingConfig

__all__ = ["Update"]


class Update:
    """Clipping, weight decay and momentum for the parameters of one model.

    Parameters
    ----------
    model : torch.nn.Module
        Its trainable parameters are updated in place.
    config : TrainingConfig
        Optimiser, clipping and the rates.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        self._config = config
        self._names: dict[torch.Tensor, str] = {
            p: n for n, p in model.named_parameters() if p.requires_grad
        }
        groups = _groups(model, config.last_layer_rate)
        decay = config.weight_decay
        self._optimiser: torch.optim.Optimizer
        if config.optimiser == "adam":
            betas = (config.momentum, 0.999)
            self._optimiser = torch.optim.Adam(
                groups, config.learning_rate, betas=betas, weight_decay=decay
            )
        else:
            self._optimiser = torch.optim.SGD(
                groups, config.learning_rate, config.momentum, weight_decay=decay
            )

    @property
    def learning_rate(self) -> float:
        """The rate of the next step, in all layers but the last."""
        return float(self._optimiser.param_groups[0]["lr"])

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set the rate of the steps to come; a lower one empties the momentum.

        Parameters
        ----------
        learning_rate : float
            Of all layers but the last, which has its own factor.
        """
        if learning_rate < self.learning_rate and self._config.reset_momentum:
            self._optimiser.state.clear()
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate * group["factor"]

    def step(self) -> torch.Tensor:
        """Clip the gradients, update the weights, and forget the gradients.

        Returns
        -------
        torch.Tensor
            (2,) float32 on the model's device: the gradient's norm before the
            clipping, and the share of clipped elements. Nothing waits for a GPU.
        """
        measured = self._clip()  # (2,)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return measured

    @torch.no_grad()
    def _clip(self) -> torch.Tensor:
        """Clip each group by its own rate, and bring the statistics together."""
        groups = self._optimiser.param_groups
        together = [{"params": list(self._names), "lr": groups[0]["lr"]}]
        squares, clipped, elements = [], [], 0
        for group in groups if self._config.clipping == "adjustable" else together:
            result = clip_gradients(
                group["params"],
                self._config.clipping,
                theta=self._config.theta,
                learning_rate=group["lr"],
            )
            count = sum(parameter.numel() for parameter in group["params"])
            squares.append(cast("torch.Tensor", result.gradient_norm).square())
            clipped.append(cast("torch.Tensor", result.clipped_share) * count)
            elements += count
        norm, share = torch.stack(squares).sum().sqrt(), torch.stack(clipped).sum()
        return torch.stack((norm, share / elements))  # (2,)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the momentum as named tensors: ``body.0.weight.momentum_buffer``."""
        return {
            f"{self._names[parameter]}.{key}": value
            for parameter, entries in self._optimiser.state.items()
            for key, value in entries.items()
            if isinstance(value, torch.Tensor)
        }

    def load_state(
        self, tensors: dict[str, torch.Tensor], learning_rate: float
    ) -> None:
        """Put back what `state` returned, each buffer beside its parameter.

        Parameters
        ----------
        tensors : dict
            Names as in `state`.
        learning_rate : float
            The rate of the last step that was made.

        Raises
        ------
        KeyError
            If a name belongs to no parameter.
        """
        self.set_learning_rate(learning_rate)
        self._optimiser.state.clear()
        parameters = {name: parameter for parameter, name in self._names.items()}
        for name, saved in tensors.items():
            owner, _, key = name.rpartition(".")
            parameter = parameters[owner]
            value = saved.clone()
            if saved.ndim:  # a buffer lies in memory as its parameter does
                value = torch.empty_like(parameter, dtype=saved.dtype).copy_(saved)
            self._optimiser.state[parameter][key] = value


def _groups(model: nn.Module, last_layer_rate: float) -> list[dict[str, object]]:
    """Return one parameter group, or two when the last layer has its own rate."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if last_layer_rate == 1:
        return [{"params": parameters, "factor": 1.0}]
    owners = [m for m in model.modules() if list(m.parameters(recurse=False))]
    last = set(owners[-1].parameters(recurse=False))
    return [
        {"params": [p for p in parameters if p not in last], "factor": 1.0},
        {"params": [p for p in parameters if p in last], "factor": last_layer_rate},
    ]
