"""The networks against hand formulas, measured receptive fields and the paper."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from vdsr_lib.models import SRCNN, VDSR, build, receptive_field


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def _vdsr_count(depth: int, width: int) -> int:
    """Weights and biases, counted by hand: 9 weights a filter plane, a bias a map."""
    weights = 9 * width + (depth - 2) * 9 * width * width + 9 * width
    return weights + (depth - 1) * width + 1


# --- parameters -----------------------------------------------------------------------


def test_vdsr_has_the_papers_number_of_parameters() -> None:
    model = VDSR()
    weights = sum(layer.weight.numel() for layer in _convolutions(model))
    assert weights == 664_704  # 576 + 18 * 36,864 + 576
    assert model.parameter_count == weights + 1_217 == 665_921


@pytest.mark.parametrize(("depth", "width"), [(2, 1), (3, 8), (5, 64), (10, 64)])
def test_vdsr_count_follows_the_hand_formula(depth: int, width: int) -> None:
    assert VDSR(depth, width).parameter_count == _vdsr_count(depth, width)


@pytest.mark.parametrize(
    ("kernels", "count"),
    [  # weights 8,032, 24,416, 57,184: Dong et al. 2016, section 4.3.1; 97 biases
        ((9, 1, 5), 8_032 + 97),
        ((9, 3, 5), 24_416 + 97),
        ((9, 5, 5), 57_184 + 97),
    ],
)
def test_srcnn_has_its_papers_number_of_parameters(
    kernels: tuple[int, ...], count: int
) -> None:
    assert SRCNN(kernels).parameter_count == count


# --- receptive field ------------------------------------------------------------------


def _measured_receptive_field(model: nn.Module, side: int) -> tuple[int, int]:
    """Height and width of the input region that moves the middle output pixel."""
    with torch.no_grad():
        for layer in _convolutions(model):  # all positive: no ReLU closes, no sum is 0
            layer.weight.uniform_(0.5, 1.5)
    image = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    output = model(image)[0, 0]
    output[output.shape[0] // 2, output.shape[1] // 2].backward()
    assert image.grad is not None
    rows, columns = image.grad[0, 0].nonzero().T
    height = int(rows.max() - rows.min()) + 1
    return height, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("depth", [2, 3, 7, 20])
def test_vdsr_receptive_field_is_the_measured_one(depth: int, residual: bool) -> None:
    model = VDSR(depth, 4, residual).double()
    assert model.receptive_field == 2 * depth + 1  # Kim et al. 2016, section 4.1
    measured = _measured_receptive_field(model, side=2 * depth + 11)
    assert measured == (2 * depth + 1, 2 * depth + 1)


@pytest.mark.parametrize(
    ("kernels", "side"), [((9, 1, 5), 13), ((9, 3, 5), 15), ((9, 5, 5), 17)]
)
def test_srcnn_receptive_field_is_the_measured_one(
    kernels: tuple[int, ...], side: int
) -> None:
    model = SRCNN(kernels, (4, 3)).double()
    assert model.receptive_field == side
    assert _measured_receptive_field(model, side=side + 12) == (side, side)


def test_receptive_field_counts_strides_and_dilations() -> None:
    layers = [nn.Conv2d(1, 1, 3, stride=2), nn.ReLU(), nn.Conv2d(1, 1, 3, dilation=2)]
    assert receptive_field(layers) == 3 + 2 * 2 * 2  # the second layer steps by 2
    model = nn.Sequential(*layers).double()
    assert _measured_receptive_field(model, side=31) == (11, 11)
    assert receptive_field([]) == 1


def test_receptive_field_counts_pooling_long_kernels_and_what_is_nested() -> None:
    pool = nn.AvgPool2d(2)  # its gradient reaches all that it sees
    inner = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), pool)
    layers = [inner, nn.Conv2d(1, 1, (1, 5))]
    assert receptive_field(layers) == 3 + 1 + 2 * 4
    model = nn.Sequential(*layers).double()
    assert _measured_receptive_field(model, side=31) == (4, 12)
    inner[2] = nn.MaxPool2d(2)
    assert receptive_field(layers) == 12


@pytest.mark.parametrize(
    "layer",
    [VDSR(2, 4), nn.ConvTranspose2d(1, 1, 3), nn.PixelShuffle(2), nn.Upsample(None, 2)],
    ids=lambda layer: type(layer).__name__,
)
def test_receptive_field_refuses_what_it_cannot_walk_through(layer: nn.Module) -> None:
    with pytest.raises(
        TypeError, match=f"one after another, not {type(layer).__name__}"
    ):
        receptive_field([nn.Conv2d(1, 1, 3), layer])
    block = nn.ModuleDict({"inside": layer})  # it alone knows what it does with it
    with pytest.raises(TypeError, match="one after another, not ModuleDict"):
        receptive_field([nn.Conv2d(1, 1, 3), block])


# --- initialisation -------------------------------------------------------------------


@pytest.mark.parametrize("residual", [True, False])
def test_vdsr_starts_with_he_weights_and_a_small_last_layer(residual: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    layers = _convolutions(VDSR(6, 64, residual, generator=generator))
    deviations = [layer.weight.std().item() for layer in layers]
    middle = math.sqrt(2 / (9 * 64))  # He: sqrt(2 / fan_in)
    expected = [math.sqrt(2 / 9), middle, middle, middle, middle, 0.001 * middle]
    for layer, deviation, wanted in zip(layers, deviations, expected, strict=True):
        error = 4 / math.sqrt(2 * layer.weight.numel())  # four standard errors
        assert deviation == pytest.approx(wanted, rel=error)
    assert all(bool((layer.bias == 0).all()) for layer in layers[:-1])
    assert layers[-1].bias.tolist() == [0.0 if residual else 0.5]


def test_residual_vdsr_starts_from_its_input_and_the_other_from_grey() -> None:
    ilr = torch.rand(2, 1, 12, 15)
    assert torch.allclose(VDSR(5, 16)(ilr), ilr, atol=0.02)
    grey = torch.full_like(ilr, 0.5)
    assert torch.allclose(VDSR(5, 16, residual=False)(ilr), grey, atol=0.02)


def test_srcnn_starts_with_small_gaussian_weights() -> None:
    layers = _convolutions(SRCNN(generator=torch.Generator().manual_seed(0)))
    for layer in layers:
        error = 4 / math.sqrt(2 * layer.weight.numel())
        assert layer.weight.std().item() == pytest.approx(0.001, rel=error)
        assert bool((layer.bias == 0).all())


def test_srcnn_keeps_its_signal_with_the_initial_weights_of_he() -> None:
    """Each layer's output has the mean square of its input; with Dong's it vanishes."""
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(4, 1, 48, 48, generator=draw)
    spread = {
        name: SRCNN(initialisation=name, generator=draw)(noise).square().mean().item()
        for name in ("he", "dong")
    }
    assert 0.3 < spread["he"] < 3
    assert spread["dong"] < 1e-9
    assert SRCNN(initialisation="he").architecture == SRCNN().architecture


def test_srcnns_weights_of_he_are_spread_by_the_layers_inputs() -> None:
    """He et al. 2015: variance 2 over the inputs, 1 where no ReLU follows."""
    draw = torch.Generator().manual_seed(0)
    layers = _convolutions(SRCNN(initialisation="he", generator=draw))
    variances = [2 / (1 * 81), 2 / (64 * 1), 1 / (32 * 25)]
    for layer, variance in zip(layers, variances, strict=True):
        error = 4 / math.sqrt(2 * layer.weight.numel())
        found = layer.weight.std().item()
        assert found == pytest.approx(math.sqrt(variance), rel=min(error, 0.2))
        assert bool((layer.bias == 0).all())


@pytest.mark.parametrize("network", [VDSR, SRCNN])
def test_a_generator_decides_the_weights_and_spares_the_global_one(
    network: type[VDSR] | type[SRCNN],
) -> None:
    before = torch.random.get_rng_state()
    first = network(generator=torch.Generator().manual_seed(3))
    second = network(generator=torch.Generator().manual_seed(3))
    other = network(generator=torch.Generator().manual_seed(4))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first.body[0].weight, second.body[0].weight)
    assert not torch.equal(first.body[0].weight, other.body[0].weight)


def test_without_a_generator_the_global_seed_decides() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        weights.append(VDSR(3, 8).body[2].weight)
    assert torch.equal(*weights)
    assert not torch.equal(weights[0], VDSR(3, 8).body[2].weight)


# --- what they compute ----------------------------------------------------------------


def test_vdsr_computes_input_plus_convolutions_with_relu_between() -> None:
    model = VDSR(3, 8).double()
    ilr = torch.rand(2, 1, 9, 11, dtype=torch.float64)
    expected = ilr
    for index, layer in enumerate(_convolutions(model)):
        expected = nn.functional.conv2d(expected, layer.weight, layer.bias, padding=1)
        expected = expected.relu() if index < 2 else expected
    torch.testing.assert_close(model(ilr), ilr + expected)
    model.residual = False
    torch.testing.assert_close(model(ilr), expected)


def test_srcnn_repeats_the_border_as_its_authors_test_code_does() -> None:
    model = SRCNN().double()
    flat = torch.full((1, 1, 20, 20), 0.4, dtype=torch.float64)
    output = model(flat)  # a flat picture stays flat up to its border
    torch.testing.assert_close(output, output[..., :1, :1].expand_as(output))


@pytest.mark.parametrize("network", [VDSR(4, 4), SRCNN(), SRCNN((9, 5, 5))])
@pytest.mark.parametrize("size", [(1, 1), (7, 30), (41, 41)])
def test_the_size_is_kept(network: nn.Module, size: tuple[int, int]) -> None:
    assert network(torch.rand(3, 1, *size)).shape == (3, 1, *size)


def test_the_input_is_left_alone() -> None:
    ilr = torch.rand(1, 1, 8, 8)
    before = ilr.clone()
    VDSR(3, 4)(ilr), SRCNN()(ilr)
    assert torch.equal(ilr, before)


# --- description ----------------------------------------------------------------------


def test_repr_teaches() -> None:
    assert repr(VDSR()) == (
        "VDSR(depth=20, width=64, residual=True)"
        "  # 665,921 parameters, receptive field 41"
    )
    assert repr(SRCNN()) == (
        "SRCNN(kernels=(9, 1, 5), widths=(64, 32))"
        "  # 8,129 parameters, receptive field 13"
    )


@pytest.mark.parametrize(
    "model", [VDSR(3, 8, residual=False), SRCNN((9, 3, 3, 5), (8, 4, 4))], ids=repr
)
def test_build_makes_the_described_network_again(model: VDSR | SRCNN) -> None:
    description = json.loads(json.dumps(model.architecture))
    again = build(description)
    assert repr(again) == repr(model)
    assert [p.shape for p in again.parameters()] == [
        p.shape for p in model.parameters()
    ]


# --- bad arguments --------------------------------------------------------------------


def test_numbers_out_of_an_array_are_numbers() -> None:
    """Of ``for depth in np.arange(5, 21)``; and what describes it fits into JSON."""
    for made, plain in (
        (VDSR(np.int64(3), np.int32(4)), VDSR(3, 4)),
        (SRCNN(np.array([9, 1, 5]), np.array([8, 4])), SRCNN((9, 1, 5), (8, 4))),
    ):
        assert json.dumps(made.architecture) == json.dumps(plain.architecture)
        assert repr(made) == repr(plain)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: VDSR(1), ValueError, "depth must be at least 2, got 1"),
        (lambda: VDSR(3, 0), ValueError, "width must be at least 1, got 0"),
        (lambda: VDSR(3.0), TypeError, "depth must be an integer, got 3.0"),
        (lambda: VDSR(True), TypeError, "depth must be an integer, got True"),
        (lambda: VDSR(3, 4, 1), TypeError, "residual must be True or False, got 1"),
        (lambda: SRCNN((9, 2, 5)), ValueError, "a kernel must be odd"),
        (lambda: SRCNN((9, 1, 0)), ValueError, "a kernel must be at least 1, got 0"),
        (lambda: SRCNN((9, 5)), ValueError, "one width fewer than kernels"),
        (lambda: SRCNN((9,), ()), ValueError, "two kernels or more"),
        (
            lambda: SRCNN(initialisation="xavier"),
            ValueError,
            "dong or he, got 'xavier'",
        ),
        (
            lambda: build({**VDSR().architecture, "initialisation": "he"}),
            ValueError,
            "VDSR is described by depth, width, residual",
        ),
        (lambda: SRCNN((9, 1, 5), (64, 0)), ValueError, "a width must be at least 1"),
        (lambda: build({"name": "EDSR"}), ValueError, "must be VDSR or SRCNN"),
        (lambda: build({}), ValueError, "must be VDSR or SRCNN, got None"),
        (lambda: build({"name": ["VDSR"]}), ValueError, "must be VDSR or SRCNN"),
        (
            lambda: build({"name": "VDSR", "depth": 3}),
            ValueError,
            "VDSR is described by depth, width, residual; got depth",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(make, error, sentence) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=sentence):
        make()


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (1, 3, 8, 8)])
@pytest.mark.parametrize("model", [VDSR(3, 4), SRCNN()], ids=["VDSR", "SRCNN"])
def test_only_luma_batches_are_taken(model: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\), got .*8, 8"):
        model(torch.rand(shape))


@pytest.mark.gpu
@pytest.mark.parametrize("model", [VDSR(5, 16), SRCNN()], ids=["VDSR", "SRCNN"])
def test_a_gpu_computes_the_same(model: nn.Module) -> None:
    ilr = torch.rand(2, 1, 24, 24, dtype=torch.float64)
    expected = model.double()(ilr)
    torch.testing.assert_close(model.cuda()(ilr.cuda()).cpu(), expected)
