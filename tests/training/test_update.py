"""The update against a step computed by hand in NumPy, and against torch.optim."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent, TrainingConfig, train, training_loss
from vdsr_lib.training.flat import FlatParameters
from vdsr_lib.training.update import Numbers, Update

MOMENTUM, DECAY, THETA = 0.9, 1e-2, 0.02


def correlate(maps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """3x3 correlation with zero padding: (B, I, H, W), (O, I, 3, 3) -> (B, O, H, W)."""
    _, _, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(
        np.einsum(
            "bihw,oi->bohw",
            padded[:, :, y : y + height, x : x + width],
            weight[..., y, x],
        )
        for y in range(3)
        for x in range(3)
    )


def weight_gradient(maps: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Gradient of a 3x3 layer's weights: its input against its output's error."""
    _, _, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    gradient = np.empty((error.shape[1], maps.shape[1], 3, 3))
    for y in range(3):
        for x in range(3):
            window = padded[:, :, y : y + height, x : x + width]
            gradient[..., y, x] = np.einsum("bohw,bihw->oi", error, window)
    return gradient


def gradients_by_hand(
    weights: list[np.ndarray], ilr: np.ndarray, hr: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """Loss and gradients of a residual network of two layers, without torch."""
    first, first_bias, last, last_bias = weights
    before = correlate(ilr, first) + first_bias[:, None, None]
    hidden = np.maximum(before, 0)
    estimate = ilr + correlate(hidden, last) + last_bias[:, None, None]
    batch = len(ilr)
    loss = ((estimate - hr) ** 2).sum() / batch
    error = 2 * (estimate - hr) / batch
    turned = last[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    inner = correlate(error, turned) * (before > 0)
    return loss, [
        weight_gradient(ilr, inner),
        inner.sum((0, 2, 3)),
        weight_gradient(hidden, error),
        error.sum((0, 2, 3)),
    ]


def train_by_hand(weights, ilr, hr, rates):
    """One step a rate; a lower rate empties the momentum."""
    weights = [w.copy() for w in weights]
    momenta = [np.zeros_like(w) for w in weights]
    losses, shares = [], []
    for step, rate in enumerate(rates):
        if step and rate < rates[step - 1]:
            momenta = [np.zeros_like(w) for w in weights]
        loss, gradients = gradients_by_hand(weights, ilr, hr)
        losses.append(loss)
        flat = np.concatenate([g.ravel() for g in gradients])
        shares.append(np.mean(np.abs(flat) > THETA / rate))
        for i, gradient in enumerate(gradients):
            clipped = np.clip(gradient, -THETA / rate, THETA / rate)
            decayed = clipped + DECAY * weights[i]  # the decay is outside the clip
            momenta[i] = MOMENTUM * momenta[i] + decayed
            weights[i] = weights[i] - rate * momenta[i]
    return weights, losses, shares


@pytest.fixture
def problem():
    """Two layers, five patches of 7x7, all in float32-exact numbers."""
    rng = np.random.default_rng(7)
    ilr = rng.uniform(0.1, 0.9, (5, 1, 7, 7)).astype(np.float32)
    hr = (ilr + rng.normal(0, 0.1, ilr.shape)).astype(np.float32)
    shapes = [(3, 1, 3, 3), (3,), (1, 3, 3, 3), (1,)]
    weights = [rng.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
    return weights, ilr, hr


def network(weights, dtype=torch.float32) -> VDSR:
    model = VDSR(2, 3).to(dtype)
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    return model


RATES = [0.1, 0.1, 0.01, 0.01]


def test_steps_equal_those_computed_by_hand_in_float64(problem):
    """Loss, clip, decay outside it, momentum, and its reset as the rate drops."""
    weights, ilr, hr = (
        [w.astype(np.float64) for w in problem[0]],
        problem[1].astype(np.float64),
        problem[2].astype(np.float64),
    )
    expected, losses, shares = train_by_hand(weights, ilr, hr, RATES)
    assert 0.05 < shares[0] < 0.95  # some are clipped, some are not
    assert shares[2] < shares[0] / 2  # a tenth of the rate: the limit is 10 times wider
    config = TrainingConfig(momentum=MOMENTUM, weight_decay=DECAY, theta=THETA)
    model = network(weights, torch.float64)
    update = Update(FlatParameters(model), config)
    x, y = torch.from_numpy(ilr), torch.from_numpy(hr)
    for rate, known_loss, share in zip(RATES, losses, shares, strict=True):
        update.set_learning_rate(rate)
        loss = training_loss(model(x), y, batch_size=5)
        loss.backward()
        measured = update.step()
        assert loss.item() == pytest.approx(known_loss, rel=1e-13)
        assert measured[1].item() == pytest.approx(share, abs=1e-6)
    for parameter, known in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.detach(), known, rtol=0, atol=1e-13)


def test_the_whole_of_train_makes_the_same_steps(problem):
    """Through patches, loop and schedule, in float32: two epochs of one batch."""
    weights, ilr, hr = problem
    expected, losses, shares = train_by_hand(
        [w.astype(np.float64) for w in weights],
        ilr.astype(np.float64),
        hr.astype(np.float64),
        [0.1, 0.01],
    )
    patches = PatchSet(
        torch.from_numpy(ilr), torch.from_numpy(hr), torch.full((5,), 2.0)
    )
    config = TrainingConfig(
        epochs=2,
        drop_every=1,
        batch_size=5,
        momentum=MOMENTUM,
        weight_decay=DECAY,
        theta=THETA,
    )
    model = network(weights)
    history = train(
        model, patches, config, monitor=Silent(), device="cpu", precision="float32"
    )
    for parameter, known in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.detach(), known, rtol=0, atol=2e-6)
    assert [row["loss"] for row in history.epochs] == pytest.approx(losses, rel=1e-5)
    assert [row["clipped_share"] for row in history.epochs] == pytest.approx(shares)
    assert [row["learning_rate"] for row in history.epochs] == [0.1, 0.01]


def test_the_gradient_norm_is_that_before_the_clip(problem):
    weights, ilr, hr = problem
    _, gradients = gradients_by_hand(weights, ilr, hr)
    known = np.sqrt(sum((g**2).sum() for g in gradients))
    for rule in ("adjustable", "value", "norm", "none"):
        model = network(weights)
        update = Update(
            FlatParameters(model), TrainingConfig(clipping=rule, theta=1e-3)
        )
        loss = training_loss(
            model(torch.from_numpy(ilr)), torch.from_numpy(hr), batch_size=5
        )
        loss.backward()
        assert update.step()[0].item() == pytest.approx(known, rel=1e-5)


def test_a_mean_loss_is_that_of_torch(problem):
    _, ilr, hr = problem
    ilr, hr = torch.from_numpy(ilr), torch.from_numpy(hr)
    mean = training_loss(ilr, hr, batch_size=5, loss="mean")
    assert mean.item() == pytest.approx(torch.nn.functional.mse_loss(ilr, hr).item())
    whole = training_loss(ilr, hr, batch_size=5)
    assert whole.item() == pytest.approx(49 * mean.item())


def test_a_bfloat16_estimate_is_compared_in_float32():
    """1.0 + 1/512 is no bfloat16: a difference taken in bfloat16 would be 0."""
    estimate = torch.ones(1, 1, 2, 2, dtype=torch.bfloat16)
    hr = torch.full((1, 1, 2, 2), 1 + 1 / 512)
    loss = training_loss(estimate, hr, batch_size=1)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(4 / 512**2)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("held_by", ["host", "device"])
def test_against_torch_optim(optimiser, reset, held_by):
    """Ten random gradients, a drop of the rate after the fifth.

    A step that is recorded once and replayed reads its numbers from the device.
    """
    config = TrainingConfig(
        optimiser=optimiser,
        learning_rate=0.01,
        clipping="value",
        theta=0.5,
        weight_decay=0.1,
        reset_momentum=reset,
    )
    ours, theirs = SRCNN((3, 1, 3), (4, 2)), SRCNN((3, 1, 3), (4, 2))
    theirs.load_state_dict(ours.state_dict())
    update = Update(FlatParameters(ours), config)

    def fresh(rate: float) -> torch.optim.Optimizer:
        if optimiser == "adam":
            return torch.optim.Adam(theirs.parameters(), rate, weight_decay=0.1)
        return torch.optim.SGD(theirs.parameters(), rate, 0.9, weight_decay=0.1)

    oracle = fresh(0.01)
    generator = torch.Generator().manual_seed(0)
    for step in range(10):
        if step == 5:
            update.set_learning_rate(0.001)
            if reset:
                oracle = fresh(0.001)
            oracle.param_groups[0]["lr"] = 0.001
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.5)
        if held_by == "device":
            numbers = update.numbers(update.learning_rate)
            update.step(Numbers(*map(torch.tensor, numbers)))
            update.count()
        else:
            update.step()
        oracle.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_adams_epsilon_is_torchs():
    """Seen where gradients are as small as it is, 1e-8: there it halves the step."""
    config = TrainingConfig(
        optimiser="adam", learning_rate=0.01, clipping="none", weight_decay=0.0
    )
    ours, theirs = SRCNN((3, 3), (2,)), SRCNN((3, 3), (2,))
    theirs.load_state_dict(ours.state_dict())
    start = [each.detach().clone() for each in ours.parameters()]
    update, oracle = (
        Update(FlatParameters(ours), config),
        torch.optim.Adam(theirs.parameters(), 0.01),
    )
    for _ in range(3):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.full_like(mine, 1e-8)
            other.grad = mine.grad.clone()
        update.step()
        oracle.step()
    pairs = zip(start, ours.parameters(), theirs.parameters(), strict=True)
    for before, mine, other in pairs:
        torch.testing.assert_close(mine - before, other - before, rtol=1e-3, atol=0)
        assert (before - mine).max() < 0.02  # three whole steps would be 0.03


def test_the_last_layer_has_its_own_rate_and_its_own_limit():
    """SRCNN's recipe: 1e-4, last layer 1e-5; the adjustable limit follows each."""
    model = SRCNN((3, 1, 3), (4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    update = Update(FlatParameters(model), TrainingConfig.srcnn(momentum=0.0))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 5.0)
    measured = update.step()
    moved = [(b - p).abs() for b, p in zip(before, model.parameters(), strict=True)]
    for each in moved[:-2]:
        torch.testing.assert_close(each, torch.full_like(each, 5e-4), rtol=1e-3, atol=0)
    for each in moved[-2:]:
        torch.testing.assert_close(each, torch.full_like(each, 5e-5), rtol=1e-2, atol=0)
    count = sum(p.numel() for p in model.parameters())
    assert measured[0].item() == pytest.approx(5 * count**0.5, rel=1e-5)

    clipped = TrainingConfig.srcnn(clipping="adjustable", theta=1e-4, momentum=0.0)
    update = Update(FlatParameters(model), clipped)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 5.0)
    norm, share = update.step()
    # Limits 1e-4 / 1e-4 = 1 for the body and 1e-4 / 1e-5 = 10 for the last layer.
    last = sum(p.numel() for p in list(model.parameters())[-2:])
    assert share.item() == pytest.approx(1 - last / count)
    assert norm.item() == pytest.approx(5 * count**0.5, rel=1e-5)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("rule", ["norm", "value"])
def test_a_last_layer_of_its_own_rate_against_torch_optim(optimiser, rule):
    """Two groups of parameters there; the norm that is limited is that of both."""
    config = TrainingConfig(
        optimiser=optimiser,
        learning_rate=0.01,
        last_layer_rate=0.1,
        clipping=rule,
        theta=0.5,
        weight_decay=0.1,
    )
    ours, theirs = SRCNN((3, 1, 3), (4, 2)), SRCNN((3, 1, 3), (4, 2))
    theirs.load_state_dict(ours.state_dict())
    update = Update(FlatParameters(ours), config)
    *body, weight, bias = theirs.parameters()
    groups = [{"params": body}, {"params": [weight, bias], "lr": 0.001}]
    if optimiser == "adam":
        oracle = torch.optim.Adam(groups, 0.01, weight_decay=0.1)
    else:
        oracle = torch.optim.SGD(groups, 0.01, 0.9, weight_decay=0.1)
    clip = {
        "norm": torch.nn.utils.clip_grad_norm_,
        "value": torch.nn.utils.clip_grad_value_,
    }[rule]
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        clip(theirs.parameters(), 0.5)
        update.step()
        oracle.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_frozen_parameters_stay(problem):
    model = network(problem[0])
    next(model.parameters()).requires_grad_(False)
    before = next(model.parameters()).clone()
    update = Update(FlatParameters(model), TrainingConfig())
    training_loss(
        model(torch.from_numpy(problem[1])), torch.from_numpy(problem[2]), batch_size=5
    ).backward()
    update.step()
    assert torch.equal(next(model.parameters()), before)


def test_a_frozen_last_layer_has_no_part_in_what_is_measured():
    """The share of nothing is no number, and would be the whole share."""
    model = SRCNN((3, 3), (2,))
    model.body[-1].requires_grad_(False)
    config = TrainingConfig.paper(last_layer_rate=0.1, theta=0.1)
    update = Update(FlatParameters(model), config)
    for parameter in model.body[0].parameters():
        parameter.grad = torch.full_like(parameter, 5.0)
    norm, share = update.step().tolist()
    assert (norm, share) == (pytest.approx(5 * 20**0.5), 1)


def test_gradients_left_by_an_earlier_use_are_forgotten(problem):
    model = network(problem[0])
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    Update(FlatParameters(model), TrainingConfig())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_the_state_goes_back_exactly(optimiser):
    config = TrainingConfig(optimiser=optimiser, learning_rate=0.01)

    def push(model, update, seed):
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        update.step()

    model, other = SRCNN((3, 1, 3), (4, 2)), SRCNN((3, 1, 3), (4, 2))
    update = Update(FlatParameters(model), config)
    push(model, update, 0)
    update.set_learning_rate(0.001)
    push(model, update, 1)
    other.load_state_dict(model.state_dict())
    copy = Update(FlatParameters(other), config)
    saved = {name: tensor.clone() for name, tensor in update.state().items()}
    copy.load_state(saved, 0.001)
    copy.set_learning_rate(0.001)  # the same rate again empties nothing
    for seed in (2, 3):
        push(model, update, seed)
        push(other, copy, seed)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(KeyError, match="momentum"):
        copy.load_state({"age": torch.tensor(1)}, 0.1)
