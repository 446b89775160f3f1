"""Weights that are rounded all at once give the gradients that autocast gives."""

from __future__ import annotations

import pytest
import torch

from vdsr_lib.devices import Precision, choose_precision
from vdsr_lib.models import VDSR
from vdsr_lib.training.flat import FlatParameters
from vdsr_lib.training.rounding import RoundedWeights, rounded_weights

LAYOUT = torch.channels_last


@pytest.fixture
def network() -> VDSR:
    made = VDSR(4, 8, generator=torch.Generator().manual_seed(0))
    for name, parameter in made.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return made.to(memory_format=LAYOUT)


def gradients(network: VDSR) -> list[torch.Tensor]:
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


def through_copies(
    network: VDSR, ilr: torch.Tensor, dtype: torch.dtype
) -> list[torch.Tensor]:
    """Return the gradients that copies bring together, in the parameters' dtype."""
    flat = FlatParameters(network)
    rounded = RoundedWeights(network, flat, dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        rounded(ilr).float().square().sum().backward()
    assert not gradients(network)
    flat.collect(rounded.copies)
    return flat.gradients.parts


def test_copies_in_float32_give_the_very_gradients(network: VDSR) -> None:
    ilr = torch.rand(2, 1, 12, 12)
    network(ilr).square().sum().backward()
    expected = gradients(network)
    found = through_copies(network, ilr, torch.float32)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_copies_in_bfloat16_give_autocast_s_gradients(network: VDSR) -> None:
    ilr = torch.rand(2, 1, 12, 12)
    with torch.autocast("cpu", torch.bfloat16):
        network(ilr).float().square().sum().backward()
    expected = gradients(network)
    for one, other in zip(
        through_copies(network, ilr, torch.bfloat16), expected, strict=True
    ):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=2**-7, atol=1e-4)


def test_copies_follow_the_weights_and_forget_the_last_step(network: VDSR) -> None:
    ilr = torch.rand(2, 1, 12, 12)
    flat = FlatParameters(network)
    rounded = RoundedWeights(network, flat, torch.float32)
    rounded(ilr).square().sum().backward()  # collected by nobody
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    torch.testing.assert_close(rounded(ilr), network(ilr))
    rounded(ilr).square().sum().backward()
    flat.collect(rounded.copies)
    network(ilr).square().sum().backward()
    torch.testing.assert_close(flat.gradients.parts, gradients(network))


def test_what_is_frozen_stays_as_it_is(network: VDSR) -> None:
    for parameter in network.body[0].parameters():
        parameter.requires_grad_(False)
    flat = FlatParameters(network)
    rounded = RoundedWeights(network, flat, torch.float32)
    rounded(torch.rand(1, 1, 9, 9)).square().sum().backward()
    assert len(rounded.copies) == 6
    assert all(copy.grad is not None for copy in rounded.copies)
    assert not gradients(network)


@pytest.mark.parametrize(
    ("device_type", "dtype", "processes", "taken"),
    [
        ("cuda", torch.bfloat16, 1, True),
        ("cuda", torch.bfloat16, 2, False),
        ("cuda", torch.float32, 1, False),
        ("cpu", torch.bfloat16, 1, False),
    ],
)
def test_who_gains_from_copies(network, device_type, dtype, processes, taken):
    precision = Precision(dtype, LAYOUT, "for the test", device_type)
    flat = FlatParameters(network)
    found = rounded_weights(network, flat, precision, processes=processes)
    assert (found is not None) == taken


def test_a_cpu_trains_without_them(network: VDSR) -> None:
    flat, precision = FlatParameters(network), choose_precision("cpu")
    assert rounded_weights(network, flat, precision, processes=1) is None
