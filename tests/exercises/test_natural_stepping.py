"""Assignment 5: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises.stepping import EXERCISES


def _norm_of(gradients: Any) -> float:
    return float(torch.cat([g.flatten() for g in gradients]).norm())


def _by_the_norm(gradients: Any, theta: float, rate: float) -> Any:
    factor = min(1.0, theta / rate / _norm_of(gradients))
    return [factor * g for g in gradients]


def _only_above(gradients: Any, theta: float, rate: float) -> Any:
    return [torch.where(g > theta / rate, theta / rate, g) for g in gradients]


def _each_by_its_norm(gradients: Any, theta: float) -> Any:
    return [g if g.norm() <= theta else theta * g / g.norm() for g in gradients]


def _last_step(theta: float, momentum: float, steps: int) -> float:
    speed = 0.0
    for _ in range(steps):
        speed = speed * momentum + theta
    return speed


def _decay_then_clip(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    limit = 1e-4 / rate
    slope = torch.clip(gradient + 1e-4 * weight, -limit, limit)
    momentum = slope + 0.9 * momentum
    return weight - rate * momentum, momentum


def _momentum_clipped(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + (gradient + 1e-4 * weight)
    momentum = torch.clip(momentum, -1e-4 / rate, 1e-4 / rate)
    return weight - rate * momentum, momentum


def _no_decay(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient.clip(-1e-4 / rate, 1e-4 / rate)
    return weight - rate * momentum, momentum


def _no_clip(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient + 1e-4 * weight
    return weight - rate * momentum, momentum


def _rate_in_momentum(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    clipped = gradient.clamp(-1e-4 / rate, 1e-4 / rate)
    momentum = 0.9 * momentum + rate * (clipped + 1e-4 * weight)
    return weight - momentum, momentum


def _limit_of_theta(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient.clamp(-1e-4, 1e-4) + 1e-4 * weight
    return weight - rate * momentum, momentum


def _clip_after_the_step(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient + 1e-4 * weight
    return weight - (rate * momentum).clamp(-1e-4, 1e-4), momentum


def _step_on(weights: list[Any], loss: Any, velocity: Any) -> None:
    slopes = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for weight, slope, speed in zip(weights, slopes, velocity, strict=True):
            speed.mul_(0.9).add_(slope.clamp(-1e-3, 1e-3))
            weight.sub_(0.1 * speed)


def _squares(network: Any, ilr: Any, hr: Any) -> Any:
    return (network(ilr) - hr).square().sum()


def _mse_loss(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    _step_on(list(network.parameters()), F.mse_loss(network(ilr), hr), velocity)


def _with_the_half(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = 0.5 * _squares(network, ilr, hr) / len(hr)
    _step_on(list(network.parameters()), loss, velocity)


def _summed(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    _step_on(list(network.parameters()), _squares(network, ilr, hr), velocity)


def _with_the_root(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = (_squares(network, ilr, hr) / len(hr)).sqrt()
    _step_on(list(network.parameters()), loss, velocity)


def _without_the_biases(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = _squares(network, ilr, hr) / len(hr)
    each = zip(network.parameters(), velocity, strict=True)
    moved = [(weight, speed) for weight, speed in each if weight.dim() > 1]
    _step_on([weight for weight, _ in moved], loss, [speed for _, speed in moved])


def _velocity_renamed(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    network.zero_grad()
    (_squares(network, ilr, hr) / len(hr)).backward()
    with torch.no_grad():
        for weight, speed in zip(network.parameters(), velocity, strict=True):
            speed = 0.9 * speed + weight.grad.clamp(-1e-3, 1e-3)  # noqa: PLW2901
            weight.sub_(0.1 * speed)


def _velocity_clipped(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    network.zero_grad()
    (_squares(network, ilr, hr) / len(hr)).backward()
    with torch.no_grad():
        for weight, speed in zip(network.parameters(), velocity, strict=True):
            speed.copy_((0.9 * speed + weight.grad).clamp(-1e-3, 1e-3))
            weight.sub_(0.1 * speed)


def _zero_grad_forgotten(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    (_squares(network, ilr, hr) / len(hr)).backward()
    with torch.no_grad():
        for weight, speed in zip(network.parameters(), velocity, strict=True):
            speed *= 0.9  # noqa: PLW2901 - in place
            speed += weight.grad.clamp(-1e-3, 1e-3)  # noqa: PLW2901 - in place
            weight.sub_(0.1 * speed)


def _copies_moved(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    copies = [weight.detach().clone() for weight in network.parameters()]
    network.zero_grad()
    (_squares(network, ilr, hr) / len(hr)).backward()
    for copy, weight, speed in zip(copies, network.parameters(), velocity, strict=True):
        copy -= 0.1 * (0.9 * speed + weight.grad.clamp(-1e-3, 1e-3))  # noqa: PLW2901


GIVEN = {"three-numbers": (1e-4, 0.1, 41)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "clip-bound": [
        ("theta is multiplied by the rate", lambda theta, rate: rate * theta),
        ("the limit does not depend on the rate", lambda theta, _: theta),
    ],
    "adjustable-clip": [
        ("all gradients are scaled down together", _by_the_norm),
        (
            "the limit is theta, whatever the rate",
            lambda gs, theta, _: [torch.clip(g, -theta, theta) for g in gs],
        ),
        (
            "the limit is theta times the rate",
            lambda gs, theta, r: [g.clip(-theta * r, theta * r) for g in gs],
        ),
        ("only large positive elements are cut", _only_above),
    ],
    "norm-clip": [
        ("each gradient is scaled by its own norm", _each_by_its_norm),
        (
            "gradients that are short enough are made longer",
            lambda gs, theta: [theta / _norm_of(gs) * g for g in gs],
        ),
        (
            "each element is clipped",
            lambda gs, theta: [torch.clip(g, -theta, theta) for g in gs],
        ),
    ],
    "longest-way": [
        ("momentum is forgotten", lambda theta, _, n: sum([theta] * n)),
        (
            "momentum is taken to be full",
            lambda theta, momentum, n: theta / (1 - momentum) * n,
        ),
        ("the length of the last step", _last_step),
    ],
    "update": [
        ("the weight decay is added before the clip", _decay_then_clip),
        ("the momentum is clipped", _momentum_clipped),
        ("the weight decay is left out", _no_decay),
        ("nothing is clipped", _no_clip),
        ("the limit is theta, not theta / rate", _limit_of_theta),
        ("the step is clipped instead", _clip_after_the_step),
        ("the rate is multiplied into the momentum", _rate_in_momentum),
    ],
    "training-loop": [
        ("the error is averaged over the pixels", _mse_loss),
        ("the paper's factor 1/2 is kept", _with_the_half),
        ("the error is summed over the batch", _summed),
        ("momentum adds nothing", _velocity_renamed),
        ("the momentum is clipped", _velocity_clipped),
        ("the gradients of the steps before", _zero_grad_forgotten),
        ("the root of the error is taken", _with_the_root),
        ("the biases stay where they are", _without_the_biases),
        ("no weight moves", _copies_moved),
    ],
    "three-numbers": [
        ("the limit on the gradient", lambda: (1e-4, 1e-3, 1681)),
        ("the side of a patch", partial(lambda side: (1e-3, 1e-4, side), 41)),
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
