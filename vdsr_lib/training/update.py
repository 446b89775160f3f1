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
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch

from vdsr_lib.clipping import clip_gradients
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.flat import FlatParameters

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
    """A part of the row that shares a learning rate: the run's times `factor`."""

    weights: torch.Tensor  # (n,); its `grad` is the row of the gradients
    moments: dict[str, torch.Tensor]  # (n,) each
    factor: float


class Update:
    """Clipping, weight decay and momentum for the parameters of one model.

    Parameters
    ----------
    parameters : FlatParameters
        Updated in place.
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

    def __init__(self, parameters: FlatParameters, config: TrainingConfig) -> None:
        self._parameters, self._config = parameters, config
        self.learning_rate = config.learning_rate
        adam = config.optimiser == "adam"
        kinds = ("momentum", "square") if adam else ("momentum",)
        self._moments = {kind: parameters.beside() for kind in kinds}
        self._all = self._group(slice(None), 1.0)
        self._groups = [self._all]
        if config.last_layer_rate != 1:
            last = parameters.last_layer
            body = self._group(slice(last), 1.0)
            rest = self._group(slice(last, None), config.last_layer_rate)
            self._groups = [each for each in (body, rest) if each.weights.numel()]
        self._age = 0  # steps since the moments were empty

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
                moments.row.zero_()
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
    def step(
        self,
        numbers: Numbers | None = None,
        carriers: Sequence[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Clip the gradients, update the weights, and forget the gradients.

        Parameters
        ----------
        numbers : Numbers, optional
            Those of this step. Without them they are made here, for the rate that was
            set, and the step is counted.
        carriers : sequence of torch.Tensor, optional
            Whose gradients are taken, as `FlatParameters.collect` has it.

        Returns
        -------
        torch.Tensor
            (2,) on the model's device: the gradient's norm before the
            clipping, and the share of clipped elements. Nothing waits for a GPU.
        """
        if numbers is None:
            numbers = self.numbers(self.learning_rate)
            self.count()
        self._parameters.collect(carriers)
        measured = self._clip(numbers.rate)  # (2,)
        move = _adam if self._config.optimiser == "adam" else _sgd
        for group in self._groups:
            gradients = cast("torch.Tensor", group.weights.grad)
            gradients.add_(group.weights, alpha=self._config.weight_decay)
            own = numbers
            if group.factor != 1:
                own = numbers._replace(
                    rate=numbers.rate * group.factor,
                    length=numbers.length * group.factor,
                )
            move(group, gradients, own, self._config.momentum)
        return measured

    def _clip(self, rate: float | torch.Tensor) -> torch.Tensor:
        """Clip each group by its own rate, and bring the statistics together."""
        rule, theta = self._config.clipping, self._config.theta
        # Under the other rules the rate plays no part.
        groups = self._groups if rule == "adjustable" else [self._all]
        squares, clipped = [], []
        for group in groups:
            own = rate if group.factor == 1 else rate * group.factor
            result = clip_gradients(group.weights, rule, theta=theta, learning_rate=own)
            norm = cast("torch.Tensor", result.gradient_norm)
            share = cast("torch.Tensor", result.clipped_share)
            if len(groups) == 1:
                return torch.stack((norm, share))  # (2,)
            squares.append(norm.square())
            clipped.append(share * group.weights.numel())
        norm, share = torch.stack(squares).sum().sqrt(), torch.stack(clipped).sum()
        return torch.stack((norm, share / self._all.weights.numel()))  # (2,)

    def _group(self, part: slice, factor: float) -> _Group:
        """Return a part of all rows."""
        weights = self._parameters.weights.row[part]
        weights.grad = self._parameters.gradients.row[part]
        moments = {kind: each.row[part] for kind, each in self._moments.items()}
        return _Group(weights, moments, factor)

    def tensors(self) -> list[torch.Tensor]:
        """Return the moments themselves, a row each."""
        return [moments.row for moments in self._moments.values()]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the moments by name, for instance ``momentum.body.0.bias``."""
        state = {
            f"{kind}.{name}": moment
            for kind, moments in self._moments.items()
            for name, moment in self._parameters.by_name(moments).items()
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
            for name, moment in self._parameters.by_name(moments).items():
                moment.copy_(tensors[f"{kind}.{name}"])


def _sgd(group: _Group, gradients: torch.Tensor, numbers: Numbers, kept: float) -> None:
    """Stochastic gradient descent with momentum, in place."""
    momentum = group.moments["momentum"]
    momentum.mul_(kept).add_(gradients)
    if isinstance(numbers.rate, torch.Tensor):
        group.weights.addcmul_(momentum, numbers.rate, value=-1)
    else:
        group.weights.add_(momentum, alpha=-numbers.rate)


def _adam(
    group: _Group, gradients: torch.Tensor, numbers: Numbers, kept: float
) -> None:
    """Adam, in place: the momentum over the root of the mean square."""
    momentum, squares = group.moments["momentum"], group.moments["square"]
    momentum.lerp_(gradients, 1 - kept)
    squares.mul_(_SQUARES_KEPT)
    squares.addcmul_(gradients, gradients, value=1 - _SQUARES_KEPT)
    roots = squares.sqrt().div_(numbers.root).add_(_EPSILON)
    if isinstance(numbers.length, torch.Tensor):
        group.weights.sub_((momentum / roots).mul_(numbers.length))
    else:  # the same with one rounding fewer
        group.weights.addcdiv_(momentum, roots, value=-numbers.length)
