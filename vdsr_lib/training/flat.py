"""A model's parameters in one piece of memory, and their gradients in another.

The clip, the decay, the momentum and the average treat each number by itself. Torch's
operations on lists, of 40 tensors for a network of depth 20, cut them into pieces of up
to 65,536 numbers, a block of the GPU each; a pass over one long row is cut much finer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile

import torch
from torch import nn

__all__ = ["Flat", "FlatParameters", "give_own_memory"]


class Flat:
    """One row of numbers, and the tensors that lie in it one behind the other.

    Parameters
    ----------
    like : sequence of torch.Tensor
        One at least, of one device: shapes and layouts of the parts.
    dtype : torch.dtype, optional
        Of the row; that of the first tensor if not given.

    Attributes
    ----------
    row : torch.Tensor
        (n,): zeros at first.
    parts : list of torch.Tensor
        Windows into it.
    starts : list of int
        Where in the row each begins.
    """

    def __init__(
        self, like: Sequence[torch.Tensor], dtype: torch.dtype | None = None
    ) -> None:
        ends = list(accumulate(each.numel() for each in like))
        self.starts = [0, *ends[:-1]]
        self.row = like[0].new_zeros(ends[-1], dtype=dtype)
        self.parts = [
            # What empty_like lays out is dense, whatever lay there before.
            self.row.as_strided(each.shape, torch.empty_like(each).stride(), start)
            for each, start in zip(like, self.starts, strict=True)
        ]


class FlatParameters:
    """The trained parameters of a model, moved together, and room for gradients.

    Parameters
    ----------
    model : torch.nn.Module
        On its device and in its memory format already. Which parameters are trained
        is read here, once. They stay the same objects, in other memory: make one of
        these for a model at a time, and `give_own_memory` when it is no longer used.

    Attributes
    ----------
    named : dict of str to torch.nn.Parameter
        The trained parameters.
    weights, gradients : Flat
        Their values, and room for their gradients.
    last_layer : int
        Where in the row the trained parameters of the last layer begin.

    Raises
    ------
    ValueError
        If no parameter is trained, or they are of several dtypes.
    """

    def __init__(self, model: nn.Module) -> None:
        self.named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not self.named:
            raise ValueError(
                "nothing to train: no parameter of the network requires a gradient"
            )
        parameters = [each.detach() for each in self.named.values()]
        if len(dtypes := {str(each.dtype) for each in parameters}) > 1:
            raise ValueError(f"parameters must be of one dtype, got {sorted(dtypes)}")
        self.weights, self.gradients = Flat(parameters), Flat(parameters)
        self.rejoin()
        self.last_layer = self._beginning_of_last_layer(model)
        self.forget()

    @torch.no_grad()
    def rejoin(self) -> None:
        """Bring back those that lie in other memory, with the values they have there.

        As after ``model.double()`` and ``model.float()`` in somebody's callback: the
        row would go on without them.
        """
        pairs = zip(self.named.values(), self.weights.parts, strict=True)
        for parameter, part in pairs:
            if parameter.data_ptr() != part.data_ptr():
                part.copy_(parameter)
                parameter.data = part

    def beside(self, dtype: torch.dtype | None = None) -> Flat:
        """Return zeros that lie in memory as the parameters do.

        Parameters
        ----------
        dtype : torch.dtype, optional
            That of the parameters if not given.

        Returns
        -------
        Flat
        """
        return Flat(self.weights.parts, dtype)

    def by_name(self, flat: Flat) -> dict[str, torch.Tensor]:
        """Return the parts of what `beside` made, by the names of the parameters."""
        return dict(zip(self.named, flat.parts, strict=True))

    @torch.no_grad()
    def collect(self, carriers: Sequence[torch.Tensor] | None = None) -> None:
        """Bring the gradients of a step together, and take them from who has them.

        Parameters
        ----------
        carriers : sequence of torch.Tensor, optional
            One for each parameter, in order; the parameters themselves if not given.
            Where one has no gradient, zeros stand: its weights decay all the same.
        """
        given = list(self.named.values()) if carriers is None else carriers
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        for carrier, place in zip(given, self.gradients.parts, strict=True):
            if carrier.grad is None:
                place.zero_()
            else:
                found.append((place, carrier.grad))
            carrier.grad = None
        if found:  # torch's list operations want one at least
            places, gradients = map(list, zip(*found, strict=True))
            torch._foreach_copy_(places, gradients)

    def forget(self) -> None:
        """Drop all gradients: what an earlier use left would be added to."""
        for parameter in self.named.values():
            parameter.grad = None

    def _beginning_of_last_layer(self, model: nn.Module) -> int:
        """Return where those parameters begin that the last module alone has."""
        owners = [m for m in model.modules() if list(m.parameters(recurse=False))]
        last = {id(each) for each in owners[-1].parameters(recurse=False)}
        pairs = zip(self.named.values(), self.weights.starts, strict=True)
        own = takewhile(lambda pair: id(pair[0]) in last, reversed(list(pairs)))
        return min((start for _, start in own), default=len(self.weights.row))


def give_own_memory(model: nn.Module) -> None:
    """Give each parameter memory of its own, in the default layout.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters stay the same objects with the same values.
    """
    for parameter in model.parameters():
        own = parameter.detach().clone(memory_format=torch.contiguous_format)
        parameter.data = own
