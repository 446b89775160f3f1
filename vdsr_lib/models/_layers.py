"""What both networks are made of: convolutions that keep the size, in a chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from vdsr_lib.models._rectified import convolve_and_rectify, is_fast_path

__all__ = [
    "CarefulConvolution",
    "Chain",
    "Convolution",
    "LumaNetwork",
    "boolean",
    "chain",
    "check_luma",
    "convolutions",
    "draw",
    "integer",
    "odd_integer",
    "receptive_field",
]

_WINDOWED = nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d
_OTHERWISE = (  # they change the grid in ways of their own
    *(nn.ConvTranspose2d, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle),
    *(nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)


def receptive_field(layers: Iterable[nn.Module]) -> int:
    """Return the side of the square of input pixels that one output pixel sees.

    Walks through convolutions and pooling: each adds ``dilation * (kernel - 1)``
    pixels, as wide as the strides before it have made them.

    Parameters
    ----------
    layers : iterable of torch.nn.Module
        The layers in the order of the data, ``Sequential`` ones among them too.
        Whatever else works on single pixels (ReLU, for instance) and is passed over.

    Returns
    -------
    int
        Side in pixels: ``2 * depth + 1`` for VDSR (Kim et al. 2016, section 4.1), 13
        for SRCNN 9-1-5. Of a window that is not square the longer side counts.

    Raises
    ------
    TypeError
        If a layer makes pictures larger, pools to a given size, or holds such layers
        or convolutions in an order that it alone knows.
    """
    side, jump = 1, 1
    for layer in _in_order(layers):
        if isinstance(layer, _WINDOWED):
            kernel, stride, dilation = (
                np.max(getattr(layer, name, 1))
                for name in ("kernel_size", "stride", "dilation")
            )
            side += jump * int(dilation * (kernel - 1))
            jump *= int(stride)
    return side


def _in_order(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Walk through layers, and through those inside a ``Sequential``."""
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            yield from _in_order(layer)
            continue
        if not isinstance(layer, _WINDOWED) and any(
            isinstance(part, _WINDOWED + _OTHERWISE) for part in layer.modules()
        ):
            raise TypeError(
                "receptive_field walks through convolutions and pooling one after "
                f"another, not {type(layer).__name__}"
            )
        yield layer


class Convolution(nn.Conv2d):
    """A convolution that leaves the drawing of its weights to its network."""

    bias: torch.Tensor  # never None, as `chain` makes it

    @property
    def is_plain(self) -> bool:
        """Whether it still is as `chain` made it: with a bias, and pixel by pixel."""
        side = self.kernel_size[0] // 2
        return (
            isinstance(self.bias, torch.Tensor)
            and self.kernel_size[0] == self.kernel_size[1]
            and self.padding == (side, side)
            and self.stride == self.dilation == (1, 1)
            and self.groups == 1
        )

    def reset_parameters(self) -> None:
        """Draw nothing: the generator is touched once, by the paper's rule."""

    def forward(
        self,
        input: torch.Tensor,  # noqa: A002
        *,
        rectified: bool = False,
    ) -> torch.Tensor:
        """Return the layer's maps, (B, out, H, W), of (B, in, H, W).

        With `rectified` they have passed a ReLU, in the same operation.
        """
        return self._maps(input, self.weight, rectified)

    def _maps(
        self, given: torch.Tensor, weight: torch.Tensor, rectified: bool
    ) -> torch.Tensor:
        if rectified:
            side = self.kernel_size[0] // 2
            return convolve_and_rectify(given, weight, self.bias, side)
        maps: torch.Tensor = self._conv_forward(given, weight, self.bias)
        return maps


class CarefulConvolution(Convolution):
    """A first layer that reads a picture in two terms where one has too few digits.

    A bfloat16 has 8 binary digits: a picture rounded to it is off by up to half a grey
    level before anything is computed. In evaluation under bfloat16 autocast this layer
    takes the rounded picture and, as a second channel with the same weights, what the
    rounding left. That costs nothing that can be measured, and brings bfloat16 within
    0.002 dB of float32, where it lost up to 0.075 dB (Set5, public VDSR weights).
    """

    def forward(
        self,
        input: torch.Tensor,  # noqa: A002
        *,
        rectified: bool = False,
    ) -> torch.Tensor:
        """Return the layer's maps, (B, out, H, W), of a picture (B, in, H, W)."""
        kind = input.device.type
        rounds = torch.is_autocast_enabled(kind) and input.dtype == torch.float32
        if self.training or not rounds:
            return super().forward(input, rectified=rectified)
        dtype = torch.get_autocast_dtype(kind)
        high = input.to(dtype)
        low = (input - high).to(dtype)  # float32 less what it was rounded to: exact
        terms = torch.cat((high, low), 1)  # (B, 2 in, H, W)
        terms = terms.contiguous(memory_format=torch.channels_last)
        weight = torch.cat((self.weight, self.weight), 1)  # (out, 2 in, k, k)
        return self._maps(terms, weight, rectified)


class Chain(nn.Sequential):
    """Convolutions with ReLU between them, each pair at once where a GPU can.

    Hooks of a ReLU are not called then, and those of a convolution see maps that have
    passed it.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Return what the last module makes of (B, C, H, W)."""
        maps, place = input, 0
        while place < len(self):
            layer = self[place]
            if self._is_fast(place, maps):
                maps = layer(maps, rectified=True)
                place += 2  # its ReLU is done
            else:
                maps = layer(maps)
                place += 1
        return maps

    def _is_fast(self, place: int, maps: torch.Tensor) -> bool:
        layer = self[place]
        if place + 1 == len(self) or not isinstance(layer, Convolution):
            return False
        if type(self[place + 1]) is not nn.ReLU:  # its owner has put another there
            return False
        if not layer.is_plain:
            return False
        if layer.out_channels % 8:  # cuDNN's fused kernels want whole eights
            return False
        return is_fast_path(maps, layer.padding_mode)


class LumaNetwork(nn.Module):
    """A chain of convolutions with ReLU between them, from luma to luma."""

    body: nn.Sequential

    @property
    def survives_bfloat16(self) -> bool:
        """Whether Set5's means in bfloat16 are float32's, to 0.005 dB: measured."""
        return False

    @property
    def receptive_field(self) -> int:
        """Side, in pixels, of the square of input that one output pixel sees."""
        return receptive_field(self.body)

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def architecture(self) -> dict[str, Any]:
        """What `build` needs to make this network again (JSON-ready)."""
        raise NotImplementedError

    def __repr__(self) -> str:
        options = dict(self.architecture)
        name = options.pop("name")
        given = ", ".join(
            f"{key}={tuple(value) if isinstance(value, list) else value}"
            for key, value in options.items()
        )
        return (
            f"{name}({given})  # {self.parameter_count:,} parameters, "
            f"receptive field {self.receptive_field}"
        )


def chain(
    channels: Sequence[int],
    kernels: Sequence[int],
    *,
    padding_mode: Literal["zeros", "replicate"],
    first: type[Convolution] = Convolution,
) -> Chain:
    """Stack convolutions that keep the size, with ReLU after all but the last."""
    modules: list[nn.Module] = []
    for index, kernel in enumerate(kernels):
        kind = Convolution if index else first
        layer = kind(
            channels[index],
            channels[index + 1],
            kernel,
            padding=kernel // 2,
            padding_mode=padding_mode,
        )
        modules += [layer, nn.ReLU(inplace=True)]
    return Chain(*modules[:-1])


def convolutions(body: nn.Sequential) -> list[Convolution]:
    """Return the convolutions of a chain, in the order of the data."""
    return [layer for layer in body if isinstance(layer, Convolution)]


def draw(
    layer: Convolution, deviation: float, generator: torch.Generator | None
) -> None:
    """Fill a layer with normally distributed weights and zero biases."""
    nn.init.normal_(layer.weight, std=deviation, generator=generator)
    nn.init.zeros_(layer.bias)


def check_luma(ilr: torch.Tensor) -> None:
    """Raise ValueError for anything but luma of shape (B, 1, H, W)."""
    if ilr.ndim != 4 or ilr.shape[1] != 1:
        raise ValueError(
            "a network takes luma of shape (B, 1, H, W), got "
            f"{tuple(ilr.shape)}: colour goes through vdsr_lib.upscale"
        )


def integer(name: str, value: Any, *, least: int) -> int:
    """Return an integer of at least `least`; TypeError or ValueError name any other."""
    if isinstance(value, bool) or not isinstance(value, Integral):  # or NumPy's
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def odd_integer(name: str, value: int) -> int:
    """Return an odd integer of at least 1; TypeError or ValueError name any other."""
    if (value := integer(name, value, least=1)) % 2 == 0:
        raise ValueError(f"{name} must be odd, so that the size is kept, got {value}")
    return value


def boolean(name: str, value: bool) -> bool:
    """Return True or False; TypeError names anything else."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value
