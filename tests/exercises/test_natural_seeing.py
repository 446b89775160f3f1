"""Assignment 4: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises.seeing import EXERCISES


def _stride_at_once(side: int, jump: int, kernel: int, stride: int) -> tuple[int, int]:
    jump *= stride
    return side + jump * (kernel - 1), jump


def _whole_kernels(layers: Any) -> int:
    side = jump = 1
    for kernel, stride, dilation in layers:
        side, jump = side + kernel * dilation * jump, jump * stride
    return side


def _no_strides(layers: Any) -> int:
    return 1 + sum((kernel - 1) * dilation for kernel, _, dilation in layers)


def _no_dilations(layers: Any) -> int:
    side = jump = 1
    for kernel, stride, _ in layers:
        side, jump = side + (kernel - 1) * jump, jump * stride
    return side


def _own_stride(layers: Any) -> int:
    side = jump = 1
    for kernel, stride, dilation in layers:
        side, jump = _stride_at_once(side, jump, (kernel - 1) * dilation + 1, stride)
    return side


def _rows_and_columns(height: int, width: int, scale: int) -> tuple[int, int]:
    return height // scale * scale, width // scale * scale


def _by_area(height: int, width: int, scale: int, patch: int) -> int:
    rows, columns = _rows_and_columns(height, width, scale)
    return int(rows * columns / patch**2)


def _also_begun(height: int, width: int, scale: int, patch: int) -> int:
    rows, columns = _rows_and_columns(height, width, scale)
    return len(range(0, rows, patch)) * len(range(0, columns, patch))


def _left(patch: Any, quarters: int) -> Any:
    for _ in range(quarters):
        patch = patch.transpose(-1, -2).flip(-2)
    return patch


def _right(patch: Any, quarters: int) -> Any:
    for _ in range(quarters):
        patch = patch.flip(-2).transpose(-1, -2)
    return patch


def _input_alone(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    ilr = _left(ilr, quarters)
    return (ilr.flip(-1) if mirror else ilr), hr


def _target_alone(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    hr = _left(hr, quarters)
    return ilr, (hr.flip(-1) if mirror else hr)


def _target_not_mirrored(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    ilr, hr = _left(ilr, quarters), _left(hr, quarters)
    if mirror:
        ilr = ilr.flip(-1)
    return ilr, hr


def _batch_and_channel(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = [x.rot90(quarters) for x in (ilr, hr)]
    return [x.flip(-1) for x in both] if mirror else both


def _clockwise(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = _right(torch.stack((ilr, hr)), quarters)
    return both.flip(-1) if mirror else both


def _mirrored_first(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = torch.stack((ilr, hr))
    return _left(both.flip(-1) if mirror else both, quarters)


def _upside_down(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = _left(torch.stack((ilr, hr)), quarters)
    return both.flip(-2) if mirror else both


def _slopes(network: Any, side: int, *, everything: bool = False) -> Any:
    picture = torch.ones(1, 1, side, side).requires_grad_()
    output = network(picture)
    (output.sum() if everything else output[0, 0, side // 2, side // 2]).backward()
    assert picture.grad is not None
    return picture.grad[0, 0]


def _columns(slopes: Any) -> int:
    return sum(bool(column.abs().sum()) for column in slopes.T)


def _tiles(network: Any, ilr: Any, tile: int, margin: Callable[[Any], int]) -> Any:
    wide, result = margin(network), torch.zeros_like(ilr)
    height, width = ilr.shape[-2:]
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            low, right = min(top + tile, height), min(left + tile, width)
            y, x = max(top - wide, 0), max(left - wide, 0)
            done = network(ilr[:, :, y : low + wide, x : right + wide])
            result[:, :, top:low, left:right] = done[
                :, :, top - y : low - y, left - x : right - x
            ]
    return result


def _zeros_around_the_picture(network: Any, ilr: Any, tile: int) -> Any:
    margin = network.receptive_field // 2
    height, width = ilr.shape[-2:]
    wide, result = F.pad(ilr, [margin] * 4), torch.empty_like(ilr)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            low, right = min(height, top + tile), min(width, left + tile)
            piece = wide[..., top : low + 2 * margin, left : right + 2 * margin]
            done = network(piece)[..., margin:-margin, margin:-margin]
            result[..., top:low, left:right] = done
    return result


GIVEN = {"scratch-depth": (9,)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "next-layer": [
        ("the whole kernel is added", lambda s, j, k, t: (k * j + s, t * j)),
        ("the jump is left out", lambda s, j, k, t: (k - 1 + s, t * j)),
        ("the layer's own stride stands", lambda s, j, k, t: (s + t * (k - 1), j * t)),
        ("the layer's own stride widens", _stride_at_once),
    ],
    "receptive-field": [
        ("the whole kernel is added", _whole_kernels),
        ("strides are ignored", _no_strides),
        ("dilations are ignored", _no_dilations),
        ("a layer's stride widens its own kernel", _own_stride),
    ],
    "patch-count": [
        ("the picture is not cropped", lambda h, w, _, p: (w // p) * (h // p)),
        ("areas are divided", _by_area),
        ("a patch that is not whole is counted", _also_begun),
        (
            "patches are cut from the small picture",
            lambda h, w, s, p: (h // s // p) * (w // s // p),
        ),
    ],
    "turned-pair": [
        ("the input alone is turned", _input_alone),
        ("the target alone is turned", _target_alone),
        ("the target is turned, and not mirrored", _target_not_mirrored),
        ("the batch and its channel are turned", _batch_and_channel),
        ("the patches are turned to the right", _clockwise),
        ("the patches are mirrored first", _mirrored_first),
        ("top and bottom are exchanged", _upside_down),
    ],
    "measured-field": [
        (
            "all pixels of the square are counted",
            lambda network, side: int(_slopes(network, side).count_nonzero()),
        ),
        (
            "the gradient is that of the whole output",
            lambda network, side: _columns(_slopes(network, side, everything=True)),
        ),
        (
            "rows are counted, not columns",
            lambda network, side: _columns(_slopes(network, side).T),
        ),
        (
            "gradients are added up",
            lambda network, side: int(_slopes(network, side).sum()),
        ),
    ],
    "exact-tiles": [
        ("the tiles have no margin", partial(_tiles, margin=lambda _: 0)),
        (
            "the margin is too narrow",
            partial(_tiles, margin=lambda n: n.receptive_field // 2 // 2),
        ),
        (
            "the margin is one pixel too narrow",
            partial(_tiles, margin=lambda n: (n.receptive_field - 3) // 2),
        ),
        ("zeros are put around the picture", _zeros_around_the_picture),
    ],
    "scratch-depth": [
        ("the middle pixel only reaches", lambda: (4, True)),
        ("the whole width is taken", lambda: (9, False)),
    ],
}


@pytest.mark.parametrize(
    ("name", "mistake"),
    [(name, cause) for name, each in EXERCISES.items() for cause in each.mistakes],
)
def test_each_mistake_is_called_by_its_name(
    told: Callable[..., None], name: str, mistake: str
) -> None:
    told(ANSWERS[name], name, mistake, GIVEN.get(name, ()))
