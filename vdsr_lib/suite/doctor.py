"""A minute's examination of a device: does everything work there.

What differs from machine to machine is the arithmetic, the recording of whole training
steps on a GPU, going on after an interruption, and where results are kept. Each is
tried at a tiny size, against the CPU or against itself, before hours depend on it.
"""

from __future__ import annotations

import gc
import math
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vdsr_lib.devices import describe_machine, resolve_device
from vdsr_lib.inference import evaluation_precision, super_resolve
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import History, Silent, TrainingConfig, train
from vdsr_lib.training.history import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Finding", "examine"]

_CORE = (
    *("numpy", "scipy", "skimage", "PIL", "pandas", "safetensors"),
    *("tqdm", "typer", "lazy_loader", "filelock"),
)
_MORE = {
    "pooch": "downloads",
    "matplotlib": "figures",
    "IPython": "lessons",
    "ipywidgets": "lessons",
    "papermill": "reproduce",
    "distributed": "the cluster",
}
_BATCH, _STEPS, _STOP = 16, 150, 20
_CLOSE = 1e-3  # of a loss, in the first steps: float32 on two devices
_ALIKE = 0.05  # of a loss, at the end: bfloat16 against float32, or another order
_ROUNDED = 0.1  # of the largest residual: bfloat16 in a deep network of large weights


@dataclass(frozen=True)
class Finding:
    """The answer to one question.

    Parameters
    ----------
    name : str
        What was tried.
    is_well : bool
        Whether it did what it should.
    text : str
        What was seen, or what went wrong.
    seconds : float
        How long it took.
    trace : str
        Where it went wrong, line by line; empty if it did not.
    """

    name: str
    is_well: bool
    text: str
    seconds: float
    trace: str = ""


def examine(device: str | torch.device = "auto") -> Iterator[Finding]:
    """Try everything that depends on the device, one thing after another.

    Parameters
    ----------
    device : str or torch.device
        As for `vdsr_lib.devices.resolve_device`.

    Yields
    ------
    Finding
        As soon as it is known. A failure ends nothing: the next question follows.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    patient = _Patient(resolve_device(device))
    for name, question in _QUESTIONS.items():
        start = time.perf_counter()
        try:
            text, trace = question(patient), ""
        except Exception as error:  # whatever it is, it is the finding
            trace = traceback.format_exc()
            text = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Finding(name, not trace, text, time.perf_counter() - start, trace)


class _Losses(Silent):
    """Notes every step's loss, and may ask for a stop."""

    seconds_between_steps = 0.0

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.values: list[float] = []
        self._stop_at = stop_at

    def step(self, record: Row) -> None:
        """Note the loss."""
        self.values.append(record["loss"])
        self.stop_requested |= record["step"] == self._stop_at  # told in bursts


@dataclass
class _Patient:
    """A device, and what the questions share."""

    device: torch.device
    found: dict[str, list[float]] = field(default_factory=dict)

    @cached_property
    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Return small parts of the pictures that come with scikit-image."""
        from vdsr_lib.datasets import load_images

        images = load_images("embedded-test")
        return {name: image[80:176, 80:192] for name, image in images.items()}

    @cached_property
    def patches(self) -> PatchSet:
        """Return a few hundred examples: short epochs, patches in all orientations."""
        return PatchSet.from_images(
            self.pictures,
            (2,),
            patch_size=17,
            stride=34,
            augment=True,
            device=self.device,
        )

    def network(self) -> VDSR:
        """Return the same small network each time."""
        return VDSR(5, 16, generator=torch.Generator().manual_seed(1))

    def train(
        self, watch: _Losses, *, on: str | torch.device | None = None, **options: Any
    ) -> tuple[History, VDSR]:
        """Train the small network for some steps."""
        device = self.device if on is None else on
        network = self.network()
        recipe = TrainingConfig.modern(
            epochs=8, batch_size=_BATCH, max_steps=_STEPS, averaging=0.9
        )
        history = train(
            network, self.patches, recipe, device=device, monitor=watch, **options
        )
        return history, network


def _machine(patient: _Patient) -> str:
    """Say what computes, and with which versions."""
    machine = describe_machine(patient.device)
    parts = [f"{machine['device']}, {machine['cores']} cores, {machine['memory']} GiB"]
    parts.append(f"torch {machine['torch']}, Python {machine['python']}")
    if patient.device.type == "cuda":
        free, total = (n / 2**30 for n in torch.cuda.mem_get_info(patient.device))
        version = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        parts.append(f"cuDNN {version}")
        parts.append(f"{free:.0f} of {total:.0f} GiB free")
    commit = str(machine["commit"] or "unknown")
    parts.append(f"commit {commit[:12]}{'-dirty' * commit.endswith('-dirty')}")
    return "; ".join(parts)


def _packages(_: _Patient) -> str:
    """Name what cannot be imported, and what that costs."""
    lacking = [name for name in _CORE if find_spec(name) is None]
    if lacking:
        raise ModuleNotFoundError(f"not installed: {', '.join(lacking)}")
    absent = [f"{n} ({use})" for n, use in _MORE.items() if find_spec(n) is None]
    return f"core complete; without {', '.join(absent)}" if absent else "complete"


def _float32(patient: _Patient) -> str:
    """Compare the first steps with those of the CPU, and look how they are made."""
    here, there = _Losses(), _Losses()
    history, _ = patient.train(there, precision="float32")
    patient.train(here, on="cpu", precision="float32")
    patient.found["float32"] = there.values
    pairs = list(zip(there.values, here.values, strict=True))[:5]
    apart = max(abs(one - other) / other for one, other in pairs)
    _insist(len(there.values) == _STEPS, f"{len(there.values)} of {_STEPS} steps told")
    _insist(apart < _CLOSE, f"the first losses are {apart:.1e} from the CPU's")
    _insist_on_capture(patient, history)
    return f"{history.precision}; the first losses are the CPU's to {apart:.0e}"


def _chosen(patient: _Patient) -> str:
    """Train in the arithmetic that the library chooses here."""
    watch = _Losses()
    history, _ = patient.train(watch)
    patient.found["chosen"] = watch.values
    exact = float(np.mean(patient.found["float32"][-_STOP:]))
    apart = abs(float(np.mean(watch.values[-_STOP:])) / exact - 1)
    _insist(apart < _ALIKE, f"the last losses are {apart:.1%} from float32's")
    _insist_on_capture(patient, history)
    return f"{history.precision}; the last losses are float32's to {apart:.1%}"


def _resumed(patient: _Patient) -> str:
    """Stop a run, go on from its checkpoint, and compare with one that was not."""
    whole, first, second = _Losses(), _Losses(stop_at=_STOP), _Losses()
    _, expected = patient.train(whole)
    with tempfile.TemporaryDirectory(prefix="vdsr-doctor-") as folder:
        stopped, _ = patient.train(first, run_dir=folder)
        history, network = patient.train(second, run_dir=folder, resume=True)
    _insist(not stopped.finished, "the run did not stop when it was asked to")
    _insist(history.finished, "the run did not end when it went on")
    made = len(first.values)
    _insist(made + len(second.values) == _STEPS, "steps are missing, or made twice")
    pairs = zip(network.parameters(), expected.parameters(), strict=True)
    apart = max(float((a - b).detach().abs().max()) for a, b in pairs)
    is_cpu = patient.device.type == "cpu"  # a GPU adds in an order of its own
    _insist(apart == 0 or not is_cpu, f"the weights are {apart:.1e} apart")
    late = [float(np.mean(w.values[-_STOP:])) for w in (second, whole)]
    loss = abs(late[0] / late[1] - 1)
    _insist(loss < _ALIKE, f"the last losses are {loss:.1%} apart")
    return f"stopped after {made} steps, went on to weights {apart:.0e} apart"


def _validated(patient: _Patient) -> str:
    """Measure the same network in training's way, and in the tables' way."""
    from vdsr_lib.evaluation import evaluate, means, validator

    network = patient.network().to(patient.device)
    fast = validator(patient.pictures, (2, 3), patient.device)(network)
    table = evaluate(
        network, patient.pictures, (2, 3), device="cpu", precision="float32"
    )
    slow = means(table)["psnr"]
    apart = max(abs(fast[f"psnr_x{scale}"] - slow[scale]) for scale in (2, 3))
    _insist(apart < 0.01, f"PSNR differs by {apart:.4f} dB between the two ways")
    psnr = fast["psnr_x2"]
    return f"x2 {psnr:.2f} dB, as the CPU's table in float32 says to {apart:.4f} dB"


def _used(patient: _Patient) -> str:
    """Send a picture through a deep network: whole, in tiles, here and on the CPU."""
    network = VDSR(20, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        list(network.parameters())[-2].mul_(1000)  # the last weights: a large residual
    picture = torch.rand(1, 1, 90, 120, generator=torch.Generator().manual_seed(0))
    known = super_resolve(network, picture, precision="float32")
    network = network.to(patient.device)
    exact = super_resolve(network, picture, precision="float32")
    tiled = super_resolve(network, picture, precision="float32", tile=48)
    chosen = super_resolve(network, picture)
    largest = float((known - picture).abs().max())
    apart, seams, rounded = (
        float((one - other).abs().max()) / largest
        for one, other in ((exact, known), (tiled, exact), (chosen, exact))
    )
    _insist(apart < _CLOSE, f"float32 is {apart:.1e} from the CPU's")
    _insist(seams < _CLOSE, f"tiles are {seams:.1e} from the whole picture")
    _insist(rounded < _ROUNDED, f"{evaluation_precision(network)}: {rounded:.1%} off")
    return f"float32 as on the CPU ({apart:.0e}), tiles too; as chosen {rounded:.1%}"


def _resized(patient: _Patient) -> str:
    """Resize here and on the CPU."""
    from vdsr_lib.resize import imresize

    picture = torch.rand(3, 61, 75, generator=torch.Generator().manual_seed(0))
    apart = max(
        float(
            (imresize(picture.to(patient.device), s).cpu() - imresize(picture, s))
            .abs()
            .max()
        )
        for s in (0.5, 1 / 3, 2)
    )
    _insist(apart < 1e-5, f"pictures part by {apart:.1e}")
    return f"as on the CPU to {apart:.0e}"


def _kept(patient: _Patient) -> str:
    """Make a run of an experiment, find it again in its store, and measure it."""
    from vdsr_lib.experiments import Material, Pictures, Run, RunStore, make_run
    from vdsr_lib.experiments.scoring import score_run

    pictures = Pictures("embedded-test", (2,), crop=48)
    run = Run(
        name="tiny",
        architecture=patient.network().architecture,
        training=TrainingConfig.paper(epochs=1, batch_size=_BATCH, max_steps=_STEPS),
        train_on=("embedded-test",),
        scales=(2,),
        patch_size=11,
        stride=60,
        validate=pictures,
        test=(pictures,),
    )
    material = Material(patient.device)
    with tempfile.TemporaryDirectory(prefix="vdsr-doctor-") as folder:
        store = RunStore(folder)
        made = make_run(run, store=store, material=material, monitor=Silent())
        found = make_run(run, store=store, material=material)
        (table,) = score_run(run, found, store, material)
    _insist(made.record == found.record, "the run in the store is another")
    psnr = float(table["psnr"].iloc[0])
    _insist(math.isfinite(psnr), f"PSNR is {psnr}")
    steps = made.history.epochs[-1]["step"]
    return f"{steps} steps, found again in its store, {psnr:.2f} dB"


def _rate(patient: _Patient) -> str:
    """Measure how fast training is."""
    from vdsr_lib.experiments import measure_rate

    return f"training at {measure_rate(patient.device)}"


def _left(patient: _Patient) -> str:
    """Look at what all that has left in a GPU's memory."""
    gc.collect()
    if patient.device.type != "cuda":
        return "nothing to look at on this device"
    torch.cuda.empty_cache()
    used = torch.cuda.memory_reserved(patient.device) / 2**20
    most = torch.cuda.max_memory_reserved(patient.device) / 2**20
    _insist(used < 256, f"{used:.0f} MiB are still held: recorded steps live on")
    return f"{used:.0f} MiB held, {most:.0f} MiB at most"


def _insist(is_so: bool, text: str) -> None:
    """Make a finding of what is not so."""
    if not is_so:
        raise RuntimeError(text)


def _insist_on_capture(patient: _Patient, history: History) -> None:
    """On a CUDA GPU whole steps are recorded, or it was in vain to have one."""
    recorded = history.precision.endswith("whole steps as a CUDA graph")
    _insist(recorded or patient.device.type != "cuda", history.precision)


_QUESTIONS: dict[str, Callable[[_Patient], str]] = {
    "machine": _machine,
    "packages": _packages,
    "resize": _resized,
    "train in float32": _float32,
    "train as chosen": _chosen,
    "stop and go on": _resumed,
    "validate": _validated,
    "use": _used,
    "keep a run": _kept,
    "rate": _rate,
    "memory": _left,
}
