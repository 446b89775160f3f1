"""Tiles join without a trace, and the model is left as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from vdsr_lib import devices, inference
from vdsr_lib.inference import evaluation_precision, placed, super_resolve
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.models._layers import CarefulConvolution

NETWORKS = {
    "VDSR": lambda: VDSR(5, 8),
    "VDSR of depth 20": lambda: VDSR(20, 8),
    "not residual": lambda: VDSR(4, 8, residual=False),
    "SRCNN, which repeats its border": lambda: SRCNN((9, 1, 5), (8, 4)),
}


def network(name: str) -> nn.Module:
    """Return a network whose layers all matter: large weights, large biases."""
    generator = torch.Generator().manual_seed(7)
    model = NETWORKS[name]()
    with torch.no_grad():
        for weight in model.parameters():
            fan_in = weight[0].numel() if weight.ndim == 4 else 9
            weight.normal_(std=(2 / fan_in) ** 0.5, generator=generator)
    return model


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("tile", "shape"),
    [
        (1, (1, 1, 3, 4)),  # smaller than any receptive field
        (24, (1, 1, 47, 66)),
        (25, (2, 1, 60, 25)),
        (200, (1, 1, 30, 40)),
    ],
)
def test_tiles_equal_the_whole_picture(name: str, tile: int, shape) -> None:
    model, ilr = network(name), picture(*shape)
    whole = model(ilr).detach()
    tiled = super_resolve(model, ilr, tile=tile, precision="float32")
    assert whole.std() > 0.05
    assert (tiled - whole).abs().max() <= 1e-5 * max(1, whole.abs().max())


def test_tiles_equal_the_whole_picture_in_bfloat16_too() -> None:
    """Each pixel is rounded in the same places, wherever the tile begins."""
    model, ilr = network("VDSR"), picture(1, 1, 47, 66)
    whole = super_resolve(model, ilr, tile=0, precision="bfloat16")
    tiled = super_resolve(model, ilr, tile=24, precision="bfloat16")
    assert (tiled - whole).abs().max() <= 0.01 * whole.std()


def test_bfloat16_is_taken_where_it_was_measured_to_do_no_harm(monkeypatch) -> None:
    """A residual network in float32, on a CPU that has the instructions."""
    monkeypatch.setattr(devices, "_cpu_bfloat16", lambda: "AMX-BF16")

    def taken(model: nn.Module, precision: str = "auto") -> torch.dtype:
        return evaluation_precision(model, precision).dtype

    assert taken(VDSR(10, 8)) is torch.bfloat16
    assert taken(VDSR(10, 8), "float32") is torch.float32
    for other in (
        VDSR(9, 8),
        VDSR(10, 8, residual=False),
        VDSR(10, 8).double(),
        SRCNN((3, 1, 3), (4, 2)),
        nn.Conv2d(1, 1, 3),
        nn.Identity(),
    ):
        assert taken(other) is torch.float32
        assert taken(other, "bfloat16") is torch.bfloat16
    monkeypatch.setattr(devices, "_cpu_bfloat16", lambda: None)
    assert taken(VDSR(10, 8)) is torch.float32


def test_what_rounding_a_picture_costs_is_won_back() -> None:
    """All pixels between 0.5 and 0.5 + 1/600 are 0.5 as a bfloat16: their differences
    are lost in one term, and there in two."""
    layer = CarefulConvolution(1, 1, 3, padding=1).eval()
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, ::2] = torch.tensor([-1.0, 1.0])  # right less left
        layer.bias.zero_()
    ilr = 0.5 + picture(1, 1, 20, 20) / 600
    differences = ilr[..., 2:] - ilr[..., :-2]
    exact = layer(ilr)[..., 1:-1].detach()
    assert torch.equal(exact, differences)
    with torch.autocast("cpu", torch.bfloat16):
        careful = layer(ilr)[..., 1:-1].detach()
        trained = layer.train()(ilr)[..., 1:-1].detach()
    assert careful.dtype is torch.bfloat16
    assert (careful.float() - exact).abs().max() < 0.01 * exact.abs().max()
    assert not trained.any()  # training goes on as before
    assert torch.equal(layer.eval()(ilr)[..., 1:-1], exact)


def test_too_narrow_a_halo_would_be_seen() -> None:
    """The check above can fail: one pixel less than the receptive field shows."""

    class ShortSighted(VDSR):
        receptive_field = 9

    model, ilr = network("VDSR"), picture(1, 1, 40, 40)
    short = ShortSighted(5, 8)
    short.load_state_dict(model.state_dict())
    assert model.receptive_field == 11
    difference = super_resolve(short, ilr, tile=20) - super_resolve(model, ilr, tile=0)
    assert difference.abs().max() > 1e-3


def test_large_pictures_are_cut_by_themselves(monkeypatch) -> None:
    model, ilr = network("VDSR"), picture(1, 1, 50, 70)
    seen: list[tuple[int, ...]] = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2:]))
    super_resolve(model, ilr, precision="float32")
    assert seen == [(50, 70)]
    seen.clear()
    monkeypatch.setitem(inference._WHOLE_PIXELS, "cpu", 50 * 70 - 1)
    monkeypatch.setitem(inference._TILE, "cpu", 40)
    super_resolve(model, ilr, precision="float32")
    assert len(seen) == 4
    assert max(seen) == (25 + 5, 35 + 5)
    seen.clear()
    super_resolve(model, ilr, tile=0)
    assert seen == [(50, 70)]
    seen.clear()
    super_resolve(model, picture(2, 1, 50, 35), precision="float32")
    assert len(seen) == 2  # all pictures of a batch are in memory at once


class Onlooker(nn.Module):
    """Gives back what it is shown, and notes the sides of it."""

    receptive_field = 3

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(ilr.shape[-2:]))
        return ilr


@pytest.mark.parametrize(
    ("precision", "reason", "largest", "tile"),
    [
        ("float32", "asked for", (512, 1024), 512),
        ("bfloat16", "AVX512-BF16", (384, 512), 384),
        ("bfloat16", devices.AMX, (256, 256), 192),
    ],
)
def test_pictures_are_cut_from_the_sizes_on_that_are_said(
    monkeypatch, precision: str, reason: str, largest: tuple[int, int], tile: int
) -> None:
    chosen = replace(devices.choose_precision("cpu", precision), reason=reason)
    monkeypatch.setattr(inference, "choose_precision", lambda *_: chosen)
    model, (height, width) = Onlooker(), largest
    super_resolve(model, picture(1, 1, height, width), precision=precision)
    assert model.seen == [largest]
    model.seen.clear()
    above = picture(1, 1, height, width + 1)
    assert torch.equal(super_resolve(model, above, precision=precision), above)
    assert len(model.seen) > 1
    model.seen.clear()
    super_resolve(model, picture(1, 1, 3 * tile, 3 * tile), precision=precision)
    assert len(model.seen) == 9
    assert model.seen[4] == (tile + 2, tile + 2)  # a pixel of overlap on each side
    super_resolve(model, picture(1, 1, 3 * tile, 3 * tile + 1), precision=precision)
    assert len(model.seen) == 9 + 12


def test_a_network_of_unknown_reach_is_never_cut(monkeypatch) -> None:
    monkeypatch.setitem(inference._WHOLE_PIXELS, "cpu", 10)
    monkeypatch.setitem(inference._TILE, "cpu", 4)
    torch.manual_seed(0)
    model, ilr = nn.Conv2d(1, 1, 3, padding=1), picture(1, 1, 20, 20)
    torch.testing.assert_close(super_resolve(model, ilr), model(ilr).detach())
    with pytest.raises(ValueError, match="Conv2d sees: give it an attribute"):
        super_resolve(model, ilr, tile=8)


def test_a_network_of_several_outputs_is_refused() -> None:
    class Several(nn.Identity):
        def forward(self, ilr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return ilr, ilr

    with pytest.raises(TypeError, match="Several returns a tuple, one picture is"):
        super_resolve(Several(), picture(1, 1, 9, 9))


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Dropout(0.5)).train()
    model[1].eval()
    ilr = picture(1, 1, 9, 9).requires_grad_()
    modes: list[bool] = []
    model[0].register_forward_hook(lambda module, *_: modes.append(module.training))
    result = super_resolve(model, ilr)
    assert modes == [False]
    assert [module.training for module in model.modules()] == [True, True, False]
    assert not result.requires_grad
    model(ilr).sum().backward()  # a later training step is not disturbed
    assert model[0].weight.grad is not None


def test_modes_return_after_a_failure_too() -> None:
    model = nn.Conv2d(1, 1, 3).train()
    with pytest.raises(ValueError, match=r"turns \(1, 1, 9, 9\) into \(1, 1, 7, 7\)"):
        super_resolve(model, picture(1, 1, 9, 9))
    assert model.training


def test_the_result_is_an_ordinary_tensor() -> None:
    """Not an inference tensor, which could not be changed or learnt from."""
    result = super_resolve(VDSR(3, 8), picture(1, 1, 9, 9))
    result += 1
    assert not result.is_inference()


def test_float32_stays_float32_inside_autocast() -> None:
    model, ilr = network("VDSR"), picture(1, 1, 30, 30)
    exact = model(ilr).detach()
    with torch.autocast("cpu", torch.bfloat16):
        inside = super_resolve(model, ilr, precision="float32")
    torch.testing.assert_close(inside, exact)
    coarse = super_resolve(model, ilr, precision="bfloat16")
    assert coarse.dtype == torch.float32
    assert 1e-6 < (coarse - exact).abs().max() < 0.5


def test_tf32_is_off_inside_and_back_after() -> None:
    cudnn = torch.backends.cudnn
    new = hasattr(cudnn, "conv")
    switch = (cudnn.conv, "fp32_precision") if new else (cudnn, "allow_tf32")
    on, off = ("tf32", "ieee") if new else (True, False)
    model, inside = VDSR(3, 8), []
    model.register_forward_hook(lambda *_: inside.append(getattr(*switch)))
    before = getattr(*switch)
    setattr(*switch, on)  # whatever an earlier use left there
    try:
        super_resolve(model, picture(1, 1, 9, 9))
        assert inside == [off]
        assert getattr(*switch) == on
    finally:
        setattr(*switch, before)


def test_a_network_in_double_precision_takes_a_picture_in_float32() -> None:
    model, ilr = network("VDSR").double(), picture(1, 1, 9, 9)
    result = super_resolve(model, ilr)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, model(ilr.double()).detach().float())


def test_nan_stays_nan() -> None:
    model = network("VDSR")
    with torch.no_grad():
        model.body[0].bias.fill_(torch.nan)
    assert super_resolve(model, picture(1, 1, 9, 9)).isnan().all()


@pytest.mark.parametrize("shape", [(9, 9), (1, 9, 9), (1, 3, 9, 9), (1, 1, 0, 9)])
def test_other_shapes_are_refused(shape) -> None:
    with pytest.raises(ValueError, match=r"ilr must be \(B, 1, H, W\)"):
        super_resolve(VDSR(3, 8), torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_integers_are_refused(dtype) -> None:
    """A picture in 0 to 255 would be taken for one 255 times as bright."""
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(TypeError, match=f"ilr must be float in .*, got {kind}"):
        super_resolve(VDSR(3, 8), torch.ones(1, 1, 9, 9, dtype=dtype))


def test_wrong_options_are_refused() -> None:
    with pytest.raises(
        ValueError, match="tile must be a number of pixels or 0, got -1"
    ):
        super_resolve(VDSR(3, 8), picture(1, 1, 9, 9), tile=-1)
    with pytest.raises(ValueError, match="precision must be one of"):
        super_resolve(VDSR(3, 8), picture(1, 1, 9, 9), precision="float8")


def test_a_network_in_place_is_not_copied() -> None:
    model = VDSR(3, 8)
    assert placed(model, "cpu") is model
    identity = nn.Identity()
    assert placed(identity, "auto") is identity
    with pytest.raises(ValueError, match="device must be"):
        placed(model, "abacus")


@pytest.mark.gpu
def test_gpu_gives_what_the_cpu_gives() -> None:
    model, ilr = network("VDSR of depth 20"), picture(1, 1, 200, 300)
    there = placed(model, "cuda")
    assert there is not model
    assert next(model.parameters()).device.type == "cpu"
    for tile in (0, 64):
        result = super_resolve(there, ilr, tile=tile, precision="float32")
        assert result.device.type == "cpu"
        torch.testing.assert_close(result, model(ilr).detach(), rtol=1e-4, atol=1e-4)


@pytest.fixture
def cut(monkeypatch):
    """Return a call: the windows that a network sees on a CPU with some instructions.

    The network does nothing, as none of this depends on its arithmetic, and sees 3
    pixels beyond each.
    """

    def windows(
        instructions: str | None, *shape: int, precision: str = "auto"
    ) -> list[tuple[int, ...]]:
        monkeypatch.setattr(devices, "_cpu_bfloat16", lambda: instructions)
        model, seen = VDSR(3, 1), []
        monkeypatch.setattr(model, "forward", lambda ilr: seen.append(ilr.shape) or ilr)
        super_resolve(model, torch.zeros(1, 1, *shape), precision=precision)
        return [tuple(each[-2:]) for each in seen]

    return windows


def test_with_amx_a_core_waits_for_memory_and_tiles_are_small(cut) -> None:
    """Above 256 x 256 pictures are cut, into 192 at most; float32 takes them whole."""
    asked = {"precision": "bfloat16"}
    assert cut("AMX-BF16", 256, 256, **asked) == [(256, 256)]
    assert cut("AMX-BF16", 264, 264, **asked) == [(135, 135)] * 4
    assert len(cut("AMX-BF16", 512, 512, **asked)) == 9  # of 171
    assert cut("AMX-BF16", 3456, 20, **asked) == [
        (195, 20),
        *[(198, 20)] * 16,
        (195, 20),
    ]
    assert cut("AMX-BF16", 512, 512, precision="float32") == [(512, 512)]


@pytest.mark.parametrize("instructions", ["AVX512-BF16", None])
def test_without_amx_a_core_computes_and_tiles_are_large(cut, instructions) -> None:
    """Above 512 x 384 pictures are cut, into 384 at most; asked for without any too."""
    asked = {"precision": "bfloat16"}
    assert cut(instructions, 384, 512, **asked) == [(384, 512)]
    assert cut(instructions, 400, 512, **asked) == [(203, 259)] * 4
    assert len(cut(instructions, 512, 512, **asked)) == 4  # of 256
    assert len(cut(instructions, 768, 1024, **asked)) == 6  # of 384 x 342
    assert cut(instructions, 512, 512, precision="float32") == [(512, 512)]
