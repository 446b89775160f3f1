"""Recorded steps under the rules of CUDA, on a machine without a GPU.

A graph knows memory, not Python: it replays the operations that were recorded, on the
tensors that they were recorded with. `TapeGraph` does just that on a CPU. A number
that Python worked out while recording is the same number in every replay, and a
tensor that is replaced instead of overwritten is never seen again. `OnOneDevice` runs
a step on torch's device ``meta``, whose tensors have no values that anybody could
look at, and refuses whatever lies elsewhere. The driver of torch.cuda itself is
played by `Driver`, which writes down what it is asked for.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vdsr_lib import devices
from vdsr_lib.devices import Precision, choose_precision
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent, TrainingConfig, loop, train
from vdsr_lib.training.capture import WARM_UP, CudaGraph
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.schedule import middles
from vdsr_lib.training.step import Step
from vdsr_lib.training.steps import DeviceSteps
from vdsr_lib.training.update import Numbers

CPU = torch.device("cpu")
BATCH, COUNT = 20, 9
PLAIN: dict[str, Any] = {"epochs": 2, "batch_size": BATCH}
RECIPES = {
    "paper": TrainingConfig.paper(**PLAIN),
    "modern": TrainingConfig.modern(**PLAIN, averaging=0.8),
    "SRCNN's": TrainingConfig.srcnn(**PLAIN, loss="mean"),
    "by value": TrainingConfig.paper(**PLAIN, clipping="value", theta=1e-3),
    "by norm": TrainingConfig.paper(**PLAIN, clipping="norm", theta=0.4),
}

ASKING = (  # the result's size or a value goes to the host
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "is_nonzero",
    "aten.equal.",
    "allclose",
    "repeat_interleave.Tensor",
    "bincount",
)


def tensors_in(*things: Any) -> list[torch.Tensor]:
    """Return the tensors of nested lists."""
    return [each for each in tree_leaves(things) if isinstance(each, torch.Tensor)]


def asks_the_device(function: Any, arguments: tuple[Any, ...]) -> bool:
    """Say whether an operation hands a value to the host."""
    name = str(function)
    if any(word in name for word in ASKING):
        return True
    masks = (torch.bool, torch.uint8)  # an index of these is nonzero() inside
    by_mask = name.startswith(("aten.index.", "aten.index_put"))
    return by_mask and any(each.dtype in masks for each in tensors_in(arguments[1]))


class NoHost(TorchDispatchMode):
    """Refuses every operation that hands a tensor's value to the host."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if asks_the_device(function, args):
            raise RuntimeError(f"{function} waits for the device")
        return function(*args, **(kwargs or {}))


class OnOneDevice(NoHost):
    """Refuses what leaves a device, too: a copy to it or from it, a tensor elsewhere.

    Parameters
    ----------
    device : str
        "meta": tensors without values, which no operation can look at either.
    """

    def __init__(self, device: str = "meta") -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = super().__torch_dispatch__(function, types, args, kwargs)
        for each in tensors_in(args, kwargs or {}, made):
            if each.device.type != self.device:
                raise RuntimeError(f"{function} has a tensor on {each.device}")
        return made


class Recorder(NoHost):
    """Notes every operation while it is done, with its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = super().__torch_dispatch__(function, types, args, kwargs)
        self.tape.append((function, args, kwargs or {}, made))
        return made


class TapeGraph:
    """A graph that replays operations, not Python.

    Attributes
    ----------
    replays : int
        How often it was replayed.
    tape : list
        The operations, once recorded.
    """

    def __init__(self) -> None:
        self.replays = 0
        self.tape: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def capture(self, work: Callable[[], object]) -> None:
        for _ in range(WARM_UP):
            work()
        with self.recording():
            work()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is done inside the context.

        It is done, too, where CUDA only records it: whoever records puts back what
        has changed, as after the warm-up.
        """
        with Recorder() as recorder:
            yield
        self.tape = recorder.tape

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        for function, args, kwargs, before in self.tape:
            for old, new in zip(
                tensors_in(before), tensors_in(function(*args, **kwargs)), strict=True
            ):
                if old.data_ptr() != new.data_ptr():  # not a view, not in place
                    old.copy_(new)


@pytest.fixture
def turning(patches: PatchSet) -> PatchSet:
    """The patches in all orientations: 57 batches of 20, of which some are used."""
    return PatchSet(patches.ilr, patches.hr, patches.scales, augment=True)


def make_step(
    model: nn.Module,
    patches: PatchSet,
    config: TrainingConfig,
    *,
    precision: str = "float32",
) -> Step:
    return Step(
        model,
        patches,
        config,
        processes=Processes(CPU),
        precision=choose_precision("cpu", precision),
    )


def epochs_of(
    patches: PatchSet, config: TrainingConfig
) -> list[tuple[torch.Tensor, list[float]]]:
    """Return order and rates of two short epochs."""
    generator = torch.Generator().manual_seed(3)
    return [
        (
            patches.order(generator)[: COUNT * BATCH].view(COUNT, BATCH),
            [config.learning_rate_at(epoch, part) for part in middles(COUNT)],
        )
        for epoch in (1, 2)
    ]


def from_tape(
    model: nn.Module, patches: PatchSet, config: TrainingConfig, **options: Any
) -> tuple[list[torch.Tensor], Step, TapeGraph]:
    """Train two epochs by replays of operations."""
    step, graph = make_step(model, patches, config, **options), TapeGraph()
    steps = DeviceSteps(
        step, device=CPU, per_epoch=COUNT, batch_size=BATCH, graph=graph
    )
    measured: list[torch.Tensor] = []
    for order, rates in epochs_of(patches, config):
        step.update.set_learning_rate(rates[0])
        steps.begin(order, rates, 0)
        for _ in range(COUNT):
            steps.make()
        measured += steps.take(wait=True)
    return measured, step, graph


def by_hand(
    model: nn.Module, patches: PatchSet, config: TrainingConfig, **options: Any
) -> tuple[list[torch.Tensor], Step]:
    """The same by a plain loop over `Step`."""
    step, measured = make_step(model, patches, config, **options), []
    for order, rates in epochs_of(patches, config):
        step.update.set_learning_rate(rates[0])
        for examples, rate in zip(order, rates, strict=True):
            numbers = Numbers(*torch.tensor(step.numbers(rate)).unbind())
            measured.append(step(examples, numbers))
            step.count()
    return measured, step


@pytest.mark.parametrize("name", RECIPES)
def test_replayed_operations_train_as_a_plain_loop_does(make_model, turning, name):
    """Bit for bit, across a drop of the rate: nothing that changes is left in Python.

    Neither the rate nor its place, Adam's corrections, the average's share, or a
    batch, is a number of the moment at which the step was recorded.
    """
    config = RECIPES[name]
    found, ours, graph = from_tape(make_model(), turning, config)
    known, theirs = by_hand(make_model(), turning, config)
    assert graph.replays == len(found) == len(known) == 2 * COUNT
    assert all(map(torch.equal, found, known))
    assert all(map(torch.equal, ours.tensors(), theirs.tensors()))


@pytest.mark.parametrize("name", ["paper", "modern"])
def test_in_bfloat16_the_weights_are_rounded_anew_in_each_replay(
    make_model, turning, name
):
    """Also inside a caller's autocast, which keeps what was rounded once."""
    config, options = RECIPES[name], {"precision": "bfloat16"}
    with torch.autocast("cpu", torch.bfloat16):
        found, ours, _ = from_tape(make_model(), turning, config, **options)
    known, theirs = by_hand(make_model(), turning, config, **options)
    assert all(map(torch.equal, found, known))
    assert all(map(torch.equal, ours.tensors(), theirs.tensors()))


def test_weights_that_were_rounded_while_recording_would_be_seen(
    make_model, turning, monkeypatch
):
    """The check above can fail: with autocast's own memory, replays learn nothing."""
    kept = Precision.autocast
    monkeypatch.setattr(Precision, "autocast", lambda self, **_: kept(self))
    config, options = RECIPES["paper"], {"precision": "bfloat16"}
    with torch.autocast("cpu", torch.bfloat16):
        found, _, _ = from_tape(make_model(), turning, config, **options)
    known, _ = by_hand(make_model(), turning, config, **options)
    assert not all(map(torch.equal, found, known))


def test_a_number_of_pythons_would_be_seen(make_model, turning, monkeypatch):
    """The tape can fail: a rate that is a float stays that of the recorded step."""
    real = Step.__call__

    def spoilt(self: Step, examples: torch.Tensor, numbers: Numbers) -> torch.Tensor:
        own = numbers._replace(rate=self.update.learning_rate)
        return real(self, examples, own)

    config = TrainingConfig.paper(**PLAIN, drop_every=1)
    known, _ = by_hand(make_model(), turning, config)
    monkeypatch.setattr(Step, "__call__", spoilt)
    found, _, _ = from_tape(make_model(), turning, config)
    same = list(map(torch.equal, found, known))
    assert same[0]
    assert not any(same[COUNT + 1 :])


def test_a_tensor_that_is_replaced_would_be_seen(make_model, turning, monkeypatch):
    """The tape can fail: new momenta are written where no replay looks for them."""
    real = Step.__call__

    def spoilt(self: Step, examples: torch.Tensor, numbers: Numbers) -> torch.Tensor:
        measured = real(self, examples, numbers)
        for group in self.update._groups:
            group.moments["momentum"] = group.moments["momentum"] * 1.0
        return measured

    known, _ = by_hand(make_model(), turning, RECIPES["paper"])
    monkeypatch.setattr(Step, "__call__", spoilt)
    found, _, _ = from_tape(make_model(), turning, RECIPES["paper"])
    assert not all(map(torch.equal, found, known))


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("a value", lambda one: one.sum().item()),
        ("a truth", lambda one: bool((one > 0).all())),
        ("a mask", lambda one: one[one > 0]),
        ("a masked write", lambda one: one.index_put_((one > 0,), torch.zeros(()))),
        ("where", lambda one: torch.where(one > 0)),
        ("unique", torch.unique),
    ],
)
def test_what_asks_the_device_is_refused(name, work):
    with NoHost(), pytest.raises(RuntimeError, match="waits for the device"):
        work(torch.ones(3))


@pytest.mark.parametrize(
    "work",
    [
        lambda one: one + torch.tensor(2.0),  # a number's tensor on the CPU
        lambda one: one.copy_(torch.zeros(3)),
        lambda one: one * torch.full((), 2.0),
        lambda one: one.to("cpu"),
    ],
)
def test_what_leaves_the_device_is_refused(work):
    with OnOneDevice(), pytest.raises(RuntimeError, match=r"tensor on cpu|copy out"):
        work(torch.ones(3, device="meta"))


@pytest.mark.parametrize("network", ["VDSR", "non-residual", "SRCNN"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_step_stays_on_its_device_and_asks_it_nothing(
    patches, name, network, monkeypatch
):
    """On a device without values; moments, averages and tables are made there too."""
    made = {
        "VDSR": lambda: VDSR(3, 8),
        "non-residual": lambda: VDSR(3, 8, residual=False),
        "SRCNN": lambda: SRCNN((5, 1, 3), (8, 4)),
    }
    model = made[network]().to("meta", memory_format=torch.channels_last)
    there = PatchSet(patches.ilr, patches.hr, patches.scales, augment=True).to("meta")
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _kind: False)  # has none
    step = make_step(model, there, RECIPES[name])
    steps = DeviceSteps(
        step, device=torch.device("meta"), per_epoch=COUNT, batch_size=BATCH
    )
    with OnOneDevice():
        steps._advance()
        steps._advance()


def test_a_run_goes_on_in_the_memory_that_it_began_in(
    make_model, turning, tmp_path, monkeypatch
):
    """Weights, moments and averages of a checkpoint are copied, not put in place."""
    places: list[list[int]] = []
    real = loop.Loop.restore

    def watched(self: loop.Loop, checkpoint: Any) -> None:
        places.append([each.data_ptr() for each in self.step.tensors()])
        real(self, checkpoint)
        places.append([each.data_ptr() for each in self.step.tensors()])

    monkeypatch.setattr(loop.Loop, "restore", watched)
    config = TrainingConfig.modern(epochs=2, batch_size=300, averaging=0.8)
    for epochs in (1, 2):
        monitor = Silent()
        if epochs == 1:
            monitor.epoch = lambda _row, m=monitor: setattr(m, "stop_requested", True)
        train(
            make_model(seed=epochs),
            turning,
            config,
            device="cpu",
            monitor=monitor,
            run_dir=tmp_path,
            resume=epochs == 2,
        )
    assert len(places) == 2
    assert places[0] == places[1]


class Driver:
    """torch.cuda, as far as recording asks for it; writes down what it is asked for.

    Parameters
    ----------
    fails : str
        "" or the moment at which something goes wrong.
    """

    def __init__(self, fails: str = "") -> None:
        self.said: list[str] = []
        self.now, self.fails = "the first", fails
        self.tape: TapeGraph | None = None

    def build(self, monkeypatch: pytest.MonkeyPatch) -> Driver:
        """Put itself in torch's place."""
        driver = self

        class Stream:
            def __init__(self, name: str = "") -> None:
                self.name = name or "a second"

            def wait_stream(self, other: Stream) -> None:
                driver.said.append(f"{self.name} waits for {other.name}")

        @contextmanager
        def stream(other: Stream) -> Iterator[None]:
            before, driver.now = driver.now, other.name
            try:
                yield
            finally:
                driver.now = before

        @contextmanager
        def graph(tape: TapeGraph, *, stream: Stream) -> Iterator[None]:
            """As torch's: a failure leaves its stream the current one."""
            driver.now = stream.name
            driver.said.append(f"record on {driver.now}")
            with tape.recording():
                yield
            if driver.fails == "at the end":
                raise RuntimeError("the recording was spoilt")
            driver.tape = tape

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "stream", stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: Stream(driver.now))
        monkeypatch.setattr(torch.cuda, "CUDAGraph", TapeGraph)
        monkeypatch.setattr(torch.cuda, "graph", graph)
        return self


def test_work_is_warmed_up_and_recorded_on_a_stream_of_its_own(monkeypatch):
    driver, total = Driver().build(monkeypatch), torch.zeros(2)
    assert gc.isenabled()

    def work() -> None:
        driver.said.append(f"work on {driver.now}, collector {gc.isenabled()}")
        total.add_(1)

    graph = CudaGraph()
    graph.capture(work)
    assert driver.said == [
        "a second waits for the first",
        *["work on a second, collector False"] * WARM_UP,
        "record on a second",
        "work on a second, collector False",
        "the first waits for a second",
    ]
    assert driver.now == "the first"
    assert gc.isenabled()
    graph.replay()
    assert driver.tape is not None
    assert driver.tape.replays == 1
    assert len(driver.said) == WARM_UP + 4  # a replay runs no Python
    assert total.tolist() == [WARM_UP + 2] * 2


def test_a_spoilt_recording_leaves_stream_collector_and_gradients(
    monkeypatch, make_model, turning
):
    """The host goes on, and trains as if nothing had been tried."""
    driver, config = Driver(fails="at the end").build(monkeypatch), RECIPES["paper"]
    real = Step.__call__

    def breaks(self: Step, *arguments: Any) -> torch.Tensor:
        if driver.said[-1:] == ["record on a second"]:
            driver.said.append("broken")
            for parameter in self._parameters.named.values():
                parameter.grad = torch.full_like(parameter, 7.0)
            return torch.zeros(3)
        return real(self, *arguments)

    monkeypatch.setattr(Step, "__call__", breaks)
    step = make_step(make_model(), turning, config)
    steps = DeviceSteps(
        step, device=CPU, per_epoch=COUNT, batch_size=BATCH, graph=CudaGraph()
    )
    order, rates = epochs_of(turning, config)[0]
    steps.begin(order, rates, 0)
    assert driver.said[-2:] == ["broken", "the first waits for a second"]
    assert driver.now == "the first"
    assert gc.isenabled()
    assert steps.manner == "steps not captured (the recording was spoilt)"
    for _ in range(COUNT):
        steps.make()
    monkeypatch.setattr(Step, "__call__", real)
    known, _ = by_hand(make_model(), turning, config)
    assert all(map(torch.equal, steps.take(wait=True), known[:COUNT]))


def test_the_first_of_two_errors_is_told(make_model, turning):
    class Broken:
        def capture(self, work: Callable[[], object]) -> None:
            try:
                raise RuntimeError("item() is not permitted\nlong story")
            finally:
                raise RuntimeError("the recording was spoilt")

    config = RECIPES["paper"]
    step = make_step(make_model(), turning, config)
    steps = DeviceSteps(
        step, device=CPU, per_epoch=COUNT, batch_size=BATCH, graph=Broken()
    )
    steps.begin(*epochs_of(turning, config)[0], 0)
    assert steps.manner == "steps not captured (item() is not permitted)"


def test_a_whole_run_on_the_driver_is_the_plain_one(
    monkeypatch, make_model, turning, equal_weights
):
    """`train` through CudaGraph: validated meanwhile, and not disturbed by that."""
    Driver().build(monkeypatch)

    def pretended(step, processes, **shape):
        return DeviceSteps(step, device=CPU, graph=CudaGraph(), **shape)

    config = TrainingConfig.modern(**PLAIN, averaging=0.8, validate_every=10)
    options = {
        "device": "cpu",
        "monitor": Silent(),
        "precision": "float32",
        "validate": lambda model: {"psnr": float(model(turning.ilr[:2]).mean())},
    }
    known, plain = make_model(), make_model()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "steps_for", tables := _from_tables)
        expected = train(plain, turning, config, **options)
    assert tables is _from_tables
    monkeypatch.setattr(loop, "steps_for", pretended)
    history = train(known, turning, config, **options)
    assert history.precision.endswith("; whole steps as a CUDA graph")
    assert history.validations == expected.validations
    assert equal_weights(known, plain)


def _from_tables(step, processes, **shape):
    """Steps from tables that the host starts."""
    return DeviceSteps(step, device=CPU, **shape)


def test_a_run_makes_its_device_the_current_one(make_model, patches, monkeypatch):
    """Or ``cuda:1`` would be recorded on, and waited for with, the first GPU's."""
    entered: list[Any] = []

    @contextmanager
    def current(device: torch.device) -> Iterator[None]:
        entered.append(device)
        yield
        entered.append("left")

    monkeypatch.setattr(torch.cuda, "device", current)
    second = torch.device("cuda:1")
    with devices.as_current(second), devices.as_current(CPU):
        assert entered == [second]
    assert entered == [second, "left"]
    from vdsr_lib.training import trainer

    monkeypatch.setattr(trainer, "as_current", current)
    config = TrainingConfig.paper(epochs=1, batch_size=BATCH)
    train(make_model(), patches, config, device="cpu", monitor=Silent())
    assert entered[2:] == [CPU, "left"]


@pytest.mark.parametrize(
    ("precision", "wanted"), [("float32", "ieee"), ("bfloat16", None)]
)
def test_float32_is_no_tf32_in_training(make_model, patches, precision, wanted):
    """A GPU's convolutions round to 10 bits by torch's default."""
    if not hasattr(torch.backends.cudnn, "conv"):
        pytest.skip("torch before 2.9 has another switch, tested with inference")
    switch, seen = torch.backends.cudnn.conv, []
    before = switch.fp32_precision
    train(
        make_model(),
        patches,
        TrainingConfig.paper(epochs=1, batch_size=BATCH),
        device="cpu",
        precision=precision,
        monitor=Silent(),
        on_epoch=lambda *_: seen.append(switch.fp32_precision),
    )
    assert seen == [wanted or before]
    assert switch.fp32_precision == before


@pytest.mark.parametrize(("apart", "saved"), [(0.0, [0, 7, 14, 21]), (1e9, [0, 21])])
def test_short_epochs_of_a_gpu_are_not_all_written_down(
    make_model, patches, tmp_path, monkeypatch, apart, saved
):
    """The beginning and the end are; on a CPU each epoch is, as `apart` 0 says."""
    steps: list[int] = []
    made, real = loop.Loop.__init__, loop.RunFolder.save

    def on_a_gpu(self: loop.Loop, *given: Any, **more: Any) -> None:
        made(self, *given, **more)
        assert self.seconds_between_epochs == 0.0
        self.seconds_between_epochs = apart

    def noted(self: loop.RunFolder, checkpoint: Any) -> None:
        steps.append(checkpoint.state["step"])
        real(self, checkpoint)

    monkeypatch.setattr(loop.Loop, "__init__", on_a_gpu)
    monkeypatch.setattr(loop.RunFolder, "save", noted)
    config = TrainingConfig.paper(epochs=3, batch_size=BATCH)
    train(
        make_model(), patches, config, device="cpu", monitor=Silent(), run_dir=tmp_path
    )
    assert steps == saved


def test_a_step_starts_few_operations(make_model, turning):
    """Each is a kernel on a GPU, and most take less than their start: 8 a layer.

    Two casts to bfloat16, the convolution, its ReLU; backward the ReLU, the
    convolution and two casts back. With the ends, the batch, the loss and the update
    they are 35 more. Only the one that brings the gradients together is told
    how many tensors the weights are in.
    """
    counts = []
    for depth in (3, 8):
        model = VDSR(depth, 8, generator=torch.Generator().manual_seed(1))
        model.to(memory_format=torch.channels_last)
        graph = from_tape(model, turning, RECIPES["paper"], precision="bfloat16")[2]
        counts.append(sum(map(starts_a_kernel, graph.tape)))
    assert counts[1] - counts[0] == 5 * 8
    assert counts[0] <= 3 * 8 + 35
    listed = [str(done[0]) for done in graph.tape if "_foreach" in str(done[0])]
    assert listed == ["aten._foreach_copy_.default"]


def starts_a_kernel(done: tuple[Any, tuple[Any, ...], dict[str, Any], Any]) -> bool:
    """Say whether a recorded operation made or changed values.

    A copy does not count: torch keeps a gradient that nobody else holds, as the tape
    does, instead of copying it.
    """
    function, args, _, made = done
    name = str(function)
    if any(word in name for word in ("empty", "aten.copy_.")):
        return False
    given = {each.data_ptr() for each in tensors_in(args)}
    fresh = [each for each in tensors_in(made) if each.data_ptr() not in given]
    return bool(fresh) or "_." in name
