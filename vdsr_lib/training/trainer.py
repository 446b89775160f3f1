"""The one call that trains a network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from vdsr_lib.devices import (
    Precision,
    as_current,
    choose_precision,
    describe_machine,
    exact_convolutions,
)
from vdsr_lib.models._modes import modes_kept
from vdsr_lib.patches import PatchSet
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.flat import give_own_memory
from vdsr_lib.training.history import History
from vdsr_lib.training.loop import Loop
from vdsr_lib.training.monitors import Interruption, Monitor, ProgressBar
from vdsr_lib.training.processes import join_processes
from vdsr_lib.training.randomness import own_randomness
from vdsr_lib.training.run_folder import RunFolder
from vdsr_lib.training.watchers import OnEpoch, Validate, Watchers

__all__ = ["train"]


def train(
    model: nn.Module,
    patches: PatchSet,
    config: TrainingConfig,
    *,
    validate: Validate | None = None,
    baseline: Mapping[str, float] | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    monitor: Monitor | None = None,
    on_epoch: OnEpoch | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
) -> History:
    """Train a network in place, and return what was measured.

    Parameters
    ----------
    model : torch.nn.Module
        (B, 1, p, p) ILR in [16/255, 235/255] to (B, 1, p, p). Its weights as they are
        are the start, so set a seed before making it. It is left on `device`. All of
        it trains in training mode; afterwards each part has the mode that it had.
    patches : PatchSet
        What to train on; moved to `device` if it is elsewhere.
    config : TrainingConfig
        The recipe, for instance ``TrainingConfig.paper()``.
    validate : callable, optional
        Given the model, in evaluation mode and without gradients, returns scores by
        name for the history, such as ``{"psnr_x2": 36.1}`` (dB).
    baseline : mapping, optional
        Bicubic's scores under the same names: a run that stays there is called stuck.
        If not given, ``validate.baseline``; if there is none, the training loss is
        compared with that of the bicubic picture.
    run_dir : path-like, optional
        The folder of the run. Without one nothing is saved.
    resume : bool
        Go on from the checkpoint in `run_dir`; begin if there is none. `model` and
        `patches` must be made as they were.
    checkpoint_seconds : float
        A checkpoint is written at each epoch's end, and after so many seconds; on a
        GPU, whose epochs may last less than the writing, not twice in two seconds.
    monitor : Monitor, optional
        Who watches; a progress bar if not given, ``Silent()`` for nobody.
    on_epoch : callable, optional
        Called with the model and the row at each epoch's end. It may leave the model
        in evaluation mode: training goes on in its own.
    device : str or torch.device
        "auto" takes a GPU if there is one. Under torchrun each process has its own.
    precision : {"auto", "bfloat16", "float32"}
        See `vdsr_lib.devices.choose_precision`. Weights are float32 in any case, and
        float32 is true float32, never TF32.

    Returns
    -------
    History
        Its ``finished`` is False if the run was stopped: Ctrl-C, a notebook's stop
        button and ``monitor.stop_requested`` end it after the current step.

    Raises
    ------
    DivergedError
        If loss or gradient are no longer numbers; it holds the history until then.
    RunError
        If `run_dir` is in use or holds another run, or one that trained other
        parameters, its checkpoint is damaged, or the disk is full.
    ValueError
        If the patches do not fill one batch, device or precision are wrong, `resume`
        has no `run_dir`, the network changes the size of its input or has weights
        that are not float32, or `validate` gives a score the name of one of the
        history's own columns.
    TypeError
        If the network returns anything but a tensor, or `validate` anything but numbers
        by name.

    Warns
    -----
    StuckAtBicubicWarning
        If the network still returns the bicubic picture after many steps.

    Notes
    -----
    Kim et al. 2016, section 3.2, and the authors' code. The same seed gives the same
    bits again on the same CPU with the same number of threads, interrupted or not. A
    GPU adds in an order of its own: there two runs agree to rounding only.
    """
    if resume and run_dir is None:
        raise ValueError("resume needs the run_dir that it is to go on from")
    _require_float32(model)
    with ExitStack() as stack:
        processes = join_processes(device)
        if config.batch_size < processes.size:
            raise ValueError(
                f"batch_size must be at least the {processes.size} processes, "
                f"got {config.batch_size}"
            )
        place = processes.device
        choice = choose_precision(place, precision)
        # Whoever measures beside has switched gradients off for itself, not for us.
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(as_current(place))
        if choice.dtype is torch.float32:
            stack.enter_context(exact_convolutions())
        stack.enter_context(own_randomness(config.seed, place))
        stack.enter_context(_prepared(model, place, choice))
        bar: Monitor = ProgressBar() if monitor is None else monitor
        known = getattr(validate, "baseline", None) if baseline is None else baseline
        first = Watchers(bar, validate, known, on_epoch)
        loop = Loop(
            model,
            patches.to(place),
            config,
            processes=processes,
            precision=choice,
            watchers=first if processes.is_first else Watchers(warns=False),
        )
        loop.checkpoint_seconds = checkpoint_seconds
        if run_dir is not None:
            _open(stack, loop, run_dir, resume=resume)
        return loop.run(stack.enter_context(Interruption()))


def _require_float32(model: nn.Module) -> None:
    """Refuse weights in another type, which would learn with its rounding or not."""
    for name, parameter in model.named_parameters():
        if parameter.dtype is not torch.float32:
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ValueError(
                f"the weights ({name}) must be float32, got {kind}: train the "
                "network's float(), precision says in what to compute"
            )


def _open(
    stack: ExitStack, loop: Loop, run_dir: str | os.PathLike[str], *, resume: bool
) -> None:
    """Take the run's folder and go on from its checkpoint, if it has one."""
    found = None
    if loop.processes.is_first:
        folder = stack.enter_context(RunFolder(run_dir, loop.identity()))
        loop.keep_in(folder)
        machine = describe_machine(loop.processes.device)
        precision = loop.ledger.history.precision
        provenance = {"precision": precision, "machine": machine}
        found = folder.begin(resume=resume, provenance=provenance)
    found = loop.processes.from_first(found)
    if found is not None:
        loop.restore(found)


@contextmanager
def _prepared(
    model: nn.Module, device: torch.device, precision: Precision
) -> Iterator[None]:
    """Bring a model to its device, layout and mode; give memory and modes back."""
    with modes_kept(model):
        model.to(device)
        model.to(memory_format=precision.memory_format)  # type: ignore[call-overload]
        model.train()
        try:
            yield
        finally:
            model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            give_own_memory(model)
