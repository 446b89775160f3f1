"""Right answers as students write them: no check and no hidden test turns one down.

The solutions are in float64 and return tuples and Python's numbers. Others need not.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Sheet

# What is written otherwise, the assignment, the task, and the code.
RIGHT: dict[str, tuple[str, str, str]] = {
    "PSNR in float32": (
        "01",
        "psnr",
        """
def my_psnr(reference, estimate, border):
    height, width = reference.shape
    inside = np.s_[border : height - border, border : width - border]
    one, other = (x[inside].astype(np.float32) for x in (reference, estimate))
    return 10 * np.log10(np.float32(255) ** 2 / np.mean((one - other) ** 2))
""",
    ),
    "weights in float32": (
        "01",
        "bicubic-row",
        """
def my_weight_row(length, scale, i):
    centre = np.float32((i + 0.5) / scale - 0.5)
    distance = centre - np.arange(length, dtype=np.float32)
    weights = cubic(np.float32(min(scale, 1)) * distance)
    return weights / weights.sum()
""",
    ),
    "SSIM of values in 0 to 1": (
        "01",
        "ssim",
        """
def my_ssim(reference, estimate, border):
    one, other = (np.float32(x / 255) for x in (reference, estimate))
    inside = np.s_[border:-border, border:-border]
    return structural_similarity(
        one[inside], other[inside], gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=1)
""",
    ),
    "SSIM in float32": (
        "01",
        "ssim",
        """
def my_ssim(reference, estimate, border):
    inside = np.s_[border:-border, border:-border]
    one, other = (np.float32(x[inside]) for x in (reference, estimate))
    return structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255)
""",
    ),
    "the protocol in float32": (
        "01",
        "bicubic-score",
        """
def my_score(rgb, scale):
    hr = my_crop(my_luma(rgb), scale)
    return my_psnr(hr, to_uint8(degrade(np.float32(hr / 255), scale)), scale)
""",
    ),
    "the protocol in torch": (
        "01",
        "bicubic-score",
        """
import torch
def my_score(rgb, scale):
    hr = torch.from_numpy(my_crop(my_luma(rgb), scale))
    levels = to_uint8(degrade(hr[None, None], scale))[0, 0]
    return my_psnr(hr.numpy(), levels.numpy(), scale)
""",
    ),
    "the protocol by hand": (
        "01",
        "bicubic-score",
        """
from vdsr_lib import imresize
def my_score(rgb, scale):
    hr = my_crop(my_luma(rgb), scale)
    wide = imresize(imresize(hr / 255, 1 / scale), shape=hr.shape)
    levels = np.round(255 * np.clip(wide, 16 / 255, 235 / 255))
    return my_psnr(hr, levels, scale)
""",
    ),
    "a score that is a tensor": (
        "01",
        "measured-score",
        """
import torch
def my_number():
    return torch.tensor(my_score(rgb, scale))
""",
    ),
    "a number with a parameter of its own": (
        "01",
        "measured-score",
        """
def my_number(digits=2):
    return round(my_score(rgb, scale), digits)
""",
    ),
    "a network in float64": (
        "02",
        "vdsr-forward",
        """
def my_vdsr(layers, ilr):
    x = ilr.double()
    for weight, bias in layers[:-1]:
        x = F.relu(F.conv2d(x, weight.double(), bias.double(), padding=1))
    weight, bias = layers[-1]
    return ilr + F.conv2d(x, weight.double(), bias.double(), padding=1)
""",
    ),
    "SRCNN in float64": (
        "02",
        "srcnn-forward",
        """
def my_srcnn(layers, ilr):
    x = ilr.double()
    for number, (weight, bias) in enumerate(layers):
        pad = [weight.shape[-1] // 2] * 4
        x = F.pad(x, pad, mode="replicate")
        x = F.conv2d(x, weight.double(), bias.double())
        x = x if number == 2 else x.clamp(min=0)
    return x
""",
    ),
    "two numbers in a list": (
        "02",
        "counted-by-hand",
        """
def my_network():
    return [my_vdsr_parameters(depth, width), 1 + 2 * depth]
""",
    ),
    "side and jump in a list": (
        "04",
        "next-layer",
        """
def my_next(side, jump, kernel, stride):
    return [side + jump * (kernel - 1), jump * stride]
""",
    ),
    "patches turned in numpy": (
        "04",
        "turned-pair",
        """
import numpy as np
def my_turned(ilr, hr, quarters, mirror):
    both = np.rot90(np.stack([ilr, hr]), quarters, axes=(-2, -1))
    return both[..., ::-1] if mirror else both
""",
    ),
    "a list of patches in float64": (
        "04",
        "turned-pair",
        """
def my_turned(ilr, hr, quarters, mirror):
    both = [x.double().rot90(quarters % 4, (2, 3)) for x in (ilr, hr)]
    return [x.fliplr() if x.ndim == 2 else x.flip(3) for x in both] if mirror else both
""",
    ),
    "an answer of numpy's": (
        "04",
        "scratch-depth",
        """
import numpy as np
def my_scratch():
    need = (scratch + 1) // 2
    return need, np.less_equal(need, 6)
""",
    ),
    "the notebook's number as a default": (
        "04",
        "scratch-depth",
        """
def my_scratch(need=(scratch + 1) // 2):
    return need, need <= 6
""",
    ),
    "a limit in float32": (
        "05",
        "clip-bound",
        """
def my_bound(theta, learning_rate):
    return torch.tensor(theta) / learning_rate
""",
    ),
    "gradients clipped in numpy": (
        "05",
        "adjustable-clip",
        """
def my_clip(gradients, theta, learning_rate):
    bound = theta / learning_rate
    return [g.numpy().clip(-bound, bound) for g in gradients]
""",
    ),
    "a way in float32": (
        "05",
        "longest-way",
        """
def my_way(theta, momentum, steps):
    speed = way = torch.tensor(0.0)
    for _ in range(steps):
        speed = momentum * speed + theta
        way = way + speed
    return way
""",
    ),
    "an update in numpy": (
        "05",
        "update",
        """
def my_update(weight, gradient, momentum, rate):
    weight, gradient, momentum = (
        x.numpy() for x in (weight, gradient, momentum))
    bound = 1e-4 / rate
    push = gradient.clip(-bound, bound) + 1e-4 * weight
    momentum = 0.9 * momentum + push
    return weight - rate * momentum, momentum
""",
    ),
    "three numbers, two of them defaults": (
        "05",
        "three-numbers",
        """
def my_numbers(theta=theta, rate=rate):
    return [theta / rate, theta, patch * patch]
""",
    ),
    "a size in a list": (
        "06",
        "small-size",
        """
def my_small_size(height, width, scale):
    return [math.ceil(side / scale) for side in (height, width)]
""",
    ),
    "an input in float32": (
        "06",
        "network-input",
        """
def my_input(hr, scale):
    small = imresize(hr.astype(np.float32), 1 / scale)
    return np.clip(imresize(small, shape=hr.shape), 16 / 255, 235 / 255)
""",
    ),
    "a mean in float32": (
        "06",
        "mean-psnr",
        """
def my_mean_psnr(references, estimates, scale):
    scores = []
    for one, other in zip(references, estimates):
        error = one.astype(np.float32) - other.astype(np.float32)
        inside = error[scale:-scale, scale:-scale]
        scores.append(10 * np.log10(255**2 / np.mean(inside**2)))
    return sum(scores) / len(scores)
""",
    ),
    "an epoch and a score in an array": (
        "06",
        "chosen-epoch",
        """
def my_choice(validation, test):
    best = np.argmax(validation)
    return np.array([best + 1, test[best]])
""",
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_a_right_answer_is_right_for_the_check_and_for_the_hidden_test(
    what: str, solved: Callable[[str], Sheet]
) -> None:
    number, task, code = RIGHT[what]
    assert solved(number).message(task, code) == ""
