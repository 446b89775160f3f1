"""The fast path of a convolution with its ReLU: what it is held against, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from vdsr_lib.models import VDSR, _rectified
from vdsr_lib.models import _layers as layers
from vdsr_lib.models._layers import Chain, Convolution

INTERPRETED = """
import torch
from vdsr_lib.models import _kernels

def drawn(shape, dtype):
    tensor = torch.randn(shape, generator=generator).to(dtype)
    tensor[torch.rand(shape, generator=generator) < 0.1] = 0
    return tensor

def check(shape, dtype, blocks):
    _kernels._BLOCKS = blocks
    gradient, output = drawn(shape, dtype), drawn(shape, dtype)
    output = output.contiguous(memory_format=torch.channels_last)
    # In one map a NaN of the output lets all pass, in another a NaN itself passes; of
    # a third the ReLU stops the NaN.
    output[0, 1, 0, 0] = float("nan")
    gradient[0, 2:4, 0, 0] = float("nan")
    output[0, 2, 0, 0], output[0, 3, 0, 0] = 1, -1
    known = torch.where(output <= 0, 0, gradient)
    masked, total = _kernels.masked_and_summed(gradient, output)
    kept = {"equal_nan": True}
    torch.testing.assert_close(masked, known, rtol=0, atol=0, **kept)
    assert masked.is_contiguous(memory_format=torch.channels_last)
    assert total.isnan().nonzero().tolist() == [[2]]
    assert total.dtype == dtype
    exact = known.double().sum((0, 2, 3))
    # Of a bfloat16 the interpreter cuts the last digits off, where a GPU rounds.
    near = {torch.float32: 1e-6, torch.bfloat16: 2**-7}[dtype]
    torch.testing.assert_close(total.double(), exact, rtol=near, atol=1e-5, **kept)

generator = torch.Generator().manual_seed(0)
for dtype in (torch.float32, torch.bfloat16):
    for width in _kernels.WIDTHS:
        check((3, width, 5, 7), dtype, 4)  # an odd number of pixels, in one turn
    check((1, 16, 12, 48), dtype, 4)  # pixels for five turns of four blocks
    check((1, 16, 1, 1), dtype, 4)  # most blocks have none
check((2, 64, 3, 3), torch.bfloat16, 512)  # as many blocks as on a GPU
"""


def test_three_passes_mask_and_sum_as_autograd_does() -> None:
    before = torch.randn(2, 16, 5, 7, requires_grad=True)
    bias = torch.zeros(16, requires_grad=True)
    output = functional.relu(before + bias[:, None, None])
    gradient = torch.randn_like(output)
    output.backward(gradient)
    masked, total = _rectified._in_three_passes(gradient, output.detach())
    torch.testing.assert_close(masked, before.grad)
    torch.testing.assert_close(total, bias.grad)


@pytest.mark.parametrize("channels", [1, 2, 8, 13])
def test_channels_of_zeros_change_no_convolution(monkeypatch, channels: int) -> None:  # type: ignore[no-untyped-def]
    new = torch.empty
    empty = lambda *given, **more: new(*given, **more).fill_(torch.nan)  # noqa: E731
    monkeypatch.setattr(torch, "empty", empty)  # whatever lay in memory
    maps, weight = torch.randn(2, channels, 9, 9), torch.randn(4, channels, 3, 3)
    wide, broad = _rectified._aligned(maps), _rectified._aligned(weight)
    assert wide.shape[1] == broad.shape[1]
    assert wide.shape[1] % 8 == 0
    assert wide.is_contiguous(memory_format=torch.channels_last)
    expected = functional.conv2d(maps, weight)
    torch.testing.assert_close(functional.conv2d(wide, broad), expected)


def test_no_fast_path_on_a_cpu() -> None:
    maps = torch.zeros(1, 8, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert not _rectified.is_fast_path(maps, "zeros")


@pytest.mark.parametrize(
    ("change", "fast"),
    [
        ({}, True),
        ({"device": "cpu"}, False),
        ({"padding_mode": "replicate"}, False),  # SRCNN's: zeros were another picture
        ({"enabled": False}, False),
        ({"dtype": torch.float16}, False),
        ({"passed": False}, False),
    ],
    ids=str,
)
def test_what_the_fast_path_asks_for(monkeypatch, change, fast: bool) -> None:  # type: ignore[no-untyped-def]
    """As on a GPU, of which the questions alone are asked."""
    given = {"device": "cuda", "padding_mode": "zeros", "enabled": True, "passed": True}
    given |= {"dtype": torch.bfloat16, **change}
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _: given["enabled"])
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda _: given["dtype"])
    monkeypatch.setattr(_rectified, "_passed_trial", lambda _: given["passed"])
    maps = SimpleNamespace(device=torch.device(given["device"]))
    assert _rectified.is_fast_path(maps, given["padding_mode"]) is fast


def out_of_memory(*_: object) -> torch.Tensor:
    raise torch.OutOfMemoryError


def test_a_trial_without_memory_says_nothing_about_the_device(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Remembered, it would slow down all that comes after."""
    _rectified._passed_trial.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(_rectified, "convolve_and_rectify", out_of_memory)
        with pytest.raises(torch.OutOfMemoryError):
            _rectified._passed_trial(torch.device("cpu"))
    assert _rectified._passed_trial(torch.device("cpu"))
    monkeypatch.setattr(torch, "cudnn_convolution_relu", out_of_memory)
    maps, weight = torch.zeros(1, 8, 4, 4), torch.zeros(8, 8, 3, 3)
    with pytest.raises(torch.OutOfMemoryError):
        _rectified.convolve_and_rectify(maps, weight, torch.zeros(8), 1)


def broken(*_: object) -> torch.Tensor:
    raise RuntimeError("no such kernel")


def different(maps, weight, bias, side):  # type: ignore[no-untyped-def]
    return 1.1 * functional.relu(functional.conv2d(maps, weight, bias, padding=side))


@pytest.mark.parametrize("layer", [broken, different])
def test_a_trial_that_fails_or_differs_leaves_torch_s_operations(  # type: ignore[no-untyped-def]
    monkeypatch, layer
) -> None:
    monkeypatch.setattr(_rectified, "convolve_and_rectify", layer)
    _rectified._passed_trial.cache_clear()
    try:
        assert not _rectified._passed_trial(torch.device("cpu"))
    finally:
        _rectified._passed_trial.cache_clear()


def test_without_a_fused_kernel_torch_s_operations_do_it() -> None:
    """cuDNN's call raises on a CPU, as it may for a shape on a GPU."""
    maps, weight = torch.randn(2, 8, 9, 7), torch.randn(16, 8, 3, 3)
    bias = torch.randn(16)
    found = _rectified.convolve_and_rectify(maps, weight, bias, 1)
    known = functional.relu(functional.conv2d(maps, weight, bias, padding=1))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), known, rtol=0.03, atol=0.2)
    assert _rectified._passed_trial(torch.device("cpu"))  # forward and backward


def fast_path_by_torch(monkeypatch) -> list[int]:  # type: ignore[no-untyped-def]
    """Put torch's own operations on the fast path; return the widths that took it."""
    taken: list[int] = []

    def by_torch(maps, weight, bias, side):  # type: ignore[no-untyped-def]
        taken.append(len(bias))
        return functional.relu(functional.conv2d(maps, weight, bias, padding=side))

    monkeypatch.setattr(layers, "is_fast_path", lambda *_: True)
    monkeypatch.setattr(layers, "convolve_and_rectify", by_torch)
    return taken


def test_a_chain_gives_rectified_layers_to_the_fast_path(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The walk over the pairs, with the operation replaced by torch's own."""
    network = VDSR(4, 8)
    ilr = torch.rand(1, 1, 12, 12)
    expected = network(ilr)
    seen: list[torch.nn.Module] = []
    for each in network.body:
        each.register_forward_hook(lambda module, *_: seen.append(module))
    taken = fast_path_by_torch(monkeypatch)
    torch.testing.assert_close(network(ilr), expected)
    assert taken == [8, 8, 8]  # all layers but the last
    assert [isinstance(each, Convolution) for each in seen] == [True] * 4


def test_a_width_of_no_whole_eights_keeps_to_torch_s_operations(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    taken = fast_path_by_torch(monkeypatch)
    VDSR(4, 12)(torch.rand(1, 1, 12, 12))
    assert taken == []


def test_a_chain_keeps_what_was_put_in_the_place_of_a_relu(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """A GPU must not take for a ReLU what a CPU does not."""
    network = VDSR(4, 8)
    network.body[1] = torch.nn.LeakyReLU(0.5)
    network.body[3] = torch.nn.Identity()
    ilr = torch.rand(1, 1, 12, 12)
    expected = network(ilr)
    taken = fast_path_by_torch(monkeypatch)
    torch.testing.assert_close(network(ilr), expected)
    assert taken == [8]  # the third alone


@pytest.mark.parametrize(
    "change",
    [
        {"dilation": (2, 2), "padding": (2, 2)},
        {"padding": (0, 0)},
        {"stride": (2, 2)},
        {"bias": None},
        {"dilation": (2, 2)},
        {"groups": 2, "weight": torch.nn.Parameter(torch.rand(8, 4, 3, 3))},
    ],
    ids=" ".join,
)
def test_a_convolution_that_was_changed_is_computed_as_it_is(
    monkeypatch, change
) -> None:  # type: ignore[no-untyped-def]
    """The fast path knows but one kind: a GPU must not compute that one instead."""
    network = VDSR(4, 8, residual=False)
    for name, value in change.items():
        setattr(network.body[2], name, value)
    ilr = torch.rand(1, 1, 12, 12)
    expected = network(ilr)
    taken = fast_path_by_torch(monkeypatch)
    torch.testing.assert_close(network(ilr), expected)
    assert taken == [8, 8]  # the first and the third


def test_a_chain_is_a_sequence_as_it_was() -> None:
    body = VDSR(3, 4).body
    assert isinstance(body, Chain)
    assert isinstance(body, torch.nn.Sequential)
    assert [type(each).__name__ for each in body] == [
        "CarefulConvolution",
        "ReLU",
        "Convolution",
        "ReLU",
        "Convolution",
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("triton") is None,
    reason="needs Triton, which interprets on a CPU: pip install --no-deps triton",
)
def test_the_kernels_mask_and_sum_as_torch_does_where_triton_interprets_them() -> None:
    """In a process of its own: Triton reads the variable as it is imported."""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(64, 64, 41, 41), (3, 64, 7, 5), (16, 32, 33, 33)])
def test_the_kernel_masks_and_sums_as_torch_does(shape) -> None:  # type: ignore[no-untyped-def]
    kernels = pytest.importorskip("vdsr_lib.models._kernels")
    layout = torch.channels_last
    gradient, output = (
        torch.randn(shape, device="cuda", dtype=torch.bfloat16).to(memory_format=layout)
        for _ in range(2)
    )
    masked, total = kernels.masked_and_summed(gradient, output)
    assert torch.equal(masked, torch.where(output > 0, gradient, 0))
    exact = masked.double().sum((0, 2, 3))
    torch.testing.assert_close(total.double(), exact, rtol=2**-8, atol=1e-2)


@pytest.mark.gpu
def test_the_fast_path_gives_what_torch_gives_on_a_gpu(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    network = VDSR(6).cuda().to(memory_format=torch.channels_last)
    device = torch.device("cuda", 0)
    assert _rectified._passed_trial(device)
    calls: list[int] = []
    fused = layers.convolve_and_rectify
    monkeypatch.setattr(
        layers, "convolve_and_rectify", lambda *a: calls.append(1) or fused(*a)
    )
    for layer in network.body:
        if isinstance(layer, Convolution):
            torch.nn.init.normal_(layer.bias, std=0.1)
    ilr = torch.rand(8, 1, 41, 41, device="cuda")
    grads = []
    for dtype in (torch.bfloat16, torch.float32):
        network.zero_grad()
        with torch.autocast("cuda", dtype, enabled=dtype is torch.bfloat16):
            loss = (network(ilr) - ilr).float().square().sum()
        loss.backward()
        grads.append([p.grad.clone() for p in network.parameters()])
    for low, exact in zip(*grads, strict=True):
        assert (low - exact).norm() <= 0.05 * exact.norm()
    assert len(calls) == 5  # in bfloat16 alone, and all layers but the last


@pytest.mark.gpu
@pytest.mark.parametrize("width", [4, 12, 16, 24, 64])
@pytest.mark.parametrize("shape", [(1, 1, 9, 40), (5, 1, 16, 16)])
def test_every_width_and_shape_trains_and_is_used_on_a_gpu(width: int, shape) -> None:  # type: ignore[no-untyped-def]
    network = VDSR(4, width).cuda().to(memory_format=torch.channels_last)
    for parameter in network.body[2].parameters():
        parameter.requires_grad_(False)
    ilr = torch.rand(shape, device="cuda", requires_grad=True)
    with torch.autocast("cuda", torch.bfloat16):
        loss = (network(ilr) - 0.5).float().square().sum()
    loss.backward()
    assert ilr.grad is not None
    assert ilr.grad.isfinite().all()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        network.eval()
        low = network(ilr).float()
    with torch.inference_mode():
        torch.testing.assert_close(low, network(ilr), rtol=0, atol=0.02)


@pytest.mark.gpu
def test_what_lay_in_memory_does_not_matter() -> None:
    """cuDNN is given the output as a second summand, times 0: NaN must not survive."""
    poison = torch.full((1 << 26,), float("nan"), device="cuda", dtype=torch.bfloat16)
    del poison
    device, low = "cuda", torch.bfloat16
    maps = torch.randn(64, 64, 41, 41, device=device, dtype=low)
    weight = torch.randn(64, 64, 3, 3, device=device, dtype=low) / 24
    bias = torch.randn(64, device=device, dtype=low)
    given = maps, weight, bias
    with torch.no_grad():
        found = _rectified.convolve_and_rectify(*given, 1)
        known = functional.relu(functional.conv2d(*given, padding=1))
    torch.testing.assert_close(found, known, rtol=0.02, atol=0.05)
