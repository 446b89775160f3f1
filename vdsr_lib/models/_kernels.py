"""Two small GPU kernels: the way back through a ReLU and a bias, in one pass.

Torch takes three: it masks the gradient, reads it again to sum it over the pixels, and
sums that in bfloat16 in a kernel of its own, which takes as long as a convolution.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

__all__ = ["WIDTHS", "masked_and_summed"]

WIDTHS = (16, 32, 64, 128)
"""Numbers of feature maps that the kernels take: powers of 2."""

_ROWS = 32  # pixels that a block looks at together
_BLOCKS = 512  # some four for each multiprocessor of a large GPU
_COLUMNS = 16  # maps whose sums are brought together by one block


@triton.jit  # type: ignore[untyped-decorator]
def _mask_and_sum(  # type: ignore[no-untyped-def] # pragma: no cover
    gradient,
    output,
    masked,
    partial,
    count,
    turns: tl.constexpr,
    width: tl.constexpr,
    height: tl.constexpr,
):
    block = tl.program_id(0)
    columns = tl.arange(0, width)
    sums = tl.zeros((height, width), tl.float32)
    for turn in range(turns):
        rows = (block * turns + turn) * height + tl.arange(0, height)
        places = rows[:, None].to(tl.int64) * width + columns[None, :]
        inside = (rows < count)[:, None]
        above = tl.load(gradient + places, mask=inside, other=0.0)
        level = tl.load(output + places, mask=inside, other=0.0)
        passed = tl.where(level <= 0, 0.0, above)  # NaN lets it pass, as in torch
        tl.store(masked + places, passed, mask=inside)
        sums += passed.to(tl.float32)
    tl.store(partial + block * width + columns, tl.sum(sums, 0))


@triton.jit  # type: ignore[untyped-decorator]
def _bring_together(  # type: ignore[no-untyped-def] # pragma: no cover
    partial, total, width: tl.constexpr, blocks: tl.constexpr, portion: tl.constexpr
):
    columns = tl.program_id(0) * portion + tl.arange(0, portion)
    rows = tl.arange(0, blocks)
    parts = tl.load(partial + rows[:, None] * width + columns[None, :])
    tl.store(total + columns, tl.sum(parts, 0).to(total.dtype.element_ty))


def masked_and_summed(
    gradient: torch.Tensor, output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient before a ReLU, and that of the bias before it.

    Parameters
    ----------
    gradient, output : torch.Tensor
        (B, C, H, W) on a GPU, of one dtype, C one of `WIDTHS`: the gradient behind
        the ReLU, and what it had returned, dense and channels last.

    Returns
    -------
    masked : torch.Tensor
        (B, C, H, W): the gradient where the output is above 0, else 0.
    total : torch.Tensor
        (C,): its sum over pictures and pixels, added up in float32.
    """
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    masked = torch.empty_like(output)
    width = output.shape[1]
    count = output.numel() // width
    turns = triton.cdiv(count, _BLOCKS * _ROWS)
    partial = output.new_empty(_BLOCKS, width, dtype=torch.float32)
    total = output.new_empty(width)
    _mask_and_sum[(_BLOCKS,)](
        gradient, output, masked, partial, count, turns=turns, width=width, height=_ROWS
    )
    _bring_together[(width // _COLUMNS,)](
        partial, total, width=width, blocks=_BLOCKS, portion=_COLUMNS
    )
    return masked, total
