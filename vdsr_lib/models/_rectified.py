"""A convolution, its bias and its ReLU as one operation of a GPU, there and back.

Torch starts a kernel for each of the three, and each reads and writes all maps again.
cuDNN has them in one. The way back through ReLU and bias is one kernel too where Triton
is at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn import functional

__all__ = ["convolve_and_rectify", "is_fast_path"]

_ALIGNED = 8  # channels: cuDNN's fast kernels read that many at once
_ALIKE = 0.03  # part of a gradient by which bfloat16's roundings may differ


def is_fast_path(maps: torch.Tensor, padding_mode: str) -> bool:
    """Say whether `convolve_and_rectify` takes such maps, and is faster.

    Parameters
    ----------
    maps : torch.Tensor
        What the convolution would get.
    padding_mode : str
        Of the convolution.

    Returns
    -------
    bool
        True on a GPU under bfloat16 autocast, with zero padding, where a small trial
        gave what torch's own operations give.
    """
    return (
        maps.device.type == "cuda"
        and padding_mode == "zeros"
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and _passed_trial(maps.device)
    )


def convolve_and_rectify(
    maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, padding: int
) -> torch.Tensor:
    """Return ``relu(conv2d(maps, weight, bias))``, computed in bfloat16.

    Parameters
    ----------
    maps : torch.Tensor
        (B, in, H, W) float.
    weight : torch.Tensor
        (out, in, k, k) float.
    bias : torch.Tensor
        (out,) float.
    padding : int
        Zeros at each border.

    Returns
    -------
    torch.Tensor
        (B, out, h, w) bfloat16, channels last.
    """
    low = torch.bfloat16
    given = maps.to(low), weight.to(low), bias.to(low), padding
    result: torch.Tensor = _ConvolveAndRectify.apply(*given)  # type: ignore[no-untyped-call]
    return result


def _aligned(tensor: torch.Tensor) -> torch.Tensor:
    """Return (n, c, h, w) in channels last, with channels of zeros up to 8."""
    layout = torch.channels_last
    count, channels, *sides = tensor.shape
    lacking = -channels % _ALIGNED
    if not lacking:
        return tensor.contiguous(memory_format=layout)
    wide = torch.empty(
        (count, channels + lacking, *sides),
        dtype=tensor.dtype,
        device=tensor.device,
        memory_format=layout,
    )
    wide[:, channels:] = 0
    wide[:, :channels] = tensor
    return wide


class _ConvolveAndRectify(torch.autograd.Function):
    """See `convolve_and_rectify`; all in bfloat16."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        padding: int,
    ) -> torch.Tensor:
        sides, ones = [padding, padding], [1, 1]
        ctx.channels = maps.shape[1]
        maps, weight = _aligned(maps), _aligned(weight)
        try:
            output = torch.cudnn_convolution_relu(
                maps, weight, bias, ones, sides, ones, 1
            )
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # cuDNN has no fused kernel for this shape
            output = _layer_by_torch(maps, weight, bias, padding)
        ctx.save_for_backward(maps, weight, output)
        ctx.padding = padding
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        maps, weight, output = ctx.saved_tensors
        masked, total = _way_back(output.shape[1], output.device)(gradient, output)
        sides, ones = [ctx.padding, ctx.padding], [1, 1]
        wanted = [*ctx.needs_input_grad[:2], False]
        found = torch.ops.aten.convolution_backward(
            masked, maps, weight, None, ones, sides, ones, False, [0, 0], 1, wanted
        )
        before, weights = (
            None if each is None else each[:, : ctx.channels] for each in found[:2]
        )
        return before, weights, total, None


_Layer = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]
_WayBack = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@cache
def _way_back(width: int, device: torch.device) -> _WayBack:
    """Return what masks a gradient and sums it: a kernel of ours, else torch's."""
    try:
        from vdsr_lib.models import _kernels

        if width not in _kernels.WIDTHS:
            return _in_three_passes
        trial = torch.ones(1, width, 2, 2, device=device, dtype=torch.bfloat16)
        trial = trial.contiguous(memory_format=torch.channels_last)
        _kernels.masked_and_summed(trial, trial)
    except torch.OutOfMemoryError:
        raise
    except Exception:  # no Triton, or none that can compile here
        return _in_three_passes
    return _kernels.masked_and_summed


def _in_three_passes(
    gradient: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask a gradient, (B, C, H, W), where the output is 0; sum it to (C,)."""
    masked = torch.ops.aten.threshold_backward(gradient, output, 0)
    return masked, masked.sum((0, 2, 3), dtype=torch.float32).to(masked.dtype)


@cache
def _passed_trial(device: torch.device) -> bool:
    """Try the fast path on a small case against torch's own operations.

    A device where it fails or differs must not end a run: then torch's operations are
    taken, as everywhere else.

    Parameters
    ----------
    device : torch.device
        Where it is to be used.

    Returns
    -------
    bool
    """
    try:
        ours, known = (
            _trial(layer, device) for layer in (convolve_and_rectify, _layer_by_torch)
        )
    except torch.OutOfMemoryError:  # says nothing about the device; not remembered
        raise
    except Exception:
        return False
    return all(
        bool((one - other).norm() <= _ALIKE * other.norm())
        for one, other in zip(ours, known, strict=True)
    )


def _trial(layer: _Layer, device: torch.device) -> list[torch.Tensor]:
    """Return the gradients of a small net of two such layers, in float32."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 1, 9, 9), (16, 1, 3, 3), (16,), (16, 16, 3, 3), (16,))
    drawn = (
        torch.randn(shape, generator=generator, device="cpu") / 4 for shape in shapes
    )
    with torch.inference_mode(False), torch.enable_grad():
        leaves = [each.to(device, torch.bfloat16).requires_grad_() for each in drawn]
        maps, weight, bias, weight_2, bias_2 = leaves
        output = layer(layer(maps, weight, bias, 1), weight_2, bias_2, 1)
        loss = output.float().square().sum()
        return [each.float() for each in torch.autograd.grad(loss, leaves)]


def _layer_by_torch(
    maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, padding: int
) -> torch.Tensor:
    """Return what `convolve_and_rectify` returns, operation by operation."""
    return functional.relu(functional.conv2d(maps, weight, bias, padding=padding))
