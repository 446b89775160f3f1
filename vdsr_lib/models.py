"""The two networks of the course: VDSR, and SRCNN that it is measured against.

Both take the bicubic-interpolated low-resolution luma (ILR) and return a picture of
the same size, (B, 1, H, W) to (B, 1, H, W). Weights are drawn from the generator
that is given, or from torch's global one; nothing here sets a seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

__all__ = ["SRCNN", "VDSR", "build", "receptive_field"]


def receptive_field(layers: Iterable[nn.Module]) -> int:
    """Return the side of the square of input pixels that one output pixel sees.

    Walks through the convolutions: each adds ``dilation * (kernel - 1)`` pixels, as
    wide as the strides before it have made them.

    Parameters
    ----------
    layers : iterable of torch.nn.Module
        The layers in the order of the data. Whatever is not a convolution (ReLU, for
        instance) works on single pixels and is passed over.

    Returns
    -------
    int
        Side in pixels: ``2 * depth + 1`` for VDSR (Kim et al. 2016, section 4.1), 13
        for SRCNN 9-1-5.
    """
    side, jump = 1, 1
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            side += jump * layer.dilation[0] * (layer.kernel_size[0] - 1)
            jump *= layer.stride[0]
    return side


class _Convolution(nn.Conv2d):
    """A convolution that leaves the drawing of its weights to its network."""

    bias: torch.Tensor  # never None here

    def reset_parameters(self) -> None:
        """Draw nothing: the generator is touched once, by the paper's rule."""


class _LumaNetwork(nn.Module):
    """A chain of convolutions with ReLU between them, from luma to luma."""

    body: nn.Sequential

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


class VDSR(_LumaNetwork):
    """The very deep network of Kim et al. (2016): 3x3 layers, one skip connection.

    Parameters
    ----------
    depth : int
        Number of 3x3 convolutions, at least 2; the paper's benchmark network has 20.
    width : int
        Feature maps between the layers, at least 1; the paper has 64.
    residual : bool
        True: the output is the input plus what the layers predict (section 3.2).
        False: the layers predict the picture itself (Table 1's rival).
    generator : torch.Generator, optional
        Where the initial weights are drawn; torch's global generator if not given.

    Raises
    ------
    TypeError
        If `depth` or `width` is not an integer, or `residual` not a bool.
    ValueError
        If `depth` is below 2 or `width` below 1.

    Notes
    -----
    Initial weights as the authors' code draws them: He's normal distribution, the
    last layer 1,000 times smaller, all biases 0; the last bias of the non-residual
    network is 0.5, the middle of the range. So training starts from the bicubic
    picture, or from plain grey. Zero padding of 1 in each layer keeps the size.

    Examples
    --------
    >>> VDSR()
    VDSR(depth=20, width=64, residual=True)  # 665,921 parameters, receptive field 41
    """

    def __init__(
        self,
        depth: int = 20,
        width: int = 64,
        residual: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.depth = _integer("depth", depth, least=2)
        self.width = _integer("width", width, least=1)
        self.residual = _boolean("residual", residual)
        channels = [1, *[width] * (depth - 1), 1]
        self.body = _chain(channels, [3] * depth, padding_mode="zeros")
        self._draw_weights(generator)

    @property
    def architecture(self) -> dict[str, Any]:
        """What `build` needs to make this network again (JSON-ready)."""
        return {
            "name": "VDSR",
            "depth": self.depth,
            "width": self.width,
            "residual": self.residual,
        }

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        """Super-resolve a batch of interpolated luma pictures.

        Parameters
        ----------
        ilr : torch.Tensor
            Float, (B, 1, H, W), in [16/255, 235/255]: the bicubic picture, already
            as large as the output.

        Returns
        -------
        torch.Tensor
            (B, 1, H, W), about the range of the input; not clipped.

        Raises
        ------
        ValueError
            If `ilr` is not (B, 1, H, W).
        """
        _check_luma(ilr)
        predicted: torch.Tensor = self.body(ilr)  # (B, 1, H, W)
        return ilr + predicted if self.residual else predicted  # (B, 1, H, W)

    def _draw_weights(self, generator: torch.Generator | None) -> None:
        convolutions = _convolutions(self.body)
        for layer in convolutions:
            fan_in = layer.in_channels * 3 * 3
            gain = 0.001 if layer is convolutions[-1] else 1.0
            _draw(layer, gain * math.sqrt(2 / fan_in), generator)
        if not self.residual:
            nn.init.constant_(convolutions[-1].bias, 0.5)


class SRCNN(_LumaNetwork):
    """The three-layer network of Dong et al. (2014, 2016), VDSR's point of comparison.

    Parameters
    ----------
    kernels : sequence of int
        Side of each layer's filters, odd. Published: (9, 1, 5), (9, 3, 5), (9, 5, 5).
    widths : sequence of int
        Feature maps between the layers, one fewer than `kernels`.
    generator : torch.Generator, optional
        Where the initial weights are drawn; torch's global generator if not given.

    Raises
    ------
    TypeError
        If a kernel or width is not an integer.
    ValueError
        If a kernel is even or below 1, a width below 1, there are fewer than two
        kernels, or the lengths do not fit.

    Notes
    -----
    Initial weights as in the paper (Dong et al. 2016, section 3.3): Gaussian with
    standard deviation 0.001, biases 0. Border pixels are repeated in each layer, as
    the authors' test code does (``imfilter(..., 'same', 'replicate')``), so that the
    output is as large as the input.

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
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.kernels = tuple(_odd_integer("a kernel", kernel) for kernel in kernels)
        self.widths = tuple(_integer("a width", width, least=1) for width in widths)
        if len(self.kernels) < 2 or len(self.widths) != len(self.kernels) - 1:
            raise ValueError(
                "SRCNN needs two kernels or more and one width fewer than kernels, "
                f"got kernels {self.kernels} and widths {self.widths}"
            )
        channels = [1, *self.widths, 1]
        self.body = _chain(channels, self.kernels, padding_mode="replicate")
        for layer in _convolutions(self.body):
            _draw(layer, 0.001, generator)

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
        _check_luma(ilr)
        predicted: torch.Tensor = self.body(ilr)  # (B, 1, H, W)
        return predicted


def build(
    architecture: Mapping[str, Any], *, generator: torch.Generator | None = None
) -> VDSR | SRCNN:
    """Make a network, with fresh weights, from its description.

    Parameters
    ----------
    architecture : mapping
        What ``model.architecture`` returned: ``"name"`` and the class's options.
    generator : torch.Generator, optional
        Where the initial weights are drawn; torch's global generator if not given.

    Returns
    -------
    VDSR or SRCNN
        On torch's default device.

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If the name is unknown, an option missing or unknown, or a value out of range.
    """
    options = dict(architecture)
    name = options.pop("name", None)
    wanted = {"VDSR": ("depth", "width", "residual"), "SRCNN": ("kernels", "widths")}
    if not isinstance(name, str) or name not in wanted:
        raise ValueError(f"the architecture must be VDSR or SRCNN, got {name!r}")
    if set(options) != set(wanted[name]):
        raise ValueError(
            f"{name} is described by {', '.join(wanted[name])}; "
            f"got {', '.join(sorted(map(str, options))) or 'nothing'}"
        )
    if name == "VDSR":
        return VDSR(**options, generator=generator)
    return SRCNN(**options, generator=generator)


def _chain(
    channels: Sequence[int],
    kernels: Sequence[int],
    *,
    padding_mode: Literal["zeros", "replicate"],
) -> nn.Sequential:
    """Stack convolutions that keep the size, with ReLU after all but the last."""
    modules: list[nn.Module] = []
    for index, kernel in enumerate(kernels):
        layer = _Convolution(
            channels[index],
            channels[index + 1],
            kernel,
            padding=kernel // 2,
            padding_mode=padding_mode,
        )
        modules += [layer, nn.ReLU(inplace=True)]
    return nn.Sequential(*modules[:-1])


def _convolutions(body: nn.Sequential) -> list[_Convolution]:
    return [layer for layer in body if isinstance(layer, _Convolution)]


def _draw(
    layer: _Convolution, deviation: float, generator: torch.Generator | None
) -> None:
    """Fill a layer with normally distributed weights and zero biases."""
    nn.init.normal_(layer.weight, std=deviation, generator=generator)
    nn.init.zeros_(layer.bias)


def _check_luma(ilr: torch.Tensor) -> None:
    if ilr.ndim != 4 or ilr.shape[1] != 1:
        raise ValueError(
            "a network takes luma of shape (B, 1, H, W), got "
            f"{tuple(ilr.shape)}: colour goes through vdsr_lib.upscale"
        )


def _integer(name: str, value: int, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def _odd_integer(name: str, value: int) -> int:
    if _integer(name, value, least=1) % 2 == 0:
        raise ValueError(f"{name} must be odd, so that the size is kept, got {value}")
    return value


def _boolean(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value
