"""Assignment 5: clipping rules, an update of the weights, and a loop to repair."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from vdsr_lib.clipping import clip_gradients
from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet

__all__ = ["EXERCISES", "bicubic_error", "error_curve", "practice_patches"]

Gradients: TypeAlias = Sequence[Tensor]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _clipped(gradients: Gradients, rule: str, **how: float) -> list[Tensor]:
    """Clip with the library, which works on parameters, in place."""
    carriers = [torch.zeros_like(gradient) for gradient in gradients]
    for carrier, gradient in zip(carriers, gradients, strict=True):
        carrier.grad = gradient.clone()
    clip_gradients(carriers, rule, statistics=False, **how)
    return [carrier.grad for carrier in carriers if carrier.grad is not None]


def _adjustable(gradients: Gradients, theta: float, learning_rate: float) -> Any:
    return _clipped(gradients, "adjustable", theta=theta, learning_rate=learning_rate)


def _norm(gradients: Gradients, theta: float) -> list[Tensor]:
    return _clipped(gradients, "norm", theta=theta)


def _each(bound: Callable[[float, float], float]) -> Callable[..., list[Tensor]]:
    def clip(gradients: Gradients, theta: float, learning_rate: float) -> list[Tensor]:
        limit = bound(theta, learning_rate)
        return [g.clamp(-limit, limit) for g in gradients]

    return clip


def _clip_cases() -> list[Case]:
    pair = [_random(2, 3), _random(4, seed=1)]
    return [
        Case(f"two gradients, theta {theta:g}, rate {rate:g}", (pair, theta, rate))
        for theta, rate in ((0.01, 0.1), (0.01, 0.01), (1e-4, 1e-3))
    ]


def _norm_cases() -> list[Case]:
    first, second = torch.tensor([1.0, 2.0]), torch.tensor([[2.0, 4.0]])
    return [
        Case(f"gradients (1, 2) and (2, 4), theta {theta:g}", ([first, second], theta))
        for theta in (1.0, 10.0, 3.5)
    ]


def _own_norm(gradients: Gradients, theta: float) -> list[Tensor]:
    return [g * min(1.0, theta / float(g.norm())) for g in gradients]


def _always_scaled(gradients: Gradients, theta: float) -> list[Tensor]:
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
    return [g * theta / norm for g in gradients]


def _way(theta: float, momentum: float, steps: int) -> float:
    """Follow a weight whose gradient is cut at the limit in every step."""
    speed = way = 0.0
    for _ in range(steps):
        speed = momentum * speed + theta
        way += speed
    return way


def _update(
    weight: Tensor,
    gradient: Tensor,
    momentum: Tensor,
    rate: float,
    *,
    decay_inside: bool = False,
    clip_last: bool = False,
    decay: float = 1e-4,
    limit: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Take one step as the authors' code does, or with one thing wrong."""
    bound = limit or 1e-4 / rate
    slope = gradient + decay * weight if decay_inside else gradient
    if not clip_last:
        slope = slope.clamp(-bound, bound)
    slope = slope if decay_inside else slope + decay * weight
    momentum = 0.9 * momentum + slope
    if clip_last:
        momentum = momentum.clamp(-bound, bound)
    return weight - rate * momentum, momentum


def _rate_in_momentum(
    weight: Tensor, gradient: Tensor, momentum: Tensor, rate: float
) -> tuple[Tensor, Tensor]:
    bound = 1e-4 / rate
    slope = gradient.clamp(-bound, bound) + 1e-4 * weight
    momentum = 0.9 * momentum + rate * slope
    return weight - momentum, momentum


def _clipped_step(
    weight: Tensor, gradient: Tensor, momentum: Tensor, rate: float
) -> tuple[Tensor, Tensor]:
    momentum = 0.9 * momentum + gradient + 1e-4 * weight
    return weight - (rate * momentum).clamp(-1e-4, 1e-4), momentum


def _update_cases() -> list[Case]:
    weight, push = 50 * _random(5, seed=2), _random(5, seed=4) / 100
    small, large = _random(5, seed=3) / 2000, _random(5, seed=3)
    return [
        Case("small gradients, no momentum, rate 0.1", (weight, small, 0 * push, 0.1)),
        Case("large gradients, no momentum, rate 0.1", (weight, large, 0 * push, 0.1)),
        Case("large gradients, some momentum, rate 0.01", (weight, large, push, 0.01)),
    ]


def practice_patches() -> PatchSet:
    """Return 8 patches of 21 x 21 at scale 2, cut from two embedded pictures.

    Returns
    -------
    PatchSet
        On the CPU; equal ones every time, and one's own: a step may change them.
    """
    made = _practice_patches()
    return PatchSet(made.ilr.clone(), made.hr.clone(), made.scales.clone())


@lru_cache(maxsize=1)
def _practice_patches() -> PatchSet:
    from vdsr_lib.datasets import load_images

    pictures = load_images("embedded-test")
    details = [pictures["coffee"][100:184, 200:284], pictures["coins"][60:144, 60:144]]
    every = PatchSet.from_images(details, (2,), patch_size=21)
    return PatchSet(every.ilr[::4], every.hr[::4], every.scales[::4])


def bicubic_error(patches: PatchSet) -> float:
    """Return what the paper's loss is when the network adds nothing.

    Parameters
    ----------
    patches : PatchSet
        Any.

    Returns
    -------
    float
        Squared error in (0..1) squared, summed over a patch, mean over the patches.
    """
    return float((patches.ilr - patches.hr).square().sum()) / len(patches.hr)


def error_curve(step: Callable[..., Any], steps: int = 30) -> list[float]:
    """Train a small network with somebody's step, and measure it every 5 steps.

    Parameters
    ----------
    step : callable
        ``step(network, ilr, hr, velocity)`` moves the weights of a VDSR and changes
        `velocity`, a list with a tensor for each of them, 0 at first.
    steps : int
        How many; each takes less than a tenth of a second.

    Returns
    -------
    list of float
        The network's error on `practice_patches`, as a share of bicubic's, after
        0, 5, 10, ... steps.
    """
    patches = practice_patches()
    network, velocity = _fresh()
    curve = []
    for number in range(steps + 1):
        if number % 5 == 0:
            with torch.no_grad():
                error = (network(patches.ilr) - patches.hr).square().sum()
            curve.append(float(error) / len(patches.hr) / bicubic_error(patches))
        if number < steps:
            step(network, patches.ilr, patches.hr, velocity)
    return curve


def _fresh() -> tuple[VDSR, list[Tensor]]:
    """Return a network as it is before training, and its velocities."""
    network = VDSR(10, 12, generator=torch.Generator().manual_seed(0))
    return network, [torch.zeros_like(weight) for weight in network.parameters()]


def _first_steps(step: Callable[..., Any], contrast: float) -> dict[str, float]:
    """Let a reader's step move a fresh network three times, and measure how far.

    The residual is made `contrast` times as large.
    """
    patches = practice_patches()
    patches.hr.copy_(patches.ilr + contrast * (patches.hr - patches.ilr))
    network, velocity = _fresh()
    biases = torch.cat(
        [torch.full((p.numel(),), p.dim() == 1) for p in network.parameters()]
    )
    before = [parameter.detach().clone() for parameter in network.parameters()]

    def ways() -> Tensor:
        now = zip(network.parameters(), before, strict=True)
        return torch.cat([(b.detach() - a).abs().ravel() for b, a in now])  # (weights,)

    step(network, patches.ilr, patches.hr, velocity)
    first = ways()
    for _ in range(2):
        step(network, patches.ilr, patches.hr, velocity)
    return {
        "longest step of a weight": float(first.max()) * 1e4,
        "per cent of the weights take it": 100
        * float((first > 0.99e-4).sum())
        / len(first),
        "longest way in three steps": float(ways().max()) * 1e4,
        "mean way in three steps": float(ways().mean()) * 1e4,
        "mean way of the biases": float(ways()[biases].mean()) * 1e4,
    }


def _practice_step(
    network: Any,
    ilr: Tensor,
    hr: Tensor,
    velocity: list[Tensor],
    *,
    divide: str = "batch",
    momentum: float = 0.9,
    clip_last: bool = False,
    power: float = 1.0,
) -> None:
    """Take the paper's step, with the error divided by what `divide` says."""
    error = (network(ilr) - hr).square()  # (B, 1, p, p)
    batch = len(hr)
    parts = {"batch": batch, "twice": 2 * batch, "all": hr.numel(), "nothing": 1}
    weights = list(network.parameters())
    slopes = torch.autograd.grad((error.sum() / parts[divide]) ** power, weights)
    rate, bound = 0.1, 1e-3
    with torch.no_grad():
        for weight, slope, speed in zip(weights, slopes, velocity, strict=True):
            push = slope if clip_last else slope.clamp(-bound, bound)
            speed.mul_(momentum).add_(push)
            if clip_last:
                speed.clamp_(-bound, bound)
            weight.sub_(rate * speed)


def _kept_gradients(
    network: Any, ilr: Tensor, hr: Tensor, velocity: list[Tensor]
) -> None:
    """Take the paper's step with the gradients of all steps until now."""
    ((network(ilr) - hr).square().sum() / len(hr)).backward()
    for weight, speed in zip(network.parameters(), velocity, strict=True):
        speed.mul_(0.9).add_(weight.grad.clamp(-1e-3, 1e-3))
        weight.data.sub_(0.1 * speed)


def _without_biases(network: Any, ilr: Any, hr: Any, velocity: list[Tensor]) -> None:
    """Take the paper's step with the biases left where they are."""
    each = [p for p in network.parameters() if p.dim() == 1]
    before = [p.detach().clone() for p in each]
    _practice_step(network, ilr, hr, velocity)
    for bias, start in zip(each, before, strict=True):
        bias.data.copy_(start)


def _no_step(*_: Any) -> None:
    """Leave every weight where it is."""


def _numbers(theta: float, learning_rate: float, patch: int) -> tuple[float, ...]:
    return theta / learning_rate, theta, float(patch**2)


def _number_cases(theta: float, learning_rate: float, patch: int) -> list[Case]:
    given = f"theta {theta:g}, rate {learning_rate:g}, patches of {patch} x {patch}"
    return [Case(given, (theta, learning_rate, patch))]


EXERCISES: dict[str, Exercise] = {
    "clip-bound": Exercise(
        lambda theta, learning_rate: theta / learning_rate,
        lambda: [
            Case(f"theta {t:g}, learning rate {r:g}", (t, r))
            for t, r in ((1e-4, 0.1), (1e-4, 0.001), (0.01, 0.5))
        ],
        {
            "theta is multiplied by the rate": lambda t, r: t * r,
            "the limit does not depend on the rate": lambda t, r: t,  # noqa: ARG005
        },
        (
            "A step is rate * gradient. How long may the gradient be if the step is "
            "to be theta at most?",
            "rate * bound = theta",
            "bound = theta / learning_rate",
        ),
        tolerance=1e-6,
    ),
    "adjustable-clip": Exercise(
        _adjustable,
        _clip_cases,
        {
            "all gradients are scaled down together: that clips the norm, where the "
            "paper's rule clips each element": (
                lambda g, theta, rate: _norm(g, theta / rate)
            ),
            "the limit is theta, whatever the rate: that is the rule 'value'": (
                _each(lambda theta, rate: theta)  # noqa: ARG005
            ),
            "the limit is theta times the rate": _each(lambda t, r: t * r),
            "only large positive elements are cut": (
                lambda g, theta, rate: [x.clamp(max=theta / rate) for x in g]
            ),
        },
        (
            "Each element is looked at on its own.",
            "The limit is my_bound(theta, learning_rate), above zero and below it.",
            "[g.clamp(-bound, bound) for g in gradients]",
        ),
        tolerance=1e-6,
    ),
    "norm-clip": Exercise(
        _norm,
        _norm_cases,
        {
            "each gradient is scaled by its own norm; there is one norm for all": (
                _own_norm
            ),
            "gradients that are short enough are made longer": _always_scaled,
            "each element is clipped on its own": (
                lambda g, theta: [x.clamp(-theta, theta) for x in g]
            ),
        },
        (
            "The norm of all gradients together is the root of the sum of all squares.",
            "Everything is multiplied by theta / norm, but only if that is below 1.",
            "factor = min(1, theta / norm)",
        ),
    ),
    "longest-way": Exercise(
        _way,
        lambda: [
            Case(f"theta {t:g}, momentum {m:g}, {n} steps", (t, m, n))
            for t, m, n in ((1.0, 0.9, 1), (1.0, 0.9, 3), (1e-4, 0.9, 100), (1, 0, 7))
        ],
        {
            "momentum is forgotten": lambda t, m, n: n * t,  # noqa: ARG005
            "momentum is taken to be full from the first step on": (
                lambda t, m, n: n * t / (1 - m)
            ),
            "the length of the last step is returned, not the whole way": (
                lambda t, m, n: t * (1 - m**n) / (1 - m)
            ),
        },
        (
            "Write a loop: the speed is momentum * speed + theta.",
            "The speeds are theta, then theta * (1 + momentum), and so on; add them.",
            "speed = momentum * speed + theta; way += speed; once for each step",
        ),
        tolerance=1e-6,
    ),
    "update": Exercise(
        _update,
        _update_cases,
        {
            "the weight decay is added before the clip, which then cuts it, too": (
                partial(_update, decay_inside=True)
            ),
            "the momentum is clipped instead of the gradient": partial(
                _update, clip_last=True
            ),
            "the weight decay is left out": partial(_update, decay=0.0),
            "nothing is clipped": partial(_update, limit=math.inf),
            "the limit is theta, not theta / rate": partial(_update, limit=1e-4),
            "the step is clipped instead of the gradient, and the weight decay and "
            "the momentum with it": _clipped_step,
            "the rate is multiplied into the momentum; it belongs to the step, after "
            "it": _rate_in_momentum,
        },
        (
            "The order is: clip, decay, momentum, step.",
            "slope = clipped gradient + 1e-4 * weight; "
            "momentum = 0.9 * momentum + slope",
            "The step is weight - rate * momentum; return both.",
        ),
        tolerance=1e-6,
    ),
    "training-loop": Exercise(
        _practice_step,
        lambda: [
            Case(
                "three steps of a VDSR of depth 10 on 8 patches, in units of theta",
                (1.0,),
            ),
            Case("the same where the residual is twice as large", (2.0,)),
        ],
        {
            "the error is averaged over the pixels as well: the gradient is 441 times "
            "smaller than the paper's, and the network stays at bicubic": partial(
                _practice_step, divide="all"
            ),
            "the paper's factor 1/2 is kept; the authors' code has none": partial(
                _practice_step, divide="twice"
            ),
            "the error is summed over the batch, too": partial(
                _practice_step, divide="nothing"
            ),
            "momentum adds nothing: it is forgotten from one step to the next (the "
            "tensors in `velocity` must be changed in place)": partial(
                _practice_step, momentum=0.0
            ),
            "the momentum is clipped instead of the gradient": partial(
                _practice_step, clip_last=True
            ),
            "the gradients of the steps before are added in: backward() adds to what "
            "is there, unless zero_grad() comes first": _kept_gradients,
            "the root of the error is taken": partial(_practice_step, power=0.5),
            "the biases stay where they are": _without_biases,
            "no weight moves": _no_step,
        },
        (
            "Print the largest gradient and compare it with the clip's limit, 0.001.",
            "The clip never acts: every gradient is far too small. What makes it so?",
            "The paper sums over the pixels of a patch and averages over the batch "
            "only: .square().sum() / len(hr)",
        ),
        tolerance=0.02,
        run=_first_steps,
    ),
    "three-numbers": Exercise(
        _numbers,
        _number_cases,
        {
            "the limit on the gradient and the limit on the step are exchanged": (
                lambda t, r, p: (t, t / r, float(p**2))
            ),
            "the side of a patch is taken instead of its number of pixels": (
                lambda t, r, p: (t / r, t, float(p))
            ),
        },
        (
            "The first number is the clip's limit, the second what the step makes of "
            "it, the third the number of pixels in a patch.",
            "The step is rate * gradient, so the rate cancels.",
            "theta / rate, theta, patch * patch",
        ),
        tolerance=1e-6,
        run=call_report,
    ),
}
