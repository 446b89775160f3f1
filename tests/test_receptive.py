"""The effective receptive field against hand-computed nets and the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.receptive import (
    central_share,
    central_side,
    choose_places,
    effective_field,
)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A picture with something everywhere, 40 x 50, in the range of luma."""
    return np.random.default_rng(0).uniform(16 / 255, 235 / 255, (40, 50))


def open_net(depth: int, seed: int = 0) -> VDSR:
    """A net whose units are all on: biases of 1 against weights of a few hundredths."""
    net = VDSR(depth, 4, generator=torch.Generator().manual_seed(seed))
    for layer in net.body[::2]:
        torch.nn.init.uniform_(
            layer.weight, 0.01, 0.05, generator=torch.Generator().manual_seed(seed)
        )
        torch.nn.init.ones_(layer.bias)
    return net


@pytest.mark.parametrize("depth", [2, 3, 5, 10])
def test_the_measured_square_is_the_theoretical_one(depth, picture):
    net = open_net(depth)
    field = effective_field(net, picture, 4)
    assert field.shape == (2 * depth + 1, 2 * depth + 1)
    assert central_side(field) == 2 * depth + 1 == net.receptive_field
    assert (field > 0).all()


def test_srcnn_sees_13_pixels(picture):
    net = SRCNN(generator=torch.Generator().manual_seed(0))
    for layer in net.body[::2]:
        torch.nn.init.constant_(layer.weight, 0.01)
    assert central_side(effective_field(net, picture, 2)) == 13


def test_two_linear_layers_by_hand(picture):
    # With the unit on, the net is two correlations in a row: the gradient is the
    # product of their kernels as polynomials, 1 2 1 by 1 2 1 -> 1 4 6 4 1.
    net = VDSR(2, 1)
    row = torch.tensor([1.0, 2.0, 1.0])
    with torch.no_grad():
        for layer in net.body[::2]:
            layer.weight.copy_((row[:, None] * row)[None, None])
            layer.bias.fill_(1.0)
    binomial = np.array([1.0, 4, 6, 4, 1])
    expected = np.outer(binomial, binomial)
    field = effective_field(net, picture, [(20, 20), (11, 30)])
    np.testing.assert_allclose(field, expected, rtol=1e-6)
    expected[2, 2] += 1  # the pixel itself comes through the skip
    with_skip = effective_field(net, picture, [(20, 20)], skip=True)
    np.testing.assert_allclose(with_skip, expected, rtol=1e-6)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_are_measured_where_none_are_recorded(picture, mode):
    net = open_net(2)
    expected = effective_field(net, picture, 2)
    with mode():
        np.testing.assert_array_equal(effective_field(net, picture, 2), expected)


class Blur(torch.nn.Module):
    """A module without a parameter: the mean of 3 x 3 pixels."""

    receptive_field = 3

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(ilr, 3, stride=1, padding=1)


def test_a_module_needs_no_parameters(picture):
    for places in (2, 40):  # 40: more than go through a network at once
        field = effective_field(Blur(), picture, places)
        np.testing.assert_allclose(field, 1 / 9, rtol=1e-6)


def test_a_unit_that_is_off_passes_nothing(picture):
    net = open_net(2)
    with torch.no_grad():
        net.body[0].bias.fill_(-100.0)
    field = effective_field(net, picture, 2)
    assert (field == 0).all()
    assert central_side(field) == central_side(field, 0.5) == 0


@pytest.mark.parametrize("place", [(20, 25), (0, 0), (1, 49), (39, 3), (38, 24)])
@pytest.mark.parametrize("make", [VDSR, SRCNN])
def test_windows_give_the_gradient_of_the_whole_picture(make, place, picture):
    torch.manual_seed(3)
    net = VDSR(4, 6) if make is VDSR else SRCNN((5, 3, 3), (6, 4))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    whole = torch.tensor(picture, dtype=torch.float32)[None, None].requires_grad_()
    out = net(whole)[0, 0, place[0], place[1]]
    expected = torch.autograd.grad(out, whole)[0][0, 0].numpy()
    radius = net.receptive_field // 2
    padded = np.pad(np.abs(expected), radius)
    side = net.receptive_field
    square = padded[place[0] : place[0] + side, place[1] : place[1] + side]
    field = effective_field(net, picture, [place], skip=True)
    np.testing.assert_allclose(field, square, rtol=2e-4, atol=1e-7)


def test_it_averages_over_places(picture):
    net = VDSR(3, 4, generator=torch.Generator().manual_seed(5))
    places = [(10, 10), (0, 3), (25, 40)]
    each = [effective_field(net, picture, [place]) for place in places]
    number = effective_field(net, picture, np.int64(3))
    np.testing.assert_array_equal(number, effective_field(net, picture, 3))
    together = effective_field(net, picture, places)
    np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-6)


def test_32_places_are_measured_unless_others_are_asked_for(picture):
    net = VDSR(2, 4, generator=torch.Generator().manual_seed(6))
    strip = picture[:, :5]  # one column of places, as many as are asked for
    fields = [effective_field(net, strip, count) for count in (31, 32, 33)]
    default = effective_field(net, strip)
    assert [np.array_equal(default, field) for field in fields] == [False, True, False]


def test_the_network_is_left_as_it_was(picture):
    net = VDSR(3, 4).eval()
    effective_field(net, picture, 2)
    assert not net.training
    assert all(p.grad is None for p in net.parameters())


def test_a_network_in_training_is_measured_as_it_is_used(picture):
    """Fresh networks are in training mode, where layers learn from what they see."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.Dropout(0.5),
        torch.nn.Conv2d(4, 1, 1),
    )
    net.receptive_field = 3
    net[2].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    field = effective_field(net, picture, 2)
    assert [module.training for module in net] == [True, True, False, True]
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    np.testing.assert_array_equal(effective_field(net.eval(), picture, 2), field)


@pytest.mark.parametrize(("count", "least"), [(1, 1), (7, 4), (32, 25)])
def test_places_are_spread_and_keep_away_from_the_border(count, least):
    places = choose_places((60, 90), 20, count)
    assert least <= len(set(places)) == len(places) <= count
    assert all(20 <= row < 40 and 20 <= column < 70 for row, column in places)


@pytest.mark.parametrize("shape", [(300, 42), (42, 300), (1000, 41), (41, 1000)])
def test_a_narrow_picture_gets_no_more_places_than_asked_for(shape):
    assert len(set(choose_places(shape, 20, 32))) == 32


def test_places_are_the_middles_of_equal_parts():
    """By hand: 20 x 50 pixels in 2 x 3 parts, 2 x 260 in 1 x 3, a square in 100^2."""
    assert choose_places((60, 90), 20, 7) == [
        (row, column) for row in (25, 35) for column in (28, 45, 61)
    ]
    assert choose_places((42, 300), 20, 3) == [(21, 63), (21, 150), (21, 236)]
    square = choose_places((1040, 1040), 20, 10_000)
    assert [len(set(each)) for each in zip(*square, strict=True)] == [100, 100]


def test_one_place_is_in_the_middle():
    assert choose_places((100_041, 60_041), 20, 1) == [(50_020, 30_020)]
    assert choose_places((41, 41), 20, 1) == [(20, 20)]
    assert choose_places((41, 41), 20, 9) == [(20, 20)]


def test_shares_by_hand():
    field = np.zeros((5, 5))
    field[2, 2], field[1, 2], field[0, 0] = 5, 3, 2
    np.testing.assert_allclose(central_share(field), [0.5, 0.8, 1.0])
    sides = [central_side(field, share) for share in (0.4, 0.5, 0.6, 0.9, 1.0)]
    assert sides == [1, 1, 3, 5, 5]
    corner = np.zeros((5, 5))
    corner[0, 0] = 1
    assert central_side(corner, 0.5) == 5


def test_a_share_of_almost_all_is_almost_all():
    """The rings add up in two orders, to sums that differ in the last digit."""
    for seed in range(9):
        field = np.random.default_rng(seed).random((41, 41))
        assert central_share(field)[-1] == 1
        assert central_side(field, np.nextafter(1, 0)) == 41


@pytest.mark.parametrize(("row", "column"), [(4, 1), (4, 7), (1, 4), (7, 4)])
def test_the_reach_is_that_of_the_farther_axis(row, column):
    field = np.zeros((9, 9))
    field[4, 4], field[row, column] = 1.0, 1e-300
    assert central_side(field) == 7
    assert central_side(field, 0.9) == 1


@pytest.mark.parametrize("bad", ["0 to 255", "-1.5 to -0.6", "1.6 to 2.5", "NaN"])
def test_a_picture_in_another_range_is_refused(picture, bad):
    wrong = {
        "0 to 255": picture * 255,
        "-1.5 to -0.6": picture - 1.57,
        "1.6 to 2.5": picture + 1.57,
        "NaN": np.full_like(picture, np.nan),
    }
    with pytest.raises(ValueError, match="ilr must be float in"):
        effective_field(VDSR(2, 4), wrong[bad])
    with pytest.raises(TypeError, match=r"ilr must be float in .* got uint8"):
        effective_field(VDSR(2, 4), (picture > 0.5).astype(np.uint8))
    assert effective_field(VDSR(2, 4), picture + 1).shape == (5, 5)  # it is not far


def test_a_tensor_is_a_picture_too(picture):
    net, places = open_net(3), [(20, 25), (0, 49)]
    of_tensor = effective_field(net, torch.from_numpy(picture), places)
    np.testing.assert_array_equal(of_tensor, effective_field(net, picture, places))


def test_a_network_of_unknown_reach_is_refused(picture):
    with pytest.raises(ValueError, match="Conv2d sees: give it an attribute recept"):
        effective_field(torch.nn.Conv2d(1, 1, 3), picture, 2)


def test_what_cannot_be_measured_is_said(picture):
    net = VDSR(3, 4)
    with pytest.raises(ValueError, match=r"ilr must be \(H, W\), got shape"):
        effective_field(net, picture[None], 2)
    with pytest.raises(ValueError, match=r"picture of 40 x 50, got \(40, 0\)"):
        effective_field(net, picture, [(40, 0)])
    with pytest.raises(ValueError, match=r"picture of 40 x 50, got \(0, 50\)"):
        effective_field(net, picture, [(0, 50)])
    with pytest.raises(ValueError, match="at least one"):
        effective_field(net, picture, [])
    with pytest.raises(ValueError, match="places must be at least 1, got 0"):
        effective_field(net, picture, 0)
    with pytest.raises(ValueError, match=r"field of 41 pixels .* got 40 x 50"):
        effective_field(VDSR(20, 2), picture, 2)
    for share in (0, 1.01):
        with pytest.raises(ValueError, match=rf"share must be in .*, got {share}"):
            central_side(np.ones((3, 3)), share)
