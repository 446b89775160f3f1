"""Costs: operations held against torch's own counter, sizes against real pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vdsr_lib.datasets import load_images
from vdsr_lib.errors import DataError
from vdsr_lib.experiments import EXPERIMENTS, Material, Pictures, Run, tasks_of
from vdsr_lib.experiments.cost import Cost, picture_sizes, pixel_cost, run_cost
from vdsr_lib.experiments.rate import Rate, measure_rate
from vdsr_lib.models import build
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent, train

NETWORKS = [
    {"name": "VDSR", "depth": 3, "width": 8, "residual": True},
    {"name": "VDSR", "depth": 20, "width": 64, "residual": False},
    {"name": "SRCNN", "kernels": [9, 1, 5], "widths": [64, 32]},
    {"name": "SRCNN", "kernels": [9, 5, 5], "widths": [64, 32]},
]


@pytest.mark.parametrize("architecture", NETWORKS)
def test_operations_are_those_that_torch_counts(architecture):
    network = build(architecture)
    ilr = torch.rand(2, 1, 12, 10)
    with FlopCounterMode(display=False) as forward:
        network(ilr)
    with FlopCounterMode(display=False) as training:
        network(ilr).square().sum().backward()
    cost = pixel_cost(architecture)
    assert cost.forward * ilr.numel() == forward.get_total_flops()
    assert cost.training * ilr.numel() == training.get_total_flops()


def test_operations_of_the_papers_network():
    """664,704 weights (Kim et al. 2016), two operations each, thrice but the first."""
    cost = pixel_cost(NETWORKS[1])
    assert cost.forward == 2 * 664_704
    assert cost.training == 6 * 664_704 - 2 * 576
    assert pixel_cost(NETWORKS[2]).training / cost.training == pytest.approx(
        0.0095, 1e-2
    )


def test_counting_draws_nothing_from_the_callers_generator():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    pixel_cost({"name": "VDSR", "depth": 4, "width": 5, "residual": True})
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scales": (2, 3, 4), "stride": 5, "augment": True},
        {"scales": (1.5,), "patch_size": 48},
        {"scales": (3,), "patch_size": 54, "stride": 5},
    ],
)
def test_steps_are_those_that_training_makes(run: Run, material: Material, changes):
    """Held against the patches that are really cut, whatever the sizes of pictures."""
    config = replace(run.training, batch_size=1, max_steps=None)
    run = replace(run, **changes, training=config)
    try:
        patches = len(material.patches(run))
    except ValueError:  # no picture is large enough
        patches = 0
    assert run_cost(run).steps == 2 * patches


def test_a_run_is_the_sum_of_its_steps_and_measurements(run: Run):
    """8 steps of 4 patches of 12x12; 2 validations of 2 crops; 2 pictures tested."""
    pixel = pixel_cost(run.architecture)
    cost = run_cost(run)
    assert (cost.network, cost.steps) == ("VDSR", 8)
    assert cost.training == 8 * 4 * 12 * 12 * pixel.training
    tested = 2 * 48 * 56 + 2 * 48 * 54  # cropped to multiples of 2, and of 3
    # With 8 steps an epoch and a limit of 8, only one of the two epochs is begun.
    assert cost.measuring == pytest.approx(
        (_validations(run) * 2 * 32 * 32 + tested) * pixel.forward
    )
    often = replace(run, training=replace(run.training, validate_every=3))
    more = run_cost(often).measuring - run_cost(run).measuring
    assert more == (4 - _validations(run)) * 2 * 32 * 32 * pixel.forward
    large = replace(run.training, batch_size=len(_patches(run)), max_steps=None)
    once = replace(run, training=large)  # one step an epoch, and two epochs
    untested = run_cost(once).measuring - tested * pixel.forward
    assert untested == pytest.approx(_validations(once) * 2 * 32 * 32 * pixel.forward)
    fewer = replace(run, validate=replace(run.validate, count=1))
    less = run_cost(run).measuring - run_cost(fewer).measuring
    assert less == _validations(run) * 32 * 32 * pixel.forward
    images = Material(torch.device("cpu")).measured(fewer.validate)
    assert len(images) == 1  # and that is what is measured


def _patches(run: Run) -> PatchSet:
    return Material(torch.device("cpu")).patches(run)


def _validations(run: Run) -> int:
    """How often `train` validates, counted while it does, with that of step 0."""
    calls = []
    train(
        build(run.architecture),
        _patches(run),
        run.training,
        validate=lambda model: calls.append(1) or {},
        monitor=Silent(),
        device="cpu",
    )
    return len(calls) + 1


def test_a_picture_that_is_smaller_than_a_scale_costs_nothing_at_it(run: Run):
    cost = run_cost(run, lambda _: [(2, 5)])  # cropped to 2 x 4 at x2
    assert cost.steps == 0
    assert cost.measuring == 2 * (2 * 4) * pixel_cost(run.architecture).forward
    cost = run_cost(run, lambda _: [(3, 3)])  # 2 x 2 at x2, twice, and 3 x 3 at x3
    assert cost.measuring == (4 + 4 + 9) * pixel_cost(run.architecture).forward


def test_an_unknown_test_set_is_named_and_left_out(run: Run, tmp_path: Path):
    absent = str(tmp_path / "nowhere")
    cost = run_cost(replace(run, test=(*run.test, Pictures(absent))))
    assert cost == replace(run_cost(run), uncounted=(absent,))
    with pytest.raises(DataError, match="nowhere"):
        run_cost(replace(run, train_on=(absent,)))


def test_every_experiment_of_the_paper_has_a_cost_without_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path))
    costs = {
        name: [run_cost(run) for run in each.runs("paper")]
        for name, each in EXPERIMENTS.items()
    }
    assert picture_sizes("T91") == picture_sizes("t91")
    both = [*picture_sizes("t91"), *picture_sizes("bsd200")]
    assert list(picture_sizes("291")) == both
    assert costs["table2"][-1].steps == 9_920  # 80 epochs of 124 steps
    assert not any(cost.uncounted for each in costs.values() for cost in each)
    assert all(cost.operations > 1e12 for each in costs.values() for cost in each)


@pytest.mark.datasets
@pytest.mark.parametrize(
    "dataset",
    ["t91", "bsd200", "291", "set5", "set14", "b100", "bsd500-test", "urban100"],
)
def test_shipped_sizes_are_those_of_the_pictures(dataset: str, real_data: Path):
    if dataset == "urban100" and not (real_data / dataset).is_dir():
        pytest.skip("Urban100 is not here")
    pictures = load_images(dataset, data_dir=real_data).values()
    assert list(picture_sizes(dataset)) == [image.shape[:2] for image in pictures]


def test_a_rate_is_measured_once_and_is_that_of_training(one_thread):
    """Held against a matrix product: no step is faster, and none 1,000 times slower."""
    import time

    rate = measure_rate("cpu", precision="float32")
    assert measure_rate("cpu", precision="float32") is rate
    square = torch.rand(1024, 1024)
    times = []
    for _ in range(8):
        start = time.process_time()  # of other processes nothing
        square @ square
        times.append(time.process_time() - start)
    fastest = 2 * 1024**3 / min(times)
    assert fastest / 1000 < rate.training < 2 * fastest
    assert fastest / 1000 < rate.measuring < 2 * fastest
    assert str(rate).endswith("GFLOP/s (float32: asked for)")
    for name in ("EDSR", "SRCNN", "SRCNN 9-", "VDSR 20"):
        with pytest.raises(ValueError, match=f"as in 'SRCNN 9-1-5', got '{name}'"):
            measure_rate("cpu", name)


def test_each_shape_of_srcnn_has_a_rate_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """9-5-5 makes four times as many operations a second as 9-1-5."""
    from vdsr_lib.experiments import rate

    built: list[dict[str, Any]] = []
    monkeypatch.setattr(rate, "_measured", rate._measured.__wrapped__)  # not cached
    monkeypatch.setattr(rate, "_step_seconds", lambda *_: 0.5)
    monkeypatch.setattr(rate, "_picture_seconds", lambda *_: 0.25)
    monkeypatch.setattr(rate, "build", lambda a, **o: built.append(a) or build(a, **o))
    before = torch.get_rng_state()
    for run in EXPERIMENTS["srcnn"].runs("quick"):
        found = measure_rate("cpu", run_cost(run).network, precision="float32")
        pixel = pixel_cost(run.architecture)
        assert found.training == 64 * 33**2 * pixel.training / 0.5  # of 64 patches
        assert found.measuring == rate._PICTURE**2 * pixel.forward / 0.25
        assert built[-1]["kernels"] == run.architecture["kernels"]
        assert built[-1]["widths"] == run.architecture["widths"]
    depth10 = {"name": "VDSR", "depth": 10, "width": 64, "residual": True}
    found = measure_rate("cpu", precision="float32")
    assert found.training == 64 * 21**2 * pixel_cost(depth10).training / 0.5
    assert built[-1] == depth10
    assert torch.equal(torch.get_rng_state(), before)  # the caller's draws stay


@pytest.mark.parametrize(
    ("sides", "widths"), [("9-5", [64]), ("9-3-3-5", [64, 32, 32])]
)
def test_an_srcnn_of_any_length_is_measured_with_the_papers_widths(sides, widths):
    from vdsr_lib.experiments import rate

    architecture, _ = rate._measured_network(f"SRCNN {sides}")
    assert architecture["widths"] == widths
    assert pixel_cost(architecture).forward > 0  # there is such a network


def test_a_rate_is_told_in_a_unit_for_people():
    told = Rate(training=1.2344e12, measuring=1e9, precision="bfloat16")
    assert str(told) == "1,234 GFLOP/s (bfloat16)"
    assert Rate(10e9, 1.0, "").speed == "10 GFLOP/s"
    assert Rate(9.94e9, 1.0, "").speed == "9.9 GFLOP/s"


def test_a_gpus_steps_are_timed_as_it_tells_of_them(monkeypatch: pytest.MonkeyPatch):
    """In bursts of 16, 48 steps late: two steps of a burst are no step apart."""
    from vdsr_lib.experiments import rate

    now = [0.0]
    monkeypatch.setattr(rate.time, "perf_counter", lambda: now[0])

    def told_in_bursts(together: int) -> rate._Stopwatch:
        watch = rate._Stopwatch(together)
        for step in range(4096):
            if step % 16 == 0:
                now[0] += 16 * 2e-3  # 2 ms a step
            now[0] += 1e-6
            watch.step({"step": step})
            if watch.stop_requested:
                break
        return watch

    assert told_in_bursts(rate._BURST).seconds() == pytest.approx(2e-3, rel=0.01)
    assert told_in_bursts(1).seconds() < 1e-5  # what is to be avoided
    slow = rate._Stopwatch(rate._BURST)
    for step in range(400):
        now[0] += 0.05
        slow.step({"step": step})
        if slow.stop_requested:
            break
    assert step == 2 * rate._BURST  # long over the time, but none too few
    assert slow.seconds() == pytest.approx(0.05)


def test_the_fastest_step_counts(monkeypatch: pytest.MonkeyPatch):
    from vdsr_lib.experiments import rate

    moments = iter([5.0, 5.3, 5.4, 5.7, 5.9])
    monkeypatch.setattr(rate.time, "perf_counter", lambda: next(moments))
    watch, stops = rate._Stopwatch(1), []
    for step in range(5):
        watch.step({"step": step})
        stops.append(watch.stop_requested)
    assert stops == [False] * 4 + [True]  # after 0.8 seconds
    assert watch.seconds() == pytest.approx(0.1)


def test_every_step_is_timed(run: Run):
    """A monitor that is told of a step now and then would take several for one."""
    from vdsr_lib.experiments import rate

    watch = rate._Stopwatch(1)
    train(build(run.architecture), _patches(run), run.training, monitor=watch)
    assert len(watch.ends) == 8


def test_using_a_network_is_timed_in_float32_but_for_the_first_time(monkeypatch):
    from vdsr_lib.experiments import rate

    asked: list[tuple[torch.Size, str]] = []
    moments = iter([0.0, 5.0, 5.0, 5.1, 6.0, 6.05, 7.0, 7.2, 8.0, 8.01])
    monkeypatch.setattr(rate.time, "perf_counter", lambda: next(moments))

    def used(_, picture: torch.Tensor, *, precision: str) -> torch.Tensor:
        asked.append((picture.shape, precision))
        return picture

    monkeypatch.setattr(rate, "super_resolve", used)
    seconds = rate._picture_seconds(torch.nn.Identity(), torch.device("cpu"))
    assert seconds == pytest.approx(0.05)
    assert asked == [((1, 1, 160, 160), "float32")] * 4  # 0.35 seconds, and the first


def test_seconds_are_operations_over_the_rate(monkeypatch: pytest.MonkeyPatch):
    from vdsr_lib.experiments import cost

    asked = []

    def pretended(*arguments: object) -> Rate:
        asked.append(arguments)
        return Rate(training=4e9, measuring=1e9, precision="float32: asked for")

    monkeypatch.setattr(cost, "measure_rate", pretended)
    one = Cost("SRCNN 9-5-5", 10, training=8e9, measuring=3e9)
    assert one.seconds("cpu") == pytest.approx(2 + 3)
    assert one.operations == 11e9
    one.seconds()
    assert asked == [("cpu", "SRCNN 9-5-5"), ("auto", "SRCNN 9-5-5")]


def test_ctrl_c_while_measuring_is_not_swallowed(monkeypatch: pytest.MonkeyPatch):
    from vdsr_lib.experiments import rate
    from vdsr_lib.training import History

    trained: list[dict[str, Any]] = []

    def stopped(model, patches, config, **options: Any) -> History:
        trained.append({"side": patches.hr.shape[-1], "config": config, **options})
        return History()

    monkeypatch.setattr(rate, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure_rate("cpu", "SRCNN 9-1-5", precision="float32")
    (asked,) = trained
    assert (asked["side"], asked["config"].batch_size) == (33, 64)
    assert (asked["device"], asked["precision"]) == (torch.device("cpu"), "float32")
    assert asked["monitor"]._together == 1  # a CPU's steps are told one by one


def test_picture_sizes_of_a_folder_are_read(pictures: Path):
    assert list(picture_sizes(str(pictures))) == [(48, 56), (48, 56)]
    assert np.shape(picture_sizes("embedded-test"))[1] == 2


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_a_class_waits_for_minutes(experiment):
    """At 0.5 TFLOP/s, one core with AMX, 5e14 operations take 17 minutes."""
    costs = [run_cost(run) for run in experiment.runs("classroom")]
    assert sum(cost.training + cost.measuring for cost in costs) < 5.5e14


def test_the_page_about_full_scale_counts_what_is_declared(root: Path):
    """Its table is written by hand: runs that no row above has, steps, operations."""
    page = (root / "docs" / "full_scale.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines()]
    table = [line for line in lines if len(line) == 5 and line[1].isdigit()]
    assert [line[0] for line in table][-1] == "all"
    names: list[str] = []
    for first, *shown in table:
        above = {task.key for task in tasks_of(names)}
        names += re.findall(r"`(.+?)`", first)
        runs = [task.run for task in tasks_of(names)]
        if first != "all":
            runs = [run for run in runs if run.key() not in above]
        costs = [run_cost(run) for run in runs]
        flops = sum(cost.training + cost.measuring for cost in costs)
        power = re.sub(r"e\+0?", "e", f"{flops:.1e}")
        steps = f"{sum(cost.steps for cost in costs):,}"
        assert shown[:3] == [str(len(runs)), steps, power], first
    assert len(runs) == len(tasks_of())
    assert f"are {len(runs)} different training runs" in page.replace("\n", " ")
