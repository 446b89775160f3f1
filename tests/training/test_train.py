"""The loop: same seed same bits, rows, validation, stops, and two kinds of failure."""

from __future__ import annotations

import itertools
import pickle
import signal
import threading
import warnings
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from vdsr_lib.patches import PatchSet
from vdsr_lib.training import (
    DivergedError,
    ProgressBar,
    Silent,
    StuckAtBicubicWarning,
    TrainingConfig,
    ledger,
    loop,
    train,
    trainer,
    training_loss,
)
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.run_folder import RunFolder

QUICK = {"device": "cpu", "precision": "float32"}


def run(model, patches, config, **options):
    return train(model, patches, config, **{"monitor": Silent(), **QUICK, **options})


def recipe(**changes) -> TrainingConfig:
    return TrainingConfig.paper(**{"epochs": 4, "batch_size": 20, **changes})


@pytest.fixture
def noise() -> PatchSet:
    """Patches of noise, from which nothing can be learnt: 3 batches of 20."""
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(64, 1, 9, 9, generator=generator)
    ilr = (hr + 0.1 * torch.randn(hr.shape, generator=generator)).clamp(0, 1)
    return PatchSet(ilr, hr, torch.full((64,), 2.0))


def test_the_same_seed_gives_the_same_bits(make_model, patches, equal_weights):
    models = [make_model() for _ in range(3)]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        run(model, patches, recipe(seed=seed))
    assert equal_weights(models[0], models[1])
    assert not equal_weights(models[0], models[2])


def test_the_loss_falls_and_the_rows_say_what_happened(make_model, patches, recorder):
    watch = recorder()
    history = run(make_model(), patches, recipe(), monitor=watch)
    steps = patches.steps_per_epoch(20)
    assert steps == 7
    assert [row["epoch"] for row in history.epochs] == [1, 2, 3, 4]
    assert [row["step"] for row in history.epochs] == [7, 14, 21, 28]
    assert [row["learning_rate"] for row in history.epochs] == [0.1, 0.01, 1e-3, 1e-4]
    assert history.epochs[-1]["loss"] < 0.98 * history.epochs[0]["loss"]
    assert [row["step"] for row in watch.steps] == list(range(1, 29))
    for name in ("loss", "gradient_norm", "clipped_share"):
        for epoch, row in enumerate(history.epochs):
            of_steps = [
                s[name] for s in watch.steps[epoch * steps : (epoch + 1) * steps]
            ]
            assert row[name] == pytest.approx(sum(of_steps) / steps, rel=1e-6)
    assert all(0 < row["seconds"] < 60 for row in history.epochs)
    assert history.finished
    assert watch.started == [(recipe(), 28)]
    assert watch.epochs == history.epochs
    assert watch.finished == [history]
    assert watch.notes == ["float32: asked for"] == [history.precision]


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_it_trains_where_gradients_are_off(make_model, patches, equal_weights, without):
    """Measured and trained in one block: the caller's switch is not training's."""
    plain, inside = make_model(), make_model()
    run(plain, patches, recipe(epochs=1))
    with without():
        run(inside, patches, recipe(epochs=1))
        assert not torch.is_grad_enabled()
    assert equal_weights(plain, inside)
    assert all(p.requires_grad and not p.is_inference() for p in inside.parameters())


def test_each_step_tells_its_own_learning_rate(make_model, patches, recorder):
    """In a warm-up each step has another: that of its middle."""
    watch = recorder()
    config = recipe(epochs=2, warm_up=1.0)
    run(make_model(), patches, config, monitor=watch)
    told = [row["learning_rate"] for row in watch.steps[:7]]
    assert told == [config.learning_rate_at(1, (step + 0.5) / 7) for step in range(7)]
    assert len(set(told)) == 7


def test_max_steps_ends_the_run_in_mid_epoch(make_model, patches, equal_weights):
    history = run(make_model(), patches, recipe(max_steps=9))
    assert [(row["epoch"], row["step"]) for row in history.epochs] == [(1, 7), (2, 9)]
    assert history.finished
    whole = run(make_model(), patches, recipe())
    assert history.epochs[0]["loss"] == whole.epochs[0]["loss"]


def test_validation_is_merged_into_the_rows(make_model, patches):
    seen = []

    def validate(model):
        seen.append((model.training, torch.is_grad_enabled()))
        return {"psnr_x2": torch.tensor(30.0 + len(seen)), "ssim_x2": 0.9}

    history = run(make_model(), patches, recipe(), validate=validate)
    assert seen == [(False, False)] * 4
    assert [row["psnr_x2"] for row in history.epochs] == [31, 32, 33, 34]
    assert [row["step"] for row in history.validations] == [7, 14, 21, 28]
    assert ", psnr_x2 34.00, ssim_x2 0.9000)" in repr(history)  # as the paper's tables
    assert list(history.to_frame().columns) == [
        "epoch",
        "step",
        "learning_rate",
        "loss",
        "gradient_norm",
        "clipped_share",
        "seconds",
        "psnr_x2",
        "ssim_x2",
    ]


def test_validate_every_counts_steps(make_model, patches):
    counter = iter(range(100))
    history = run(
        make_model(),
        patches,
        recipe(validate_every=10),
        validate=lambda _: {"psnr": float(next(counter))},
    )
    steps = [(row["step"], row["epoch"]) for row in history.validations]
    assert steps == [(10, 2), (20, 3), (28, 4)]  # and the last step of all
    assert "psnr" not in history.epochs[0]
    assert [row["psnr"] for row in history.epochs[1:]] == [0, 1, 2]


def test_validation_does_not_change_the_training(make_model, patches, equal_weights):
    plain, watched = make_model(), make_model()
    run(plain, patches, recipe())

    def validate(model):
        torch.rand(7)
        return {"psnr": float(model(patches.ilr[:1]).mean())}

    run(watched, patches, recipe(validate_every=3), validate=validate)
    assert equal_weights(plain, watched)


def test_an_epoch_takes_time_whether_or_not_it_is_validated(make_model, patches):
    history = run(make_model(), patches, recipe(validate_every=1000))
    assert all(row["seconds"] > 0 for row in history.epochs)


def test_only_steps_count_as_time(make_model, patches, recorder, tmp_path, monkeypatch):
    """A step takes a second; to validate, to save and to look on take far longer."""
    now, save = [0.0], RunFolder.save
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=lambda: now[0])
    monkeypatch.setattr(ledger, "time", clock)
    monkeypatch.setattr(loop, "time", clock)

    def passes(seconds: float, answer=None):
        now[0] += seconds
        return answer

    def trained(**options):
        model = make_model()
        model.register_forward_hook(lambda *_: passes(1))
        given = {
            "validate": lambda _: passes(100, {"psnr": 1.0}),
            "on_epoch": lambda *_: passes(1e4),
            "run_dir": tmp_path,
        }
        config = recipe(epochs=2, validate_every=3)
        history = run(model, patches, config, **{**given, **options})
        return [row["seconds"] for row in history.epochs]

    monkeypatch.setattr(RunFolder, "save", lambda *given: passes(1e6, save(*given)))
    assert trained(monitor=recorder(stop_at=11)) == [7, 4]
    assert trained(resume=True) == [7, 7]
    assert trained(run_dir=None) == [7, 7]


def test_on_epoch_sees_the_model_and_the_row(make_model, patches):
    seen = []
    model = make_model()
    run(
        model, patches, recipe(), on_epoch=lambda m, row: seen.append((m, row["epoch"]))
    )
    assert seen == [(model, 1), (model, 2), (model, 3), (model, 4)]


def test_training_goes_on_in_its_mode_whatever_on_epoch_leaves(make_model, patches):
    """In evaluation mode the first layer would read a bfloat16 picture in two terms."""
    model, modes = make_model(), []
    model.register_forward_pre_hook(lambda each, _: modes.append(each.training))
    run(model, patches, recipe(epochs=2), on_epoch=lambda each, _: each.eval())
    assert modes == [True] * 14


@pytest.mark.parametrize("name", ["loss", "step", "seconds"])
def test_a_score_does_not_take_the_place_of_what_training_measures(
    make_model, patches, name
):
    with pytest.raises(ValueError, match=f"validate calls a score {name}, as the hist"):
        run(make_model(), patches, recipe(), validate=lambda _: {name: 1.0})


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "got None"),
        (36.1, r"got 36\.1"),
        ({2: 36.1}, r"got \{2: 36\.1\}"),
        ({"psnr_x2": None}, "got {'psnr_x2': None}"),
        ({"psnr_x2": [36.1, 30.2]}, r"got {'psnr_x2': \[36"),
    ],
)
def test_a_validation_that_returns_no_scores_is_named(
    make_model, patches, returned, said
):
    """A forgotten return, for one."""
    sentence = rf"validate must return a number for each name, .*{said}"
    with pytest.raises(TypeError, match=sentence):
        run(make_model(), patches, recipe(), validate=lambda _: returned)


def test_a_score_may_be_any_number(make_model, patches):
    scores = {"a": np.float32(1.5), "b": torch.tensor([2.5]), "c": 3, "d": True}
    history = run(make_model(), patches, recipe(), validate=lambda _: scores)
    found = [history.epochs[0][name] for name in scores]
    assert found == [1.5, 2.5, 3.0, 1.0]
    assert {type(each) for each in found} == {float}


class Dropping(nn.Module):
    """A network that draws random numbers as it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.constant_(self.layer.weight, 0.01)
        nn.init.zeros_(self.layer.bias)

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        return ilr + nn.functional.dropout(self.layer(ilr), training=self.training)


def test_random_layers_obey_the_seed_and_the_callers_numbers_are_untouched(
    patches, equal_weights
):
    models = []
    for before in (1, 2):
        torch.manual_seed(before)
        expected = torch.rand(3)
        torch.manual_seed(before)
        models.append(Dropping())
        torch.manual_seed(before)
        run(models[-1], patches, recipe(seed=9))
        assert torch.equal(torch.rand(3), expected)
    assert equal_weights(*models)


def test_the_model_is_given_back_as_it_was(make_model, patches):
    model = make_model().eval()
    run(model, patches, recipe(), precision="bfloat16")
    assert not model.training
    for parameter in model.parameters():
        assert parameter.is_contiguous()
        assert parameter.grad is None
        assert parameter.dtype is torch.float32


def test_each_part_has_its_mode_back_even_if_training_broke_off(make_model, patches):
    """And trains in training mode, as the whole does."""
    model = make_model()
    next(model.children()).eval()
    before = [module.training for module in model.modules()]
    assert len(set(before)) == 2
    seen = []

    def note(model, _):
        seen.append(all(module.training for module in model.modules()))
        raise LookupError

    with pytest.raises(LookupError):
        run(model, patches, recipe(max_steps=1), on_epoch=note)
    assert seen == [True]
    assert [module.training for module in model.modules()] == before


def test_bfloat16_trains_as_float32_does(make_model, patches):
    losses = []
    for precision in ("float32", "bfloat16"):
        history = run(make_model(), patches, recipe(), precision=precision)
        losses.append([row["loss"] for row in history.epochs])
        assert history.precision.startswith(precision)
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[1] != losses[0]


def test_a_stop_ends_after_the_current_step(make_model, patches, recorder):
    watch = recorder(stop_at=10)
    history = run(
        make_model(), patches, recipe(), monitor=watch, validate=lambda _: {"psnr": 1.0}
    )
    assert watch.steps[-1]["step"] == 10
    assert not history.finished
    assert [(row["epoch"], row["step"]) for row in history.epochs] == [(1, 7), (2, 10)]
    of_steps = [step["loss"] for step in watch.steps[7:]]
    assert history.epochs[-1]["loss"] == pytest.approx(sum(of_steps) / 3)
    assert "psnr" in history.epochs[0]
    assert "psnr" not in history.epochs[1]
    assert watch.finished == [history]


class CtrlC(Silent):
    """Presses Ctrl-C at some steps."""

    seconds_between_steps = 0.0

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.steps, self.last = steps, 0

    def step(self, record):
        self.last = record["step"]
        for _ in range(self.steps.count(self.last)):
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_ends_after_the_current_step_and_returns_the_history(
    make_model, patches
):
    before = signal.getsignal(signal.SIGINT)
    watch = CtrlC(3)
    history = run(make_model(), patches, recipe(), monitor=watch)
    assert watch.last == 3
    assert history.epochs[-1]["step"] == 3
    assert not history.finished
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_is_obeyed_at_once(make_model, patches):
    with pytest.raises(KeyboardInterrupt):
        run(make_model(), patches, recipe(), monitor=CtrlC(3, 3))


def test_training_works_outside_the_main_thread(make_model, patches):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(run(make_model(), patches, recipe()))
    )
    thread.start()
    thread.join(60)
    assert found[0].finished


def test_an_unclipped_rate_diverges_with_a_named_cause(make_model, patches):
    """As the paper says: a high rate needs the clip."""
    model = make_model(residual=False)
    config = recipe(clipping="none", learning_rate=10.0)
    with pytest.raises(DivergedError, match="clipping='adjustable'") as caught:
        run(model, patches, config)
    message, history = str(caught.value), caught.value.history
    last = history.epochs[-1]
    assert f"diverged at step {last['step']} (epoch 1)" in message
    assert "nothing clips the gradient at learning rate 10" in message
    assert last["step"] < 7
    assert last["seconds"] > 0
    assert not history.finished
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), len(again.history.epochs)) == (message, len(history.epochs))


@pytest.mark.parametrize("rule", ["value", "adjustable"])
def test_divergence_names_the_clip_that_is_too_wide(make_model, patches, rule):
    config = recipe(clipping=rule, theta=1e6, learning_rate=100.0)
    with pytest.raises(DivergedError, match=r"theta 1e\+06"):
        run(make_model(residual=False), patches, config)


def test_nan_in_the_patches_is_found_at_the_first_step(make_model, patches):
    ilr = patches.ilr.clone()
    ilr[:, :, 0, 0] = torch.nan
    broken = PatchSet(ilr, patches.hr, patches.scales)
    with pytest.raises(DivergedError, match=r"step 1 .*loss nan"):
        run(make_model(), broken, recipe())


def test_a_mean_loss_is_named_as_what_keeps_a_net_at_bicubic(make_model, patches):
    """What most public ports do; the paper's sum is 81 times larger at 9x9."""
    config = recipe(loss="mean", epochs=16, clipping="none", weight_decay=0.0)
    watch = Silent()
    watch.notes = []
    watch.note = watch.notes.append
    with pytest.warns(StuckAtBicubicWarning, match="81 times smaller") as caught:
        run(
            make_model(),
            patches,
            TrainingConfig.from_dict({**config.to_dict(), "learning_rate": 1e-3}),
            monitor=watch,
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__  # points at the caller, not into the library
    assert "use loss='sum'" in watch.notes[-1]


def test_a_rate_that_is_too_low_is_named(make_model, patches):
    config = recipe(epochs=16, learning_rate=1e-9, clipping="none")
    with pytest.warns(StuckAtBicubicWarning, match="learning rate 1e-09 is far below"):
        run(make_model(), patches, config)


def test_of_several_processes_the_first_alone_warns(make_model, patches, monkeypatch):
    second = Processes(torch.device("cpu"), rank=1, size=1)
    monkeypatch.setattr(trainer, "join_processes", lambda _: second)
    config = recipe(epochs=16, learning_rate=1e-9, clipping="none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(make_model(), patches, config).finished


def test_a_clip_that_is_too_tight_is_named(make_model, patches):
    config = recipe(epochs=16, theta=1e-9)
    with pytest.warns(StuckAtBicubicWarning, match="no longer than 1e-09"):
        run(make_model(), patches, config)


def test_psnr_at_the_baseline_is_called_stuck_and_above_it_is_not(
    make_model, patches, noise
):
    config = recipe(epochs=72)
    scores = {"validate": lambda _: {"psnr_x2": 33.68}}
    with pytest.warns(StuckAtBicubicWarning, match="after 504 steps.*network is dead"):
        run(make_model(), patches, config, baseline={"psnr_x2": 33.66}, **scores)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(make_model(), noise, recipe(epochs=40), baseline={"psnr_x2": 32}, **scores)


def test_a_network_that_learns_is_not_called_stuck(make_model, patches):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = run(make_model(), patches, recipe(epochs=16))
    assert history.epochs[-1]["step"] > 100


def test_too_few_patches_are_refused(make_model, patches):
    with pytest.raises(ValueError, match="batch_size must be between 1 and the 144"):
        run(make_model(), patches, recipe(batch_size=1000))


def test_nothing_is_resumed_without_a_folder(make_model, patches):
    with pytest.raises(ValueError, match="resume needs the run_dir"):
        train(make_model(), patches, TrainingConfig(epochs=1), resume=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_that_are_not_float32_are_refused(make_model, patches, dtype):
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(ValueError, match=rf"must be float32, got {kind}: .*float\(\)"):
        train(make_model().to(dtype), patches, TrainingConfig(epochs=1))


def test_a_network_that_changes_the_size_is_refused_in_a_sentence(patches):
    for network in (nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, patches.patch_size)):
        with pytest.raises(ValueError, match=r"estimate and hr must have one shape"):
            train(network, patches, TrainingConfig(epochs=1, batch_size=4))


class Several(nn.Conv2d):
    """A network with two outputs, as recursive ones have when they are trained."""

    def forward(self, ilr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(ilr), ilr


def test_a_network_of_several_outputs_is_refused_in_a_sentence(patches):
    with pytest.raises(TypeError, match=r"returns a tuple, one picture is wanted"):
        train(Several(1, 1, 3, padding=1), patches, TrainingConfig(batch_size=4))


def test_an_unknown_loss_is_refused():
    pair = torch.zeros(2, 2, 1, 4, 4)
    with pytest.raises(ValueError, match="loss must be one of sum, mean, got 'SUM'"):
        training_loss(*pair, batch_size=2, loss="SUM")


def test_the_progress_bar_shows_steps_loss_and_scores(make_model, patches, capsys):
    def stopped(_):
        raise KeyboardInterrupt

    bar = ProgressBar()
    run(
        make_model(),
        patches,
        recipe(),
        monitor=bar,
        validate=lambda _: {"psnr_x2": 33.456, "other": 1.0},
    )
    shown = capsys.readouterr()
    assert "float32: asked for" in shown.out + shown.err
    assert "28/28" in shown.err
    assert "epoch 4/4" in shown.err
    assert "psnr_x2=33.46" in shown.err
    assert "other" not in shown.err
    with pytest.raises(KeyboardInterrupt):  # before the end of an epoch
        run(make_model(), patches, recipe(max_steps=2), monitor=bar, validate=stopped)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "psnr" not in shown  # that was another network's


def test_the_bar_of_a_run_that_goes_on_moves_and_counts_its_own_steps(
    capsys, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    bar = ProgressBar()
    bar.start(TrainingConfig(epochs=2), 1000)
    for step in (601, 602, 603):
        now[0] += 10
        bar.step({"epoch": 2, "step": step, "loss": float(step)})
    assert "loss=603" in capsys.readouterr().err
    told = bar._bar.format_dict
    assert (told["n"], told["n"] - told["initial"], told["elapsed"]) == (603, 3, 30)
    bar._bar.close()


def test_a_monitor_is_called_as_often_as_it_wishes(
    make_model, patches, recorder, monkeypatch
):
    """A step takes ten seconds by this clock, and an epoch has seven of them."""
    watch, now = recorder(), itertools.count(1000.0, 10.0)
    watch.seconds_between_steps = 55
    clock = SimpleNamespace(monotonic=lambda: next(now), perf_counter=perf_counter)
    monkeypatch.setattr(ledger, "time", clock)
    run(make_model(), patches, recipe(), monitor=watch)
    told = [step["step"] for step in watch.steps]
    assert told == [1, 7, 13, 19, 25, 28]  # the last one in any case
    assert len(watch.epochs) == 4


class Rarely(Silent):
    """Wants hardly any step, and asks for a stop once so many steps are made."""

    seconds_between_steps = 1e9

    def __init__(self, stop_at: int) -> None:
        self.told: list[tuple[str, int]] = []
        self.asked, self.stop_at = 0, stop_at

    @property
    def stop_requested(self) -> bool:
        """Look before each step whether to stop."""
        self.asked += 1
        return self.asked > self.stop_at

    def start(self, config, total_steps):
        pass

    def step(self, record):
        self.told.append(("step", record["step"]))

    def epoch(self, record):
        self.told.append(("epoch", record["step"]))


@pytest.mark.parametrize(
    ("stop_at", "expected", "ends"),
    [
        (99, [("epoch", 7), ("step", 14), ("epoch", 14)], [7, 14]),
        (9, [("epoch", 7), ("step", 9)], [7, 9]),
        (7, [("epoch", 7), ("step", 7)], [7]),
        (0, [], []),
    ],
)
def test_the_last_step_is_told_at_the_end_and_at_a_stop(
    make_model, patches, stop_at, expected, ends
):
    watch = Rarely(stop_at)
    history = run(make_model(), patches, recipe(epochs=2), monitor=watch)
    assert watch.told == expected
    assert [row["step"] for row in history.epochs] == ends
    assert history.finished is (stop_at == 99)


def test_the_last_step_is_told_once_only(make_model, patches, recorder):
    watch = recorder()
    run(make_model(), patches, recipe(), monitor=watch)
    assert [step["step"] for step in watch.steps] == list(range(1, 29))
