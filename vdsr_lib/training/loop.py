"""The loop of a run: epochs of steps, watched, validated, and saved so as to go on."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from vdsr_lib.devices import Precision
from vdsr_lib.patches import PatchSet
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.diagnosis import (
    DivergedError,
    divergence,
    is_divergent,
    is_stuck,
    reference_losses,
    stuck_causes,
)
from vdsr_lib.training.history import History, Row
from vdsr_lib.training.monitors import Interruption
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.randomness import random_states, restore_random_states
from vdsr_lib.training.run_folder import Checkpoint, RunFolder
from vdsr_lib.training.step import MEASURED, Step
from vdsr_lib.training.watchers import Watchers

__all__ = ["Loop"]


@dataclass
class _Position:
    """Where a run stands: `done` steps of `epoch` (from 1), `step` steps in all."""

    epoch: int = 1
    done: int = 0
    step: int = 0
    seconds: float = 0.0  # of training, in this epoch


class Loop:
    """One run: what it works with, where it stands, and how it moves on.

    Parameters
    ----------
    model : torch.nn.Module
        On its device already.
    patches : PatchSet
        On the same device.
    config : TrainingConfig
        The recipe.
    processes : Processes
        With whom the run is shared.
    precision : Precision
        The arithmetic.
    watchers : Watchers
        Who is told.
    """

    def __init__(
        self,
        model: nn.Module,
        patches: PatchSet,
        config: TrainingConfig,
        *,
        processes: Processes,
        precision: Precision,
        watchers: Watchers,
    ) -> None:
        self.model, self.patches, self.config = model, patches, config
        self.processes, self.watchers = processes, watchers
        self.steps_per_epoch = patches.steps_per_epoch(config.batch_size)
        self.total_steps = config.total_steps(self.steps_per_epoch)
        self.references = reference_losses(patches, config.loss)
        self.history = History(precision=str(precision))
        self.position = _Position()
        self.generator = torch.Generator().manual_seed(config.seed)
        self.order_state = self.generator.get_state()  # as this epoch began
        self.folder: RunFolder | None = None
        self.checkpoint_seconds = 30.0
        self.warned = False
        self.step = Step(
            model, patches, config, processes=processes, precision=precision
        )
        self.sums = self._zeros()  # of MEASURED, over this epoch

    def identity(self) -> dict[str, Any]:
        """Return what determines the run; a checkpoint of another is refused."""
        shapes = {n: list(t.shape) for n, t in self.model.state_dict().items()}
        return {
            "config": self.config.to_dict(),
            "network": getattr(self.model, "architecture", shapes),
            "patches": {
                "count": len(self.patches),
                "size": self.patches.patch_size,
                "fingerprint": self.patches.fingerprint(),
            },
        }

    def run(self, interruption: Interruption) -> History:
        """Make the steps that are left, or those until a stop.

        Parameters
        ----------
        interruption : Interruption
            Ctrl-C's wish to stop.

        Returns
        -------
        History
        """
        monitor = self.watchers.monitor
        monitor.start(self.config, self.total_steps)
        self.watchers.note(self.history.precision)
        try:
            if self.position.step == 0:
                self._save()
            while not self.history.finished:
                if not self._run_epoch(interruption):
                    self._stop()
                    break
            return self.history
        except BaseException as error:
            self.watchers.fail(error)
            raise
        finally:
            monitor.finish(self.history)

    def checkpoint(self) -> Checkpoint:
        """Return this moment of the run, to be written down."""
        tensors = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        tensors |= {f"update.{n}": t for n, t in self.step.update.state().items()}
        states = random_states(self.processes.device)
        tensors |= {f"random.{n}": t for n, t in states.items()}
        tensors |= {"order": self.order_state, "sums": self.sums}
        state = {
            "step": self.position.step,
            "position": asdict(self.position),
            "learning_rate": self.step.update.learning_rate,
            "history": self.history.to_dict(),
        }
        return Checkpoint(tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put everything back as it was at that moment.

        Parameters
        ----------
        checkpoint : Checkpoint
            What `checkpoint` returned for a run of the same identity.
        """
        tensors, state = checkpoint.tensors, checkpoint.state
        rate = state["learning_rate"]
        self.model.load_state_dict(_under("model.", tensors))
        self.step.update.load_state(_under("update.", tensors), rate)
        restore_random_states(_under("random.", tensors), self.processes.device)
        self.order_state = tensors["order"]
        self.sums = tensors["sums"].to(self.sums)
        self.position = _Position(**state["position"])
        precision = self.history.precision
        self.history = History.from_dict(state["history"])
        self.history.precision = precision

    def _run_epoch(self, interruption: Interruption) -> bool:
        """Make the steps of an epoch that are left; False if stopped before its end."""
        rate = self.config.learning_rate_at(self.position.epoch)
        self.step.update.set_learning_rate(rate)
        self.generator.set_state(self.order_state)
        order = self.patches.order(self.generator)  # (len,)
        size = self.config.batch_size
        self.reported_at, self.saved_at = 0.0, time.monotonic()
        self.began = time.perf_counter()
        while self._has_steps_left():
            if self._is_asked_to_stop(interruption):
                return False
            start = self.position.done * size
            measured = self.step(order[start : start + size])  # (3,)
            self.sums += measured
            self.position.done += 1
            self.position.step += 1
            self._look_at(measured)
            self._validate_and_save_if_due()
        self._end_epoch()
        return True

    def _has_steps_left(self) -> bool:
        within_epoch = self.position.done < self.steps_per_epoch
        return within_epoch and self.position.step < self.total_steps

    def _is_asked_to_stop(self, interruption: Interruption) -> bool:
        asked = self.watchers.monitor.stop_requested or interruption.requested
        return self.processes.any(asked)

    def _look_at(self, measured: torch.Tensor) -> None:
        """Look at a step's numbers: always on a CPU, a few times a second on a GPU."""
        now = time.monotonic()
        is_due = now - self.reported_at >= self.watchers.seconds_between_steps
        if not is_due and self.processes.device.type != "cpu":
            return
        row = self._row(measured)
        if is_divergent(row, self.references):
            self._fail(row)
        if is_due:
            self.watchers.monitor.step(row)
            self.reported_at = now

    def _validate_and_save_if_due(self) -> None:
        every = self.config.validate_every
        if every is not None and self.position.step % every == 0:
            self._validate()
        if time.monotonic() - self.saved_at >= self.checkpoint_seconds:
            self._save()

    def _end_epoch(self) -> None:
        """Close the epoch's row, tell everybody, and save."""
        row = self._epoch_row()
        if is_divergent(row, self.references):
            self._fail(row)
        is_last = self.position.step == self.total_steps
        if self.config.validate_every is None or is_last:
            self._validate()
        row |= self._scores()
        self._record(row)
        self._warn_if_stuck()
        self.watchers.tell(self.model, row)
        self.history.finished = is_last
        self.order_state = self.generator.get_state()
        self.position = _Position(self.position.epoch + 1, step=self.position.step)
        self.sums = self._zeros()
        self._save()

    def _row(self, measured: torch.Tensor) -> Row:
        """Return where the run stands, with three measured numbers."""
        place: Row = {
            "epoch": self.position.epoch,
            "step": self.position.step,
            "learning_rate": self.step.update.learning_rate,
        }
        return place | dict(zip(MEASURED, measured.tolist(), strict=True))

    def _epoch_row(self) -> Row:
        """Return the averages of the epoch so far; here a GPU is waited for."""
        row = self._row(self.sums / self.position.done)
        self._halt_clock()
        return row | {"seconds": self.position.seconds}

    def _record(self, row: Row) -> None:
        """Add a row to the history, and to the log in the run's folder."""
        self.history.epochs.append(row)
        if self.folder is not None:
            self.folder.append(self.history.to_dict()["epochs"][-1])

    def _stop(self) -> None:
        """Save, then add a row for the epoch that was broken off."""
        self._save()
        if self.position.done:
            self.history.epochs.append(self._epoch_row() | self._scores())

    def _fail(self, row: Row) -> None:
        """Keep the failing step in the history and raise."""
        self._halt_clock()
        self._record({**row, "seconds": self.position.seconds})
        raise DivergedError(divergence(row, self.config), self.history)

    def _validate(self) -> None:
        """Score the present weights, unless that was done at this very step."""
        rows, step = self.history.validations, self.position.step
        if rows and rows[-1]["step"] == step:
            return
        self._halt_clock()
        scores = self.watchers.score(self.model)
        row: Row = {"epoch": self.position.epoch, "step": step, **(scores or {})}
        if scores is not None:
            rows.append(row)
        self.watchers.look(self.model, dict(row))
        self.began = time.perf_counter()

    def _scores(self) -> Row:
        """Return the last validation's scores, if it was in this epoch."""
        rows = self.history.validations
        if not rows or rows[-1]["epoch"] != self.position.epoch:
            return {}
        return {k: v for k, v in rows[-1].items() if k not in ("epoch", "step")}

    def _save(self) -> None:
        """Write a checkpoint if the run has a folder; training's clock stands still."""
        if self.folder is None:
            return
        if self.position.done:
            self._halt_clock()
        self.folder.save(self.checkpoint())
        self.saved_at, self.began = time.monotonic(), time.perf_counter()

    def _halt_clock(self) -> None:
        """Add the time since the clock was started to the epoch's seconds."""
        if self.processes.device.type == "cuda":
            torch.cuda.synchronize(self.processes.device)
        now = time.perf_counter()
        self.position.seconds += now - self.began
        self.began = now

    def _zeros(self) -> torch.Tensor:
        """Return sums to begin with, in the device's widest float."""
        device = self.processes.device
        wide = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros(len(MEASURED), dtype=wide, device=device)  # (3,)

    def _warn_if_stuck(self) -> None:
        """Name a run that stays at bicubic, once."""
        rows, baseline = self.history.epochs, self.watchers.baseline
        if not self.warned and is_stuck(rows, baseline, self.references):
            self.warned = True
            size = self.patches.patch_size
            self.watchers.warn(stuck_causes(rows[-1], self.config, size))


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
