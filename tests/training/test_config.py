"""The recipe: the paper's numbers, the review's, and what is refused."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from vdsr_lib.training import TrainingConfig
from vdsr_lib.training.schedule import cosine, middles


def test_the_papers_recipe():
    """Kim et al. 2016, sections 3.2 and 5.2; theta and the rest: the authors' code."""
    config = TrainingConfig.paper()
    assert (config.epochs, config.batch_size, config.learning_rate) == (80, 64, 0.1)
    assert (config.momentum, config.weight_decay) == (0.9, 1e-4)
    assert (config.clipping, config.theta, config.loss) == ("adjustable", 1e-4, "sum")
    assert config.reset_momentum
    assert config == TrainingConfig()


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(1, 0.1), (20, 0.1), (21, 0.01), (40, 0.01), (41, 1e-3), (61, 1e-4), (80, 1e-4)],
)
def test_the_papers_rate_drops_tenfold_every_twenty_epochs(epoch, rate):
    assert TrainingConfig.paper().learning_rate_at(epoch) == rate


def test_the_reviews_rate_falls_from_1e_2_to_1e_6():
    config = TrainingConfig.review()
    rates = [config.learning_rate_at(epoch) for epoch in range(1, 81)]
    expected = [10.0**-power for power in range(2, 7) for _ in range(16)]
    assert rates == pytest.approx(expected)


def test_a_shorter_run_keeps_the_shape_of_its_schedule():
    short = TrainingConfig.paper(epochs=8)
    assert [short.learning_rate_at(epoch) for epoch in (1, 2, 3, 8)] == [
        0.1,
        0.1,
        0.01,
        1e-4,
    ]
    assert TrainingConfig.paper(epochs=1).drop_every == 1
    assert TrainingConfig.paper(epochs=2).drop_every == 1
    for none in (0, "8", 2.5):
        with pytest.raises(ValueError, match=f"epochs must be .*, got {none!r}"):
            TrainingConfig.paper(epochs=none)
    assert TrainingConfig.paper(epochs=6).drop_every == 2  # rounded up
    assert TrainingConfig.review(epochs=8).drop_every == 2
    odd = TrainingConfig.paper(epochs=5)
    rates = [odd.learning_rate_at(epoch) for epoch in range(1, 6)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert TrainingConfig.paper(epochs=8, drop_every=5).drop_every == 5
    assert TrainingConfig.review(epochs=10).learning_rate_at(10) == pytest.approx(1e-6)


def test_srcnns_recipe():
    """Dong et al. 2016: 1e-4, and 1e-5 in the last layer; the rate stays."""
    config = TrainingConfig.srcnn(epochs=7)
    assert config.learning_rate == 1e-4
    assert config.learning_rate * config.last_layer_rate == pytest.approx(1e-5)
    assert config.learning_rate_at(7) == 1e-4
    assert (config.clipping, config.weight_decay) == ("none", 0)


def test_a_rate_does_not_drop_out_of_sight():
    """10 to the power of 309 is no float, and no clip divides by a rate of 0."""
    assert TrainingConfig.paper(epochs=300, drop_every=1).learning_rate_at(300) == (
        pytest.approx(1e-300)
    )
    wanted = "drop_every must be more than 1: 399 drops leave nothing of a rate of 0.1"
    with pytest.raises(ValueError, match=wanted):
        TrainingConfig.paper(epochs=400, drop_every=1)
    TrainingConfig.modern(epochs=400, drop_every=1)  # a cosine has no drops
    last = TrainingConfig.paper(epochs=610, drop_every=2)  # 304 drops, and no more
    assert last.learning_rate_at(610) == pytest.approx(1e-305)


def test_a_cosine_after_a_warm_up():
    """By hand: half a cosine over epochs 1 to 5 falls by 0, 15, 50, 85 and 100 %."""
    config = TrainingConfig(epochs=5, schedule="cosine", warm_up=1.0, learning_rate=0.4)
    assert config.learning_rate_at(1, 0.25) == pytest.approx(0.1, rel=1e-15)
    assert config.learning_rate_at(1, 0.75) == pytest.approx(0.3, rel=1e-15)
    falling = [config.learning_rate_at(epoch) for epoch in (2, 3, 4, 5)]
    halves = (1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2)
    assert falling == pytest.approx([0.4 * half for half in halves], rel=1e-14)
    assert config.learning_rate_at(4, 0.5) == pytest.approx(
        0.4 * 0.308658283817455,  # (1 + cos(5 pi / 8)) / 2
        rel=1e-14,
    )
    assert 0 < config.learning_rate_at(5, 0.999) < 1e-6
    ends = [cosine(0.4, moment, first=1.0, last=5.0) for moment in (0.5, 5.0, 6.0)]
    assert ends == [0.4, 0, 0]


def test_a_warm_up_rises_into_steps_too():
    config = TrainingConfig(epochs=4, drop_every=2, warm_up=0.5, learning_rate=1.0)
    rates = [config.learning_rate_at(e, p) for e, p in ((1, 0.1), (1, 0.5), (3, 0.0))]
    assert rates == pytest.approx([0.2, 1.0, 0.1])


def test_no_step_is_made_at_rate_0():
    """The middle of each step counts: 0.5 / 7 of an epoch for the first of seven."""
    config = TrainingConfig(epochs=1, schedule="cosine", warm_up=0.5, learning_rate=1)
    rates = [config.learning_rate_at(1, moment) for moment in middles(7)]
    assert rates[0] == pytest.approx(1 / 7)
    assert min(rates) > 0.01
    assert len(rates) == 7


def test_our_own_recipe():
    config = TrainingConfig.modern(epochs=7)
    assert (config.schedule, config.optimiser, config.clipping) == (
        "cosine",
        "adam",
        "none",
    )
    assert (config.warm_up, config.averaging) == (0.5, 0.999)
    assert (config.learning_rate, config.weight_decay) == (1e-3, 0)
    assert config.epochs == 7


def test_a_recipe_of_before_is_written_as_it_was():
    """The names that a configuration had when the first long runs were made."""
    written = TrainingConfig.paper().to_dict()
    assert " ".join(written) == (
        "epochs batch_size optimiser learning_rate drop_every drop_divisor "
        "last_layer_rate momentum reset_momentum weight_decay clipping theta loss seed "
        "validate_every max_steps"
    )
    assert TrainingConfig.from_dict(written) == TrainingConfig.paper()
    later = TrainingConfig.modern()
    assert later.to_dict().keys() - written.keys() == {
        "schedule",
        "warm_up",
        "averaging",
    }
    assert TrainingConfig.from_dict(later.to_dict()) == later


def test_a_warm_up_is_over_before_the_run():
    with pytest.raises(ValueError, match="warm_up must be below the 3 epochs, got 3"):
        TrainingConfig(epochs=3, warm_up=3)


@pytest.mark.parametrize("epoch", [0, -1])
@pytest.mark.parametrize("recipe", [TrainingConfig.paper, TrainingConfig.modern])
def test_there_is_no_rate_before_the_first_epoch(recipe, epoch):
    with pytest.raises(ValueError, match=f"epochs are counted from 1, got {epoch}"):
        recipe().learning_rate_at(epoch)


def test_total_steps():
    """124 steps an epoch: T91 at the scales 2, 3 and 4."""
    assert TrainingConfig.paper().total_steps(124) == 9_920
    assert TrainingConfig.paper(max_steps=300).total_steps(124) == 300
    assert TrainingConfig.paper(max_steps=99_999).total_steps(124) == 9_920


def test_numbers_out_of_an_array_are_numbers():
    """Of ``for rate in np.logspace(-3, -1, 3)``: the same run as with plain ones."""
    given = {"epochs": np.int64(8), "learning_rate": np.float64(0.1), "trace": np.True_}
    config = TrainingConfig.paper(**given, seed=np.uint8(3))
    plain = TrainingConfig.paper(epochs=8, learning_rate=0.1, trace=True, seed=3)
    assert config == plain
    assert json.dumps(config.to_dict()) == json.dumps(plain.to_dict())


def test_it_survives_json_and_stays_frozen():
    config = TrainingConfig.review(epochs=3, max_steps=5)
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert hash(config) == hash(TrainingConfig.review(epochs=3, max_steps=5))
    with pytest.raises(FrozenInstanceError):
        config.epochs = 4
    with pytest.raises(ValueError, match="no attribute lr, rate"):
        TrainingConfig.from_dict({"rate": 1, "lr": 2})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("epochs", 0, "an integer of at least 1"),
        ("epochs", 2.5, "an integer of at least 1"),
        ("batch_size", True, "an integer of at least 1"),
        ("optimiser", "lion", "one of sgd, adam"),
        ("learning_rate", 0, "a number above 0"),
        ("learning_rate", float("nan"), "a number above 0"),
        ("learning_rate", "0.1", "a number above 0"),
        ("drop_every", -1, "an integer of at least 1"),
        ("drop_divisor", float("inf"), "a number of at least 1"),
        ("drop_divisor", 0.1, "a number of at least 1"),
        ("last_layer_rate", 0, "a number above 0"),
        ("momentum", 1, r"in \[0, 1\)"),
        ("reset_momentum", 1, "True or False"),
        ("weight_decay", -1e-4, "0 or above"),
        ("clipping", "hard", "one of adjustable, value, norm, none"),
        ("theta", 0, "a number above 0"),
        ("loss", "l1", "one of sum, mean"),
        ("seed", -1, "an integer from 0"),
        ("validate_every", 0, "an integer of at least 1, or None"),
        ("max_steps", 0, "an integer of at least 1, or None"),
        ("schedule", "linear", "one of steps, cosine"),
        ("warm_up", -0.5, "0 or above"),
        ("warm_up", float("inf"), "0 or above"),
        ("averaging", 1.0, r"in \[0, 1\)"),
        ("averaging", "0.9", r"in \[0, 1\)"),
        ("trace", 1, "True or False"),
        ("seed", 2**63, "an integer from 0"),
    ],
)
def test_each_wrong_value_is_named(name, value, wanted):
    with pytest.raises(ValueError, match=f"{name} must be {wanted}.*got"):
        TrainingConfig(**{name: value})


def test_every_field_says_whose_number_it_is(root):
    source = (root / "vdsr_lib/training/config.py").read_text(encoding="utf-8")
    for each in fields(TrainingConfig):
        line = next(x for x in source.splitlines() if x.startswith(f"    {each.name}:"))
        assert any(who in line for who in ("paper's", "authors' code", "ours")), line
