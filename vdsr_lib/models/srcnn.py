"""SRCNN: three layers, and VDSR's point of comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch

from vdsr_lib.models._layers import (
    LumaNetwork,
    chain,
    check_luma,
    convolutions,
    draw,
    integer,
    odd_integer,
)

__all__ = ["SRCNN", "Initialisation"]

Initialisation = Literal["dong", "he"]
"""How fresh weights are drawn: as Dong et al. (2016) do, or as He et al. (2015)."""


class SRCNN(LumaNetwork):
    """The three-layer network of Dong et al. (2014, 2016), VDSR's point of comparison.

    Parameters
    ----------
    kernels : sequence of int
        Side of each layer's filters, odd. Published: (9, 1, 5), (9, 3, 5), (9, 5, 5).
    widths : sequence of int
        Feature maps between the layers, one fewer than `kernels`.
    initialisation : {"dong", "he"}
        How the weights are drawn; biases are 0. ``"dong"`` is the paper's Gaussian
        with standard deviation 0.001 (Dong et al. 2016, section 3.3). ``"he"`` keeps
        the size of the signal from layer to layer (He et al. 2015), and most ReLUs
        alive where steps are large: for our own training, with Adam.
    generator : torch.Generator, optional
        Where the initial weights are drawn; torch's global generator if not given.

    Raises
    ------
    TypeError
        If a kernel or width is not an integer.
    ValueError
        If a kernel is even or below 1, a width below 1, there are fewer than two
        kernels, the lengths do not fit, or the initialisation is unknown.

    Notes
    -----
    Border pixels are repeated in each layer, as the authors' test code does
    (``imfilter(..., 'same', 'replicate')``), so that the output is as large as the
    input.

    Examples
    --------
    >>> SRCNN()
    SRCNN(kernels=(9, 1, 5), widths=(64, 32))  # 8,129 parameters, receptive field 13
    """

    def __init__(
        self,
        kernels: Sequence[int] = (9, 1, 5),
        widths: Sequence[int] = (64, 32),
        *,
        initialisation: Initialisation = "dong",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.kernels = tuple(odd_integer("a kernel", kernel) for kernel in kernels)
        self.widths = tuple(integer("a width", width, least=1) for width in widths)
        if len(self.kernels) < 2 or len(self.widths) != len(self.kernels) - 1:
            raise ValueError(
                "SRCNN needs two kernels or more and one width fewer than kernels, "
                f"got kernels {self.kernels} and widths {self.widths}"
            )
        if initialisation not in get_args(Initialisation):
            raise ValueError(f"initialisation is dong or he, got {initialisation!r}")
        channels = [1, *self.widths, 1]
        self.body = chain(channels, self.kernels, padding_mode="replicate")
        layers = convolutions(self.body)
        for layer in layers:
            deviation = 0.001
            if initialisation == "he":  # after the last layer there is no ReLU
                gain = 1 if layer is layers[-1] else 2
                fan_in = layer.in_channels * layer.kernel_size[0] ** 2
                deviation = math.sqrt(gain / fan_in)
            draw(layer, deviation, generator)

    @property
    def architecture(self) -> dict[str, Any]:
        """What `build` needs to make this network again (JSON-ready)."""
        return {
            "name": "SRCNN",
            "kernels": list(self.kernels),
            "widths": list(self.widths),
        }

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        """Super-resolve a batch of interpolated luma pictures.

        Parameters
        ----------
        ilr : torch.Tensor
            Float, (B, 1, H, W), in [16/255, 235/255].

        Returns
        -------
        torch.Tensor
            (B, 1, H, W), about the range of the input; not clipped.

        Raises
        ------
        ValueError
            If `ilr` is not (B, 1, H, W).
        """
        check_luma(ilr)
        predicted: torch.Tensor = self.body(ilr)  # (B, 1, H, W)
        return predicted
