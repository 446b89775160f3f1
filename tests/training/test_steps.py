"""Steps from tables on the device, recorded once and replayed: the bits of plain steps.

No CUDA graph runs on a CPU. A graph of our own stands for it, with the same contract:
it runs the work a few times, keeps it without running it, and replays it. What CUDA
demands of recorded work is checked too: no number goes to the host, and all memory
stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from vdsr_lib.devices import choose_precision
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import DivergedError, Silent, TrainingConfig, loop, train
from vdsr_lib.training.capture import WARM_UP, CudaGraph, graph_for, put_back
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.schedule import middles
from vdsr_lib.training.step import Step
from vdsr_lib.training.steps import DeviceSteps, HostSteps, steps_for
from vdsr_lib.training.update import Numbers

CPU = torch.device("cpu")
RECIPES = {
    "paper": TrainingConfig.paper(epochs=2, batch_size=20),
    "modern": TrainingConfig.modern(epochs=2, batch_size=20, averaging=0.8),
    "own rate in the last layer": TrainingConfig.paper(
        epochs=2, batch_size=20, last_layer_rate=0.1
    ),
    "by norm": TrainingConfig.paper(
        epochs=2, batch_size=20, clipping="norm", theta=0.4
    ),
}


class NoHost(TorchDispatchMode):
    """Refuses every operation that hands a tensor's value to the host."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        asked = str(function)
        if "_local_scalar_dense" in asked or "nonzero" in asked:
            raise RuntimeError(f"{asked} waits for the device")
        return function(*args, **(kwargs or {}))


class EagerGraph:
    """A graph that replays by running the work again."""

    def __init__(self) -> None:
        self.replays = 0

    def capture(self, work: Callable[[], object]) -> None:
        with NoHost():
            for _ in range(WARM_UP):
                work()
        self._work = work

    def replay(self) -> None:
        self.replays += 1
        with NoHost():
            self._work()


class UnwillingGraph(EagerGraph):
    """A graph that cannot record what it is given."""

    def capture(self, work: Callable[[], object]) -> None:
        super().capture(work)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


@pytest.fixture
def turning(patches: PatchSet) -> PatchSet:
    """The patches in all orientations: 57 batches of 20, of which some are used."""
    return PatchSet(patches.ilr, patches.hr, patches.scales, augment=True)


def make_step(model: nn.Module, patches: PatchSet, config: TrainingConfig) -> Step:
    return Step(
        model,
        patches,
        config,
        processes=Processes(CPU),
        precision=choose_precision("cpu", "float32"),
    )


def epochs_of(
    patches: PatchSet, config: TrainingConfig, count: int
) -> list[tuple[torch.Tensor, list[float]]]:
    """Return order and rates of two epochs of `count` steps."""
    generator = torch.Generator().manual_seed(3)
    return [
        (
            patches.order(generator)[: count * 20].view(count, 20),
            [config.learning_rate_at(epoch, passed) for passed in middles(count)],
        )
        for epoch in (1, 2)
    ]


def replayed(
    model, patches, config, *, count: int, graph=None, done: int = 0
) -> tuple[list[torch.Tensor], Step]:
    """Train two epochs through the tables; return what was measured, and the step."""
    step = make_step(model, patches, config)
    steps = DeviceSteps(step, device=CPU, per_epoch=count, batch_size=20, graph=graph)
    measured: list[torch.Tensor] = []
    for order, rates in epochs_of(patches, config, count):
        step.update.set_learning_rate(rates[0])
        steps.begin(order, rates, done)
        for _ in range(count - done):
            steps.make()
            measured += steps.take()
        measured += steps.take(wait=True)
    return measured, step


def by_hand(
    model, patches, config, *, count: int, on_device: bool
) -> tuple[list[torch.Tensor], Step]:
    """The same by a plain loop over `Step`, with its numbers as tensors or floats."""
    step, measured = make_step(model, patches, config), []
    for order, rates in epochs_of(patches, config, count):
        step.update.set_learning_rate(rates[0])
        for examples, rate in zip(order, rates, strict=True):
            numbers = step.numbers(rate)
            if on_device:
                numbers = Numbers(*torch.tensor(numbers).unbind())
            measured.append(step(examples, numbers))
            step.count()
    return measured, step


def everything(step: Step) -> list[torch.Tensor]:
    """Weights, moments and averages."""
    return step.tensors()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("recorded", [True, False])
def test_replayed_steps_are_the_plain_ones_bit_for_bit(
    make_model, turning, name, recorded
):
    """Across an epoch's end, a drop of the rate, and more steps than one look."""
    config, graph = RECIPES[name], EagerGraph() if recorded else None
    found, ours = replayed(make_model(), turning, config, count=21, graph=graph)
    known, theirs = by_hand(make_model(), turning, config, count=21, on_device=True)
    assert len(found) == len(known) == 42
    assert all(map(torch.equal, found, known))
    assert len(everything(ours)) == len(everything(theirs))
    assert all(map(torch.equal, everything(ours), everything(theirs)))
    if graph is not None:
        assert graph.replays == 42


@pytest.mark.parametrize("name", RECIPES)
def test_numbers_in_tensors_mean_what_floats_mean(make_model, turning, name):
    """To float32 rounding, which is all that tells the two ways apart."""
    config = RECIPES[name]
    found, ours = replayed(make_model(), turning, config, count=3)
    known, theirs = by_hand(make_model(), turning, config, count=3, on_device=False)
    torch.testing.assert_close(
        torch.stack(found), torch.stack(known), rtol=1e-4, atol=1e-5
    )
    for one, other in zip(everything(ours), everything(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_recording_leaves_no_trace(make_model, turning):
    """The warm-up makes real steps, even beyond the epoch, and takes them back."""
    model = make_model()
    step = make_step(model, turning, RECIPES["modern"])
    steps = DeviceSteps(
        step, device=CPU, per_epoch=5, batch_size=20, graph=EagerGraph()
    )
    before = [tensor.clone() for tensor in everything(step)]
    where = [tensor.data_ptr() for tensor in everything(step)]
    order, rates = epochs_of(turning, RECIPES["modern"], 5)[0]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    steps.begin(order, rates, 4)
    assert torch.equal(torch.rand(3), expected)
    assert all(map(torch.equal, everything(step), before))
    assert steps.take(wait=True) == []
    steps.make()
    assert len(steps.take(wait=True)) == 1
    assert not all(map(torch.equal, everything(step), before))
    assert [tensor.data_ptr() for tensor in everything(step)] == where


def test_an_epoch_goes_on_where_it_was_left(make_model, turning):
    """With 3 of 5 steps done, the fourth and fifth batches come."""
    config = RECIPES["paper"]
    order, rates = epochs_of(turning, config, 5)[0]
    found, ours = [], make_step(make_model(), turning, config)
    steps = DeviceSteps(ours, device=CPU, per_epoch=5, batch_size=20)
    steps.begin(order, rates, 3)
    for _ in range(2):
        steps.make()
    found = steps.take(wait=True)
    theirs = make_step(make_model(), turning, config)
    for examples, rate, measured in zip(order[3:], rates[3:], found, strict=True):
        numbers = Numbers(*torch.tensor(theirs.numbers(rate)).unbind())
        assert torch.equal(theirs(examples, numbers), measured)
        theirs.count()


def test_the_host_runs_ahead_by_48_steps_at_most(make_model, turning):
    config = RECIPES["paper"]
    order = torch.arange(50 * 20).view(50, 20) % len(turning)
    step = make_step(make_model(), turning, config)
    steps = DeviceSteps(step, device=CPU, per_epoch=50, batch_size=20)
    steps.begin(order, [0.1] * 50, 0)
    known, behind = 0, []
    for made in range(1, 51):
        steps.make()
        known += len(steps.take())
        behind.append(made - known)
    assert max(behind) == 47
    assert known + len(steps.take(wait=True)) == 50
    assert steps.take(wait=True) == []


def test_work_that_cannot_be_recorded_is_started_by_the_host(make_model, turning):
    config, graph = RECIPES["paper"], UnwillingGraph()
    step = make_step(make_model(), turning, config)
    steps = DeviceSteps(step, device=CPU, per_epoch=21, batch_size=20, graph=graph)
    assert steps.manner == "whole steps as a CUDA graph"
    found, _ = replayed(make_model(), turning, config, count=21, graph=graph)
    known, _ = by_hand(make_model(), turning, config, count=21, on_device=True)
    assert graph.replays == 0
    assert all(map(torch.equal, found, known))
    order, rates = epochs_of(turning, config, 21)[0]
    steps.begin(order, rates, 0)
    assert steps.manner == (
        "steps not captured (operation not permitted when stream is capturing)"
    )


def test_a_wait_for_the_device_would_be_seen():
    """The check above can fail."""
    with NoHost(), pytest.raises(RuntimeError, match="waits for the device"):
        torch.ones(()).item()


def test_tensors_are_put_back_after_a_failure_too():
    one = torch.ones(3)
    with pytest.raises(TypeError), put_back([one]):
        one.add_(1).add_("no number")
    assert torch.equal(one, torch.ones(3))


def test_who_gets_which_kind(make_model, patches):
    step = make_step(make_model(), patches, RECIPES["paper"])
    shape = {"per_epoch": 7, "batch_size": 20}
    assert isinstance(steps_for(step, Processes(CPU), **shape), HostSteps)
    assert graph_for(Processes(CPU)) is None
    gpu = torch.device("cuda")
    assert isinstance(graph_for(Processes(gpu)), CudaGraph)
    assert graph_for(Processes(gpu, rank=1, size=2)) is None


@pytest.fixture
def as_on_a_gpu(monkeypatch) -> list[EagerGraph]:
    """Let `train` work from tables with a graph, as it does on a GPU."""
    graphs: list[EagerGraph] = []

    def pretended(step, processes, **shape):
        graphs.append(EagerGraph())
        return DeviceSteps(step, device=processes.device, graph=graphs[-1], **shape)

    monkeypatch.setattr(loop, "steps_for", pretended)
    return graphs


def run(model, patches, config, **options):
    given = {"monitor": Silent(), "device": "cpu", "precision": "float32"}
    return train(model, patches, config, **{**given, **options})


@pytest.mark.parametrize(
    ("name", "stop"), [("paper", 3), ("paper", 57), ("modern", 50), ("modern", 80)]
)
def test_a_whole_run_from_tables_stops_and_resumes_to_the_same_bits(
    make_model, turning, recorder, equal_weights, tmp_path, as_on_a_gpu, name, stop
):
    config = TrainingConfig.from_dict({**RECIPES[name].to_dict(), "validate_every": 30})
    scores = {"validate": lambda m: {"psnr": float(m(turning.ilr[:2]).mean())}}
    whole, resumed = make_model(), make_model(seed=99)
    expected = run(whole, turning, config, **scores)
    watch = recorder(stop_at=stop)
    broken = run(
        make_model(), turning, config, monitor=watch, run_dir=tmp_path, **scores
    )
    assert not broken.finished
    assert stop <= broken.epochs[-1]["step"] <= stop + 48
    history = run(resumed, turning, config, run_dir=tmp_path, resume=True, **scores)
    assert equal_weights(whole, resumed)
    assert history.validations == expected.validations
    assert [row["step"] for row in history.validations] == [30, 60, 90, 114]
    assert len(as_on_a_gpu) == 3
    for row in (*history.epochs, *expected.epochs):
        del row["seconds"]
    assert history == expected
    assert history.precision == "float32: asked for; whole steps as a CUDA graph"


def test_every_step_is_told_once_and_in_order(
    make_model, turning, recorder, as_on_a_gpu
):
    watch = recorder()
    run(make_model(), turning, RECIPES["paper"], monitor=watch)
    assert as_on_a_gpu
    assert [row["step"] for row in watch.steps] == list(range(1, 115))
    assert {row["learning_rate"] for row in watch.steps[:57]} == {0.1}
    assert watch.notes == ["float32: asked for", "whole steps as a CUDA graph"]


def test_a_divergence_is_found_at_its_own_step(make_model, turning, as_on_a_gpu):
    """Though the host reads of it some steps later."""
    config = TrainingConfig.paper(
        epochs=2, batch_size=20, clipping="none", learning_rate=10.0
    )
    failed_at = []
    for kind in (loop.steps_for, steps_for):  # the pretended one, and the CPU's own
        loop.steps_for = kind
        with pytest.raises(DivergedError) as caught:
            run(make_model(residual=False), turning, config)
        failed_at.append(caught.value.history.epochs[-1]["step"])
    assert failed_at[0] == failed_at[1] < 48
    assert len(as_on_a_gpu) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("name", RECIPES)
def test_a_captured_step_trains_as_the_cpu_does(make_model, turning, recorder, name):
    """Step by step at first; later steps blow the differences of rounding up.

    Two orders of summation on one CPU part by 4e-3 in the gradient's norm at the
    second epoch, and by 5e-4 in a weight ("by norm").
    """
    there, here = make_model(), make_model()
    watches = recorder(), recorder()
    history = run(there, turning, RECIPES[name], device="cuda", monitor=watches[0])
    assert history.precision.endswith("; whole steps as a CUDA graph")
    known = run(here, turning, RECIPES[name], monitor=watches[1])
    keys = ("loss", "gradient_norm", "clipped_share")
    for row, other in zip(watches[0].steps[:5], watches[1].steps[:5], strict=True):
        for key in keys:
            assert row[key] == pytest.approx(other[key], rel=1e-3, abs=2e-3)
    for row, other in zip(history.epochs, known.epochs, strict=True):
        for key, rel in zip(keys, (1e-3, 3e-2, 3e-2), strict=True):
            assert row[key] == pytest.approx(other[key], rel=rel, abs=5e-3)
    for one, other in zip(there.parameters(), here.parameters(), strict=True):
        torch.testing.assert_close(one.detach().cpu(), other, rtol=1e-2, atol=5e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("width", [1, 3, 4, 8, 12, 24])
def test_every_width_is_captured_in_bfloat16(turning, width):
    """In the one row, weights of such widths begin at any even address."""
    losses = []
    for precision in ("bfloat16", "float32"):
        model = VDSR(4, width, generator=torch.Generator().manual_seed(1))
        options = {"device": "cuda", "precision": precision}
        history = run(model, turning, RECIPES["modern"], **options)
        assert history.precision.endswith("; whole steps as a CUDA graph")
        losses.append([row["loss"] for row in history.epochs])
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)


@pytest.mark.gpu
def test_no_captured_step_waits_for_the_gpu(make_model, turning):
    gpu, config = torch.device("cuda"), RECIPES["modern"]
    model, there = make_model().to(gpu), turning.to(gpu)
    step = Step(
        model,
        there,
        config,
        processes=Processes(gpu),
        precision=choose_precision(gpu),
    )
    steps = DeviceSteps(
        step, device=gpu, per_epoch=21, batch_size=20, graph=CudaGraph()
    )
    order, rates = epochs_of(there, config, 21)[0]
    steps.begin(order, rates, 0)
    torch.cuda.set_sync_debug_mode("error")  # a wait for the GPU would raise
    try:
        for _ in range(20):  # with a look at what was measured
            steps.make()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.stack(steps.take(wait=True)).isfinite().all()


@pytest.mark.gpu
def test_a_captured_run_resumes_on_a_gpu(make_model, turning, recorder, tmp_path):
    config = RECIPES["modern"]
    expected = run(make_model(), turning, config, device="cuda")
    watch = recorder(stop_at=40)
    options = {"run_dir": tmp_path, "device": "cuda"}
    run(make_model(), turning, config, monitor=watch, **options)
    history = run(make_model(seed=99), turning, config, resume=True, **options)
    losses = [[row["loss"] for row in h.epochs] for h in (history, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
