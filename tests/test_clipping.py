"""The clipping rules against hand values and torch's own clipping functions."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from vdsr_lib import clipping
from vdsr_lib.clipping import RULES, ClipResult, clip_gradients

LIMITS = {"theta": 0.5, "learning_rate": 0.1}


def _with_gradient(values: list[float] | torch.Tensor) -> nn.Parameter:
    gradient = torch.as_tensor(values)
    parameter = nn.Parameter(torch.zeros_like(gradient))
    parameter.grad = gradient.clone()
    return parameter


def _random_parameters(seed: int = 0) -> list[nn.Parameter]:
    """Three gradients of different shapes, sizes and magnitudes."""
    random = torch.Generator().manual_seed(seed)
    shapes = [(8, 1, 3, 3), (8,), (4, 8, 3, 3)]
    scales = [0.1, 3.0, 20.0]
    return [
        _with_gradient(scale * torch.randn(shape, generator=random))
        for scale, shape in zip(scales, shapes, strict=True)
    ]


def _gradients(parameters: list[nn.Parameter]) -> list[torch.Tensor]:
    return [p.grad.clone() for p in parameters if p.grad is not None]


# --- hand values ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected", "share"),
    [  # the limit is 0.5 / 0.1 = 5 for adjustable; the norm of (3, -4, 12) is 13
        ("adjustable", [3.0, -4.0, 5.0], 1 / 3),
        ("value", [0.5, -0.5, 0.5], 1.0),
        ("norm", [3 * 0.5 / 13, -4 * 0.5 / 13, 12 * 0.5 / 13], 1.0),
        ("none", [3.0, -4.0, 12.0], 0.0),
    ],
)
def test_each_rule_by_hand(rule: str, expected: list[float], share: float) -> None:
    parameter = _with_gradient([3.0, -4.0, 12.0])
    result = clip_gradients([parameter], rule, **LIMITS)
    torch.testing.assert_close(parameter.grad, torch.tensor(expected))
    assert float(result.gradient_norm) == pytest.approx(13)
    assert float(result.clipped_share) == pytest.approx(share)


@pytest.mark.parametrize("learning_rate", [0.1, 0.01, 0.001, 0.0001])
def test_the_papers_rule_bounds_every_step_by_theta(learning_rate: float) -> None:
    parameters = [_with_gradient(1e9 * g) for g in _gradients(_random_parameters())]
    optimiser = torch.optim.SGD(parameters, lr=learning_rate)
    clip_gradients(parameters, "adjustable", theta=1e-4, learning_rate=learning_rate)
    optimiser.step()
    largest = max(float(p.detach().abs().max()) for p in parameters)
    assert largest == pytest.approx(1e-4, rel=1e-6)  # the weights started at 0


def test_an_element_at_the_limit_is_not_counted_as_clipped() -> None:
    above = math.nextafter(5.0, 6.0)
    values = torch.tensor([5.0, -5.0, above, -above, 0.0], dtype=torch.float64)
    result = clip_gradients([_with_gradient(values)], "adjustable", **LIMITS)
    assert float(result.clipped_share) == pytest.approx(2 / 5)


def test_shares_are_exact_where_gradients_have_few_digits() -> None:
    """A bfloat16 has no 257: a sum of ones that stays one gives 256, of 514."""
    values = torch.zeros(514, dtype=torch.bfloat16)
    values[::2] = 9
    result = clip_gradients([_with_gradient(values)], "value", theta=1.0)
    assert float(result.clipped_share) == 0.5


# --- torch's functions as oracles -----------------------------------------------------


@pytest.mark.parametrize("theta", [1e-3, 1.0, 30.0, 1e6])
def test_norm_agrees_with_torch(theta: float) -> None:
    ours, theirs = _random_parameters(), _random_parameters()
    result = clip_gradients(ours, "norm", theta=theta)
    norm = nn.utils.clip_grad_norm_(theirs, theta)
    torch.testing.assert_close(result.gradient_norm, norm)
    torch.testing.assert_close(_gradients(ours), _gradients(theirs))
    assert float(result.clipped_share) == float(norm > theta)


@pytest.mark.parametrize("theta", [1e-3, 1.0, 30.0, 1e6])
@pytest.mark.parametrize("rule", ["value", "adjustable"])
def test_value_and_adjustable_agree_with_torch(rule: str, theta: float) -> None:
    ours, theirs = _random_parameters(), _random_parameters()
    before = torch.cat([g.flatten() for g in _gradients(ours)])
    limit = theta if rule == "value" else theta / 0.25
    result = clip_gradients(ours, rule, theta=theta, learning_rate=0.25)
    nn.utils.clip_grad_value_(theirs, limit)
    assert all(map(torch.equal, _gradients(ours), _gradients(theirs)))
    after = torch.cat([g.flatten() for g in _gradients(ours)])
    assert float(result.clipped_share) == pytest.approx(
        float((before != after).double().mean())
    )
    torch.testing.assert_close(result.gradient_norm, before.norm())


def test_a_limit_beyond_the_gradients_own_numbers_clips_nothing() -> None:
    """A rate of 1e-50, which many drops leave, makes a limit that no float32 holds."""
    parameter = _with_gradient([3.0, -4.0])
    result = clip_gradients(parameter, "adjustable", theta=1e-4, learning_rate=1e-50)
    assert parameter.grad.tolist() == [3.0, -4.0]  # type: ignore[union-attr]
    assert (float(result.gradient_norm), float(result.clipped_share)) == (5, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("tensor_type", [torch.tensor, float])
def test_a_limit_in_a_tensor_clips_as_a_number_does(tensor_type) -> None:  # type: ignore[no-untyped-def]
    """On a GPU the limit stays a tensor; its path runs on any device."""
    gradients, theirs = _gradients(_random_parameters()), _random_parameters()
    before = torch.cat([g.flatten() for g in gradients])
    bound = tensor_type(2.0)
    share = clipping._share_beyond(gradients, bound)
    clipping._clamp(gradients, bound)
    nn.utils.clip_grad_value_(theirs, 2.0)
    assert all(map(torch.equal, gradients, _gradients(theirs)))
    assert float(share) == pytest.approx(float((before.abs() > 2).double().mean()))


@pytest.mark.parametrize("rate", [0.1, 0.003, 0.0])
def test_a_rate_in_a_tensor_clips_as_that_number_does(rate: float) -> None:
    """At rate 0 no step can be too long: nothing is clipped, and nothing is NaN."""
    values = [3e-4, -2.0, 1e-9, 0.0, 0.5, 1e4]
    parameter = _with_gradient(values)
    clip_gradients(
        [parameter], "adjustable", theta=1e-4, learning_rate=torch.tensor(rate)
    )
    bound = 1e-4 / torch.tensor(rate)  # in float32
    expected = torch.tensor(values).clamp(-bound, bound)
    assert torch.equal(parameter.grad, expected)


def test_a_learning_rate_in_a_tensor_is_taken() -> None:
    parameter = _with_gradient([3.0, -4.0, 12.0])
    rate = torch.tensor(0.125, dtype=torch.float64)
    clip_gradients([parameter], "adjustable", theta=0.5, learning_rate=rate)
    assert parameter.grad.tolist() == [3.0, -4.0, 4.0]


# --- in place, without copies ---------------------------------------------------------


def _allocated(**options: object) -> tuple[int, int]:
    """Bytes that one clipping allocates, and bytes of the gradients themselves."""
    parameters = [_with_gradient(torch.randn(64, 64, 3, 3)) for _ in range(4)]
    size = sum(g.nbytes for g in _gradients(parameters))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        result = clip_gradients(parameters, **options)
        del result
    taken = [event.self_cpu_memory_usage for event in record.events() or []]
    return sum(each for each in taken if each > 0), size


@pytest.mark.parametrize("rule", RULES)
def test_clipping_alone_allocates_next_to_nothing(rule: str) -> None:
    allocated, size = _allocated(rule=rule, **LIMITS, statistics=False)
    assert allocated < size / 100


def test_the_statistics_take_one_temporary_copy() -> None:
    allocated, size = _allocated(rule="adjustable", **LIMITS)
    assert size <= allocated < 1.1 * size  # and shows that the measure can fail


@pytest.mark.parametrize("rule", RULES)
def test_the_gradients_stay_where_they_are(rule: str) -> None:
    parameters = _random_parameters()
    places = [p.grad.data_ptr() for p in parameters]
    weights = [p.detach().clone() for p in parameters]
    clip_gradients(parameters, rule, **LIMITS)
    assert [p.grad.data_ptr() for p in parameters] == places
    assert all(map(torch.equal, weights, parameters))


@pytest.mark.parametrize("rule", RULES)
def test_statistics_can_be_left_out_without_a_difference(rule: str) -> None:
    ours, theirs = _random_parameters(), _random_parameters()
    result = clip_gradients(ours, rule, **LIMITS, statistics=False)
    clip_gradients(theirs, rule, **LIMITS)
    assert result == ClipResult(None, None)
    assert all(map(torch.equal, _gradients(ours), _gradients(theirs)))


def test_channels_last_gradients_are_clipped_where_they_lie() -> None:
    gradient = 9 * torch.randn(4, 8, 3, 3).to(memory_format=torch.channels_last)
    parameter = nn.Parameter(torch.zeros_like(gradient))
    parameter.grad = gradient.clone()
    clip_gradients([parameter], "value", theta=1.0)
    assert torch.equal(parameter.grad, gradient.clamp(-1, 1))
    assert parameter.grad.stride() == gradient.stride()


# --- which gradients ------------------------------------------------------------------


def test_parameters_without_gradients_are_skipped() -> None:
    clipped = _with_gradient([3.0, -4.0, 12.0])
    frozen = nn.Parameter(torch.ones(5))
    result = clip_gradients([frozen, clipped], "adjustable", **LIMITS)
    assert frozen.grad is None
    assert float(result.clipped_share) == pytest.approx(1 / 3)


@pytest.mark.parametrize("rule", RULES)
def test_without_any_gradient_both_statistics_are_0(rule: str) -> None:
    result = clip_gradients([nn.Parameter(torch.ones(5))], rule, **LIMITS)
    assert (float(result.gradient_norm), float(result.clipped_share)) == (0, 0)


@pytest.mark.parametrize("rule", RULES)
def test_a_gradient_of_zeros_stays_so(rule: str) -> None:
    parameter = _with_gradient([0.0, 0.0])
    result = clip_gradients([parameter], rule, **LIMITS)
    assert parameter.grad.tolist() == [0, 0]
    assert (float(result.gradient_norm), float(result.clipped_share)) == (0, 0)


def test_a_single_tensor_and_a_generator_are_taken() -> None:
    parameter = _with_gradient([9.0])
    clip_gradients(parameter, "value", theta=1.0)
    assert parameter.grad.tolist() == [1]
    model = nn.Linear(3, 2)
    model(torch.ones(1, 3)).mul(100).sum().backward()
    clip_gradients(model.parameters(), "value", theta=1.0)
    assert all(float(p.grad.max()) == 1 for p in model.parameters())


# --- NaN and infinity -----------------------------------------------------------------


@pytest.mark.parametrize("rule", ["adjustable", "value"])
def test_infinity_becomes_the_limit_and_nan_stays(rule: str) -> None:
    limit = 5.0 if rule == "adjustable" else 0.5
    parameter = _with_gradient([math.inf, -math.inf, math.nan, 0.25])
    result = clip_gradients([parameter], rule, **LIMITS)
    assert parameter.grad[:2].tolist() == [limit, -limit]
    assert math.isnan(parameter.grad[2])
    assert float(parameter.grad[3]) == 0.25
    assert math.isnan(float(result.gradient_norm))
    assert float(result.clipped_share) == pytest.approx(2 / 4)  # NaN is not counted


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_norm_with_nan_or_infinity_does_as_torch_does(bad: float) -> None:
    ours, theirs = _with_gradient([bad, 1.0]), _with_gradient([bad, 1.0])
    result = clip_gradients([ours], "norm", theta=0.5)
    norm = nn.utils.clip_grad_norm_([theirs], 0.5)
    torch.testing.assert_close(result.gradient_norm, norm, equal_nan=True)
    torch.testing.assert_close(ours.grad, theirs.grad, equal_nan=True)


# --- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "options", "error", "sentence"),
    [
        ("adjust", {}, ValueError, "rule must be one of adjustable, value, norm, none"),
        ("value", {}, TypeError, "the clipping rule 'value' needs theta"),
        ("adjustable", {"theta": 1.0}, TypeError, "'adjustable' needs learning_rate"),
        ("norm", {"theta": 0}, ValueError, "theta must be a positive number, got 0"),
        ("norm", {"theta": math.nan}, ValueError, "theta must be a positive .* nan"),
        ("value", {"theta": math.inf}, ValueError, "theta must be a positive .* inf"),
        (
            "adjustable",
            {"theta": 1.0, "learning_rate": -0.1},
            ValueError,
            "learning_rate must be a positive number, got -0.1",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(rule, options, error, sentence) -> None:  # type: ignore[no-untyped-def]
    parameter = _with_gradient([3.0])
    with pytest.raises(error, match=sentence):
        clip_gradients([parameter], rule, **options)
    assert parameter.grad.tolist() == [3.0]


def test_the_result_is_frozen() -> None:
    result = clip_gradients([_with_gradient([3.0])], "none")
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.gradient_norm = torch.zeros(())  # type: ignore[misc]


# --- on a GPU -------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.parametrize("rule", RULES)
def test_a_captured_graph_clips_and_follows_the_learning_rate(rule: str) -> None:
    parameters = [_with_gradient(g.cuda()) for g in _gradients(_random_parameters())]
    originals = _gradients(parameters)
    rate = torch.tensor(0.1, device="cuda")
    options = {"theta": 0.5, "learning_rate": rate}
    torch.cuda.set_sync_debug_mode("error")  # a wait for the GPU would raise
    try:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            clip_gradients(parameters, rule, **options)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = clip_gradients(parameters, rule, **options)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for value in (0.1, 0.01):
        rate.fill_(value)
        for parameter, original in zip(parameters, originals, strict=True):
            parameter.grad.copy_(original)
        graph.replay()
        expected = [_with_gradient(g.cpu()) for g in originals]
        wanted = clip_gradients(expected, rule, theta=0.5, learning_rate=value)
        for ours, theirs in zip(parameters, expected, strict=True):
            torch.testing.assert_close(ours.grad.cpu(), theirs.grad)
        torch.testing.assert_close(result.gradient_norm.cpu(), wanted.gradient_norm)
        torch.testing.assert_close(result.clipped_share.cpu(), wanted.clipped_share)
