"""One training step on the device, from a few example numbers to moved weights.

Nothing in here asks the device for a number, so that a GPU works through its queue
and whole steps can be recorded once and replayed.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from vdsr_lib.devices import Precision
from vdsr_lib.patches import PatchSet
from vdsr_lib.training.averaging import Average
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.flat import FlatParameters
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.rounding import rounded_weights
from vdsr_lib.training.rules import LOSSES
from vdsr_lib.training.update import Numbers, Update

__all__ = ["MEASURED", "Step", "training_loss"]

MEASURED = ("loss", "gradient_norm", "clipped_share")
"""What a step measures, in this order."""


def training_loss(
    estimate: torch.Tensor, hr: torch.Tensor, *, batch_size: float, loss: str = "sum"
) -> torch.Tensor:
    """Return the loss of a batch, or of a process's part of one.

    Parameters
    ----------
    estimate, hr : torch.Tensor
        (b, 1, p, p) in about [0, 1]. They are compared in float32 at least.
    batch_size : float
        Patches of the whole batch; `b` may be fewer. Of several processes, whose
        gradients are averaged, each is given its part.
    loss : {"sum", "mean"}
        ``sum``: squared errors summed over the pixels of a patch, as in the authors'
        code, which leaves out the paper's factor 1/2. ``mean``: averaged over them.

    Returns
    -------
    torch.Tensor
        0-dim: summed over the patches given, divided by `batch_size`.

    Raises
    ------
    TypeError
        If `estimate` is no tensor: of a network with several outputs.
    ValueError
        If the two have not one shape, or the loss is unknown.
    """
    if not isinstance(estimate, torch.Tensor):
        raise TypeError(
            f"the network returns a {type(estimate).__name__}, one picture is wanted: "
            "(B, 1, p, p), as large as its input"
        )
    if estimate.shape != hr.shape:
        raise ValueError(
            "estimate and hr must have one shape, got "
            f"{tuple(estimate.shape)} and {tuple(hr.shape)}"
        )
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    wide = torch.promote_types(estimate.dtype, hr.dtype)  # hr is float32
    # Half the operations, there and back, of a difference, a square and a sum.
    total = functional.mse_loss(estimate.to(wide), hr.to(wide), reduction="sum")  # ()
    return total / (batch_size if loss == "sum" else batch_size * hr[0].numel())


class Step:
    """Forward, loss, backward, clip and update for one model.

    Parameters
    ----------
    model : torch.nn.Module
        On its device and in its memory format already; changed in place.
    patches : PatchSet
        On the same device.
    config : TrainingConfig
        The recipe.
    processes : Processes
        With whom the batch is shared.
    precision : Precision
        The arithmetic of the forward and backward pass.

    Attributes
    ----------
    update : Update
        The optimiser's part, with the learning rate.
    average : Average
        The running average of the weights, if the recipe wants one.
    """

    def __init__(
        self,
        model: nn.Module,
        patches: PatchSet,
        config: TrainingConfig,
        *,
        processes: Processes,
        precision: Precision,
    ) -> None:
        parameters = FlatParameters(model)
        self.update = Update(parameters, config)
        self.average = Average(parameters, config.averaging)
        self._model, self._parameters = model, parameters
        self._rounded = rounded_weights(
            model, parameters, precision, processes=processes.size
        )
        self._network = self._rounded or processes.wrap(model)
        self._patches, self._config = patches, config
        self._processes, self._precision = processes, precision

    def __call__(self, examples: torch.Tensor, numbers: Numbers) -> torch.Tensor:
        """Make one step.

        Parameters
        ----------
        examples : torch.Tensor
            (B,) int64 on the device: the whole batch, as `PatchSet.batch` takes it.
        numbers : Numbers
            The step's own, as `numbers` returns them or as tensors.

        Returns
        -------
        torch.Tensor
            (3,) float32 on the device: loss, gradient norm before the clipping, and
            share of clipped elements.
        """
        ilr, hr = self._patches.batch(self._processes.share(examples))  # (b, 1, p, p)
        # Not contiguous(): one channel counts as any layout and would stay as it is.
        ilr = ilr.to(memory_format=self._precision.memory_format)
        with self._precision.autocast(reuse=False):
            estimate = self._network(ilr)  # (b, 1, p, p)
        # Gradients are averaged over the processes; their parts are to be summed.
        size, kind = self._config.batch_size / self._processes.size, self._config.loss
        loss = training_loss(estimate, hr, batch_size=size, loss=kind)  # ()
        loss.backward()  # type: ignore[no-untyped-call]
        carriers = None if self._rounded is None else self._rounded.copies
        whole = self._processes.mean(loss.detach()).view(1)  # (1,)
        measured = torch.cat((whole, self.update.step(numbers, carriers)))  # (3,)
        self.average.take(numbers.fresh)
        return measured

    def numbers(self, learning_rate: float, ahead: int = 0) -> Numbers:
        """Return the numbers of a coming step, as floats.

        Parameters
        ----------
        learning_rate : float
            Its rate.
        ahead : int
            How many steps come before it.

        Returns
        -------
        Numbers
        """
        update = self.update.numbers(learning_rate, ahead)
        return update._replace(fresh=self.average.share(ahead))

    def count(self) -> None:
        """Note, on the host, that a step was made."""
        self.update.count()
        self.average.count()

    def rejoin(self) -> None:
        """Bring back parameters that somebody moved: see `FlatParameters.rejoin`."""
        self._parameters.rejoin()

    def forget(self) -> None:
        """Drop the gradients of a broken step: the next one would add to them."""
        self._parameters.forget()

    def tensors(self) -> list[torch.Tensor]:
        """Return every tensor that a step changes, to be kept or put back."""
        model = [each.detach() for each in self._model.state_dict().values()]
        return [*model, *self.update.tensors(), *self.average.tensors()]
