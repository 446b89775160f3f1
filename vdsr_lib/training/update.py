"""One update of the weights, in the order of the authors' code.

1. The gradient of the batch's mean loss is clipped. 2. Weight decay is added, outside
the clip: the limit on a step holds for what the data say, not for the decay. 3. The
momentum takes the sum. 4. The weights move by the rate times the momentum. When the
rate drops, the momentum starts again from 0.

Written out rather than left to `torch.optim`, so that the order can be read, and
because that package takes a second and 75 MB to start in every process.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import nn

from vdsr_lib.clipping import clip_gradients
from vdsr_lib.training.config import TrainingConfig

__all__ = ["Numbers", "Update"]

_SQUARES_KEPT = 0.999  # Adam's second moment: the usual value
_EPSILON = 1e-8  # Adam's too


class Numbers(NamedTuple):
    """What differs between one update and the next, known before the step begins.

    Floats; or 0-dim tensors on the device, which are read there, so that steps that
    were recorded once can be replayed with other numbers.

    Parameters
    ----------
    rate : float or torch.Tensor
        The learning rate of all layers but the last, which has its own factor.
    length : float or torch.Tensor
        Adam: the rate over what the first moment lacks.
    root : float or torch.Tensor
        Adam: the root of what the second moment lacks.
    fresh : float or torch.Tensor
        The share of the new weights in their average, in [0, 1].
    """

    rate: float | torch.Tensor
    length: float | torch.Tensor
    root: float | torch.Tensor
    fresh: float | torch.Tensor = 0.0


class _Group(NamedTuple):
    """Parameters that share a learning rate: the run's times `factor`."""

    parameters: list[torch.Tensor]
    factor: float


class Update:
    """Clipping, weight decay and momentum for the parameters of one model.

    Parameters
    ----------
    model : torch.nn.Module
        Its trainable parameters are updated in place.
    config : TrainingConfig
        Optimiser, clipping and the rates.

    Attributes
    ----------
    learning_rate : float
        The rate of the next step, in all layers but the last.

    Notes
    -----
    Kim et al. 2016, section 3.2 and 5.2, and the authors' code; Adam as Kingma and Ba
    (2015) have it, with the weight decay added to the clipped gradient too.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        self._config = config
        self.learning_rate = config.learning_rate
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._named: dict[str, torch.Tensor] = dict(named)
        self._groups = _groups(model, config.last_layer_rate)
        self._moments = self._fresh_moments()
        self._age = 0  # steps since the moments were empty
        self.forget()

    def forget(self) -> None:
        """Drop all gradients: what an earlier use left would be added to."""
        for parameter in self._named.values():
            parameter.grad = None

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set the rate of the steps to come; a lower one empties the momentum.

        Parameters
        ----------
        learning_rate : float
            Of all layers but the last, which has its own factor.
        """
        resets = self._config.reset_momentum and self._config.schedule == "steps"
        if learning_rate < self.learning_rate and resets:
            for moments in self._moments.values():  # in place: others hold them too
                torch._foreach_zero_(list(moments.values()))
            self._age = 0
        self.learning_rate = learning_rate

    def numbers(self, learning_rate: float, ahead: int = 0) -> Numbers:
        """Return what a coming step needs to know.

        Parameters
        ----------
        learning_rate : float
            Its rate.
        ahead : int
            How many steps come before it.

        Returns
        -------
        Numbers
            As floats.
        """
        age = self._age + 1 + ahead
        length = learning_rate / (1 - self._config.momentum**age)
        return Numbers(learning_rate, length, math.sqrt(1 - _SQUARES_KEPT**age))

    def count(self) -> None:
        """Note that the moments are a step older."""
        self._age += 1

    @torch.no_grad()
    def step(self, numbers: Numbers | None = None) -> torch.Tensor:
        """Clip the gradients, update the weights, and forget the gradients.

        Parameters
        ----------
        numbers : Numbers, optional
            Those of this step. Without them they are made here, for the rate that was
            set, and the step is counted.

        Returns
        -------
        torch.Tensor
            (2,) float32 on the model's device: the gradient's norm before the
            clipping, and the share of clipped elements. Nothing waits for a GPU.
        """
        if numbers is None:
            numbers = self.numbers(self.learning_rate)
            self.count()
        measured = self._clip(numbers.rate)  # (2,)
        move = self._adam if self._config.optimiser == "adam" else self._sgd
        for group in self._groups:
            own = numbers._replace(
                rate=numbers.rate * group.factor, length=numbers.length * group.factor
            )
            parameters = [p for p in group.parameters if p.grad is not None]
            if not parameters:  # torch's list operations want one at least
                continue
            gradients = [cast("torch.Tensor", p.grad) for p in parameters]
            torch._foreach_add_(gradients, parameters, alpha=self._config.weight_decay)
            move(parameters, gradients, own)
            for parameter in parameters:
                parameter.grad = None
        return measured

    def _sgd(
        self,
        parameters: list[torch.Tensor],
        gradients: list[torch.Tensor],
        numbers: Numbers,
    ) -> None:
        """Stochastic gradient descent with momentum, in place."""
        momenta = [self._moments["momentum"][p] for p in parameters]
        torch._foreach_mul_(momenta, self._config.momentum)
        torch._foreach_add_(momenta, gradients)
        if isinstance(numbers.rate, torch.Tensor):
            torch._foreach_sub_(parameters, torch._foreach_mul(momenta, numbers.rate))
        else:  # the same with one rounding fewer
            torch._foreach_add_(parameters, momenta, alpha=-numbers.rate)

    def _adam(
        self,
        parameters: list[torch.Tensor],
        gradients: list[torch.Tensor],
        numbers: Numbers,
    ) -> None:
        """Adam, in place: the momentum over the root of the mean square."""
        momenta = [self._moments["momentum"][p] for p in parameters]
        squares = [self._moments["square"][p] for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - self._config.momentum)
        torch._foreach_mul_(squares, _SQUARES_KEPT)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - _SQUARES_KEPT)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_div_(roots, numbers.root)
        torch._foreach_add_(roots, _EPSILON)
        if isinstance(numbers.length, torch.Tensor):
            moves = torch._foreach_div(momenta, roots)
            torch._foreach_mul_(moves, numbers.length)
            torch._foreach_sub_(parameters, moves)
        else:  # the same with one rounding fewer
            torch._foreach_addcdiv_(parameters, momenta, roots, value=-numbers.length)

    def _clip(self, rate: float | torch.Tensor) -> torch.Tensor:
        """Clip each group by its own rate, and bring the statistics together."""
        groups = self._groups
        if self._config.clipping != "adjustable":  # the rate plays no part
            groups = [_Group(list(self._named.values()), 1.0)]
        squares, clipped, elements = [], [], 0
        for group in groups:
            result = clip_gradients(
                group.parameters,
                self._config.clipping,
                theta=self._config.theta,
                learning_rate=rate * group.factor,
            )
            count = sum(parameter.numel() for parameter in group.parameters)
            squares.append(cast("torch.Tensor", result.gradient_norm).square())
            clipped.append(cast("torch.Tensor", result.clipped_share) * count)
            elements += count
        norm, share = torch.stack(squares).sum().sqrt(), torch.stack(clipped).sum()
        return torch.stack((norm, share / elements))  # (2,)

    def tensors(self) -> list[torch.Tensor]:
        """Return the moments themselves."""
        return [m for moments in self._moments.values() for m in moments.values()]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the moments by name, for instance ``momentum.body.0.bias``."""
        state = {
            f"{kind}.{name}": moments[parameter]
            for kind, moments in self._moments.items()
            for name, parameter in self._named.items()
        }
        return state | {"age": torch.tensor(self._age)}

    def load_state(
        self, tensors: dict[str, torch.Tensor], learning_rate: float
    ) -> None:
        """Put back what `state` returned.

        Parameters
        ----------
        tensors : dict
            Names as in `state`.
        learning_rate : float
            The rate of the last step that was made.

        Raises
        ------
        KeyError
            If a moment is missing.
        """
        self.learning_rate = learning_rate
        self._age = int(tensors["age"])
        for kind, moments in self._moments.items():
            for name, parameter in self._named.items():
                moments[parameter].copy_(tensors[f"{kind}.{name}"])

    def _fresh_moments(self) -> dict[str, dict[torch.Tensor, torch.Tensor]]:
        """Return zeros beside each parameter, laid out in memory as it is."""
        adam = self._config.optimiser == "adam"
        return {
            kind: {p: torch.zeros_like(p.detach()) for p in self._named.values()}
            for kind in (("momentum", "square") if adam else ("momentum",))
        }


def _groups(model: nn.Module, last_layer_rate: float) -> list[_Group]:
    """Return one group, or two when the last layer has its own rate."""
    parameters: list[torch.Tensor] = [p for p in model.parameters() if p.requires_grad]
    if last_layer_rate == 1:
        return [_Group(parameters, 1.0)]
    owners = [m for m in model.modules() if list(m.parameters(recurse=False))]
    last: set[torch.Tensor] = set(owners[-1].parameters(recurse=False))
    return [
        _Group([p for p in parameters if p not in last], 1.0),
        _Group([p for p in parameters if p in last], last_layer_rate),
    ]
