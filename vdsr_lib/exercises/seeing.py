"""Assignment 4: receptive fields, computed and measured, patches and exact tiles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.models import SRCNN, VDSR, receptive_field

__all__ = ["EXERCISES", "SmallMemory"]

Specification: TypeAlias = Sequence[tuple[int, int, int]]
Pair: TypeAlias = tuple[Tensor, Tensor]
Network = TypeVar("Network", bound=nn.Module)


class SmallMemory(nn.Module):
    """A network that refuses pictures larger than a tile with its margins.

    Parameters
    ----------
    network : torch.nn.Module
        A VDSR or an SRCNN.
    largest : int
        The longest side that it takes, in pixels.
    """

    def __init__(self, network: VDSR | SRCNN, largest: int) -> None:
        super().__init__()
        self.network = network
        self.largest = largest
        self.receptive_field = network.receptive_field

    def forward(self, ilr: Tensor) -> Tensor:
        """Run the network, or refuse.

        Parameters
        ----------
        ilr : torch.Tensor
            (B, 1, h, w).

        Returns
        -------
        torch.Tensor
            (B, 1, h, w).

        Raises
        ------
        MemoryError
            If a side is longer than `largest`.
        """
        if max(ilr.shape[-2:]) > self.largest:
            sides = " x ".join(map(str, ilr.shape[-2:]))
            raise MemoryError(
                f"a piece of {sides} does not fit; at most {self.largest} x "
                f"{self.largest}"
            )
        result: Tensor = self.network(ilr)  # (B, 1, h, w)
        return result


def _next(side: int, jump: int, kernel: int, stride: int) -> tuple[int, int]:
    return side + jump * (kernel - 1), jump * stride


def _field(layers: Specification) -> int:
    made = [nn.Conv2d(1, 1, k, stride=s, dilation=d) for k, s, d in layers]
    return receptive_field(made)


def _field_with(
    layers: Specification,
    *,
    lost: int = 1,
    jumps: bool = True,
    dilate: bool = True,
    early: bool = False,
) -> int:
    """Compute a receptive field with one thing left out."""
    side, jump = 1, 1
    for kernel, stride, dilation in layers:
        jump *= stride if early else 1
        side += (jump if jumps else 1) * (dilation if dilate else 1) * (kernel - lost)
        jump *= 1 if early else stride
    return side


def _field_cases() -> list[Case]:
    plain = {"VDSR of depth 5": [(3, 1, 1)] * 5, "SRCNN": [(9, 1, 1), (1, 1, 1)]}
    plain["SRCNN"].append((5, 1, 1))
    rest = {
        "a stride of 2 in the second of three layers": [
            (3, 1, 1), (3, 2, 1), (3, 1, 1)
        ],
        "dilations 1, 2, 4": [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
        "strides 2, 2 and a dilation of 3 at the end": [
            (5, 2, 1), (3, 2, 1), (4, 1, 3)
        ],
    }  # fmt: skip
    return [Case(f"{name}: {list(v)}", (v,)) for name, v in {**plain, **rest}.items()]


def _next_cases() -> list[Case]:
    return [
        Case(f"side {s}, jump {j}, a kernel of {k}, stride {t}", (s, j, k, t))
        for s, j, k, t in (
            (1, 1, 3, 1),
            (13, 1, 9, 1),
            (6, 2, 4, 3),
            (7, 2, 3, 1),
            (3, 1, 5, 2),
        )
    ]


def _count(height: int, width: int, scale: int, patch: int) -> int:
    return (height - height % scale) // patch * ((width - width % scale) // patch)


def _uncropped(height: int, width: int, scale: int, patch: int) -> int:  # noqa: ARG001
    return (height // patch) * (width // patch)


def _by_area(height: int, width: int, scale: int, patch: int) -> int:
    return (height - height % scale) * (width - width % scale) // patch**2


def _begun(height: int, width: int, scale: int, patch: int) -> int:
    rows, columns = height - height % scale, width - width % scale
    return -(-rows // patch) * -(-columns // patch)


def _in_the_small(height: int, width: int, scale: int, patch: int) -> int:
    return (height // scale // patch) * (width // scale // patch)


def _count_cases() -> list[Case]:
    given = ((321, 481, 3, 21), (82, 123, 2, 41), (83, 124, 4, 41), (82, 100, 3, 41))
    return [
        Case(f"a picture of {h} x {w}, scale {s}, patches of {p}", (h, w, s, p))
        for h, w, s, p in given
    ]


def _turned(patch: Tensor, quarters: int, mirror: bool) -> Tensor:
    turned = patch.rot90(quarters, (-2, -1))  # (B, 1, p, p)
    return turned.flip(-1) if mirror else turned


def _turned_pair(ilr: Tensor, hr: Tensor, quarters: int, mirror: bool) -> Pair:
    return _turned(ilr, quarters, mirror), _turned(hr, quarters, mirror)


def _mirrored_first(ilr: Tensor, hr: Tensor, quarters: int, mirror: bool) -> Pair:
    return _turned_pair(ilr, hr, -quarters if mirror else quarters, mirror)


def _of_the_batch(ilr: Tensor, hr: Tensor, quarters: int, mirror: bool) -> Pair:
    return _turned_pair(ilr.rot90(quarters), hr.rot90(quarters), 0, mirror)


def _turned_cases() -> list[Case]:
    generator = torch.Generator().manual_seed(6)
    cases = []
    for batch, side, quarters, mirror in (
        (1, 3, 0, True), (2, 4, 1, False), (2, 3, 2, True), (3, 4, 3, True)
    ):  # fmt: skip
        pair = torch.rand(2, batch, 1, side, side, generator=generator)
        shape = f"two batches of shape ({batch}, 1, {side}, {side})"
        given = f"{shape}, quarters {quarters}, mirror {mirror}"
        cases.append(Case(given, (*pair, quarters, mirror)))
    return cases


def _positive(network: Network) -> Network:
    """Make every weight positive, so that no ReLU blocks the way."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(0.1, 1, generator=generator)
    return network


def _gradient(network: nn.Module, side: int) -> Tensor:
    picture = torch.ones(1, 1, side, side, requires_grad=True)
    centre = network(picture)[0, 0, side // 2, side // 2]
    return torch.autograd.grad(centre, picture)[0][0, 0]  # (side, side)


def _measured(network: nn.Module, side: int) -> int:
    return int((_gradient(network, side) != 0).any(dim=0).sum())


def _whole(network: nn.Module, side: int) -> int:
    picture = torch.ones(1, 1, side, side, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(picture).sum(), picture)
    return int((gradient[0, 0] != 0).any(dim=0).sum())


def _measure_cases() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    flat = nn.Conv2d(1, 1, (1, 7), padding=(0, 3))
    networks: dict[str, tuple[nn.Module, int]] = {
        "a VDSR of depth 3 and a picture of 15": (
            VDSR(3, 4, generator=generator), 15
        ),
        "a VDSR of depth 6 and a picture of 21": (
            VDSR(6, 2, generator=generator), 21
        ),
        "an SRCNN 9-1-5 and a picture of 31": (
            SRCNN(widths=(4, 3), generator=generator), 31
        ),
        "one layer, 1 pixel high and 7 wide, and a picture of 15": (flat, 15),
    }  # fmt: skip
    return [Case(given, (_positive(n), side)) for given, (n, side) in networks.items()]


def _tiled(network: Any, ilr: Tensor, tile: int, *, margin: int) -> Tensor:
    """Run a network tile by tile, each with `margin` pixels around it."""
    height, width = ilr.shape[-2:]
    result = torch.empty_like(ilr)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            above, beside = max(0, top - margin), max(0, left - margin)
            piece = ilr[..., above : top + tile + margin, beside : left + tile + margin]
            done = network(piece)[..., top - above :, left - beside :]
            target = result[..., top : top + tile, left : left + tile]
            target.copy_(done[..., : target.shape[-2], : target.shape[-1]])
    return result


@torch.no_grad()
def _exact(network: SmallMemory, ilr: Tensor, tile: int) -> Tensor:  # noqa: ARG001
    result: Tensor = network.network(ilr)
    return result


def _cut(margin: Callable[[int], int]) -> Callable[..., Tensor]:
    """Return a tiling with a margin made of the receptive field."""

    def tiles(network: SmallMemory, ilr: Tensor, tile: int) -> Tensor:
        with torch.no_grad():
            wide = margin(network.receptive_field)
            return _tiled(network, ilr, tile, margin=wide)

    return tiles


def _padded_picture(network: SmallMemory, ilr: Tensor, tile: int) -> Tensor:  # noqa: ARG001
    """Put zeros around the whole picture: the biases make values of them."""
    margin = network.receptive_field // 2
    wide: Tensor = network.network(nn.functional.pad(ilr, [margin] * 4))
    return wide[..., margin:-margin, margin:-margin]


def _run_tiles(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    with torch.no_grad():
        return function(*arguments)


def _tile_cases() -> list[Case]:
    generator = torch.Generator().manual_seed(3)
    cases = []
    for depth, (height, width), tile in ((3, (20, 26), 10), (5, (23, 17), 8)):
        network = copy.deepcopy(_positive(VDSR(depth, 2, generator=generator)))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.div_(4)
        picture = torch.rand(1, 1, height, width, generator=generator)
        small = SmallMemory(network, tile + 2 * depth)
        given = f"depth {depth}, a picture of {height} x {width}, tiles of {tile}"
        cases.append(Case(given, (small, picture, tile)))
    return cases


def _across(scratch: int) -> tuple[int, bool]:
    return (scratch + 1) // 2, (scratch + 1) // 2 <= 13 // 2


EXERCISES: dict[str, Exercise] = {
    "next-layer": Exercise(
        _next,
        _next_cases,
        {
            "the whole kernel is added; its middle was counted already": (
                lambda side, jump, k, s: (side + jump * k, jump * s)
            ),
            "the jump is left out: after a stride, neighbours are further apart": (
                lambda side, jump, k, s: (side + k - 1, jump * s)
            ),
            "the layer's own stride stands for the jump, which the layers before it "
            "have made": lambda side, jump, k, s: (side + s * (k - 1), jump * s),
            "the layer's own stride widens its own kernel": (
                lambda side, jump, k, s: (side + jump * s * (k - 1), jump * s)
            ),
        },
        (
            "A kernel of 3 adds one neighbour at each side. How far away is it?",
            "It adds kernel - 1 neighbours, each `jump` input pixels from the next.",
            "side + jump * (kernel - 1), and then jump * stride",
        ),
    ),
    "receptive-field": Exercise(
        _field,
        _field_cases,
        {
            "the whole kernel is added in every layer": partial(_field_with, lost=0),
            "strides are ignored": partial(_field_with, jumps=False),
            "dilations are ignored": partial(_field_with, dilate=False),
            "a layer's stride widens its own kernel; it only widens later ones": (
                partial(_field_with, early=True)
            ),
        },
        (
            "Begin with side 1 and jump 1, and go through the layers in order.",
            "A dilation makes a kernel of k reach as far as one of "
            "dilation * (k - 1) + 1.",
            "side += jump * dilation * (kernel - 1), and then jump *= stride",
        ),
    ),
    "patch-count": Exercise(
        _count,
        _count_cases,
        {
            "the picture is not cropped to a multiple of the scale first": _uncropped,
            "areas are divided: a patch must fit as a whole": _by_area,
            "a patch that is not whole is counted, too": _begun,
            "patches are cut from the small picture; VDSR cuts the enlarged one": (
                _in_the_small
            ),
        },
        (
            "Rows and columns are counted on their own, then multiplied.",
            "First the crop: height - height % scale rows stay.",
            "(rows // patch) * (columns // patch), after the crop",
        ),
    ),
    "turned-pair": Exercise(
        _turned_pair,
        _turned_cases,
        {
            "the input alone is turned: the target is another patch then": (
                lambda x, y, q, m: (_turned(x, q, m), y)
            ),
            "the target alone is turned: the input is another patch then": (
                lambda x, y, q, m: (x, _turned(y, q, m))
            ),
            "the target is turned, and not mirrored": lambda x, y, q, m: (
                _turned(x, q, m),
                _turned(y, q, mirror=False),
            ),
            "the batch and its channel are turned: rot90 takes the first two axes": (
                _of_the_batch
            ),
            "the patches are turned to the right; rot90 turns to the left": (
                lambda x, y, q, m: _turned_pair(x, y, -q, m)
            ),
            "the patches are mirrored first and turned then": _mirrored_first,
            "top and bottom are exchanged, not left and right": lambda x, y, q, m: (
                _turned_pair(x, y, q + 2 * m, m)
            ),
        },
        (
            "What would the network learn if the input were turned, and not the "
            "picture that it should become?",
            "Both are turned alike. The pixels lie along the last two axes: "
            "dims=(-2, -1).",
            "[x.rot90(quarters, (-2, -1)) for x in (ilr, hr)], and then flip(-1) for "
            "both if they are mirrored",
        ),
    ),
    "measured-field": Exercise(
        _measured,
        _measure_cases,
        {
            "all pixels of the square are counted, not those of its side": (
                lambda n, side: int((_gradient(n, side) != 0).sum())
            ),
            "the gradient is that of the whole output, not of its middle pixel": _whole,
            "rows are counted, not columns": (
                lambda n, side: int((_gradient(n, side) != 0).any(dim=1).sum())
            ),
            "gradients are added up instead of being counted": (
                lambda n, side: int(_gradient(n, side).sum())
            ),
        },
        (
            "Which input pixels change the middle output pixel when they change?",
            "Those with a gradient other than 0: take the gradient of "
            "network(picture)[0, 0, side // 2, side // 2] with respect to picture.",
            "(gradient[0, 0] != 0).any(dim=0).sum() counts the columns",
        ),
    ),
    "exact-tiles": Exercise(
        _exact,
        _tile_cases,
        {
            "the tiles have no margin, and seams show": _cut(lambda _: 0),
            "the margin is too narrow: half of what the network sees beside a pixel": (
                _cut(lambda field: field // 4)
            ),
            "the margin is one pixel too narrow": _cut(lambda field: field // 2 - 1),
            "zeros are put around the picture: the layers after the first see what "
            "the biases made of them, where the whole picture ends in zeros again": (
                _padded_picture
            ),
        },
        (
            "How many pixels beside a tile does the network look at?",
            "receptive_field // 2 at each side. At the edge of the picture there are "
            "fewer: max(0, top - margin).",
            "Run the network on the tile with its margin, then cut the margin off: it "
            "begins at row top - max(0, top - margin) of the result.",
        ),
        tolerance=1e-4,
        run=_run_tiles,
    ),
    "scratch-depth": Exercise(
        _across,
        lambda scratch: [Case(f"a scratch {scratch} pixels wide", (scratch,))],
        {
            "the middle pixel only reaches the last pixel of the scratch": (
                lambda w: (w // 2, w // 2 <= 6)
            ),
            "the whole width is taken for the way from the middle to the edge": (
                lambda w: (w, w <= 6)
            ),
        },
        (
            "How far is it from the middle of the scratch to the first good pixel?",
            "(scratch + 1) / 2 pixels; depth D sees D pixels to each side.",
            "SRCNN 9-1-5 sees 6 pixels to each side.",
        ),
        run=call_report,
    ),
}
