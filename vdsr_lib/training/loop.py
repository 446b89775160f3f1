"""The loop of a run: epochs of steps, validated, and saved so as to go on."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import nn

from vdsr_lib.devices import Precision
from vdsr_lib.errors import RunError
from vdsr_lib.patches import PatchSet
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.history import History
from vdsr_lib.training.ledger import Ledger
from vdsr_lib.training.monitors import Interruption
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.randomness import random_states, restore_random_states
from vdsr_lib.training.run_folder import Checkpoint, RunFolder
from vdsr_lib.training.schedule import middles
from vdsr_lib.training.step import Step
from vdsr_lib.training.steps import steps_for
from vdsr_lib.training.watchers import Watchers

__all__ = ["Loop"]

_WORTH_SAVING = (
    2.0  # seconds of a GPU's work: an epoch of T91 takes it a quarter of one
)


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
        self.ledger = Ledger(config, patches, watchers, processes.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.order_state = self.generator.get_state()  # as this epoch began
        self.folder: RunFolder | None = None
        self.checkpoint_seconds = 30.0
        on_gpu = processes.device.type == "cuda"
        self.seconds_between_epochs = _WORTH_SAVING if on_gpu else 0.0
        self.written_at = -math.inf
        self.step = Step(
            model, patches, config, processes=processes, precision=precision
        )
        self.steps = steps_for(
            self.step,
            processes,
            per_epoch=self.steps_per_epoch,
            batch_size=config.batch_size,
        )
        self.ledger.history.precision = str(precision)

    def keep_in(self, folder: RunFolder) -> None:
        """Write checkpoints and the log into a folder from now on."""
        self.folder = self.ledger.folder = folder

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
        monitor, ledger = self.watchers.monitor, self.ledger
        monitor.start(self.config, self.total_steps)
        self.watchers.note(ledger.history.precision)
        try:
            if ledger.position.step == 0:
                self._save()
            while not ledger.history.finished:
                if not self._run_epoch(interruption):
                    ledger.tell_last()
                    self._save()
                    ledger.break_off()
                    break
            self.step.average.settle()
            return ledger.history
        except BaseException as error:
            self.watchers.fail(error)
            raise
        finally:
            ledger.history.stop_asked = self._hears_a_wish(interruption)
            monitor.finish(ledger.history)

    def checkpoint(self) -> Checkpoint:
        """Return this moment of the run, to be written down."""
        tensors = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        for prefix, part in (
            ("update", self.step.update.state()),
            ("average", self.step.average.state()),
            ("random", random_states(self.processes.device)),
        ):
            tensors |= {f"{prefix}.{name}": tensor for name, tensor in part.items()}
        tensors |= {"order": self.order_state, **self.ledger.tensors()}
        rate = {"learning_rate": self.step.update.learning_rate}
        return Checkpoint(tensors, self.ledger.state() | rate)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put everything back as it was at that moment.

        Parameters
        ----------
        checkpoint : Checkpoint
            What `checkpoint` returned for a run of the same identity.

        Raises
        ------
        RunError
            If other parameters were trained then: the identity does not tell.
        """
        tensors, state = checkpoint.tensors, checkpoint.state
        rate, update = state["learning_rate"], _under("update.", tensors)
        if differing := update.keys() ^ self.step.update.state().keys():
            names = sorted({name.partition(".")[2] for name in differing})
            raise RunError(
                "the run to go on with trained other parameters, it differs in "
                f"{', '.join(names)}: freeze what was frozen then, and nothing else"
            )
        self.model.load_state_dict(_under("model.", tensors))
        self.step.update.load_state(update, rate)
        self.step.average.load_state(_under("average.", tensors))
        restore_random_states(_under("random.", tensors), self.processes.device)
        self.order_state = tensors["order"]
        self.ledger.load_state(state, tensors)

    def _run_epoch(self, interruption: Interruption) -> bool:
        """Make the steps of an epoch that are left; False if stopped before its end."""
        self._begin_epoch()
        made, over = self.ledger.position.done, self._end_of_epoch()
        while made < over:
            if self._is_asked_to_stop(interruption):
                self._catch_up()
                return False
            self.steps.make()
            made += 1
            self._enter(wait=False)
            self._validate_and_save_if_due(made)
        self._catch_up()
        self._end_epoch()
        return True

    def _begin_epoch(self) -> None:
        """Draw the epoch's order, and hand it to the steps with their rates."""
        position, count = self.ledger.position, self.steps_per_epoch
        rates = [
            self.config.learning_rate_at(position.epoch, moment)
            for moment in middles(count)
        ]
        self.step.update.set_learning_rate(rates[min(position.done, count - 1)])
        self.generator.set_state(self.order_state)
        order = self.patches.order(self.generator)  # (len,)
        whole = order[: count * self.config.batch_size].view(count, -1)  # (steps, B)
        self.saved_at = time.monotonic()
        self.steps.begin(whole, rates, position.done)
        self._say_manner()
        self.ledger.open_epoch(rates)

    def _end_of_epoch(self) -> int:
        """Return how many of the epoch's steps are to be made, those done included."""
        position = self.ledger.position
        left = self.total_steps - position.step
        return min(self.steps_per_epoch, position.done + left)

    def _is_asked_to_stop(self, interruption: Interruption) -> bool:
        return self.processes.any(self._hears_a_wish(interruption))

    def _hears_a_wish(self, interruption: Interruption) -> bool:
        """Say whether this process was asked to stop."""
        return bool(self.watchers.monitor.stop_requested or interruption.requested)

    def _enter(self, *, wait: bool) -> None:
        """Enter into the books what is known of the steps made."""
        for measured in self.steps.take(wait=wait):
            self.ledger.take(measured)

    def _catch_up(self) -> None:
        """Wait until all steps that were asked for are made and entered."""
        self._enter(wait=True)

    def _validate_and_save_if_due(self, made: int) -> None:
        """Validate, and write a checkpoint, at the end of some steps of an epoch."""
        every, position = self.config.validate_every, self.ledger.position
        step = position.step - position.done + made  # counted from the run's start
        is_late = time.monotonic() - self.saved_at >= self.checkpoint_seconds
        if every is not None and step % every == 0:
            self._catch_up()
            self._validate()
        if is_late:
            self._catch_up()
            self._save()

    def _end_epoch(self) -> None:
        """Close the epoch's row, tell everybody, and save."""
        is_last = self.ledger.position.step == self.total_steps
        if is_last:
            self.ledger.tell_last()
        if self.config.validate_every is None or is_last:
            self._validate()
        row = self.ledger.close_epoch()
        # The next epoch's rate is lower or not than this one's last: see `Update`.
        self.step.update.learning_rate = row["learning_rate"]
        with self.step.average.shown():
            self.watchers.tell(self.model, row)
            self.step.rejoin()
        self.ledger.turn(is_last=is_last)
        self.order_state = self.generator.get_state()
        age = time.monotonic() - self.written_at
        if is_last or age >= self.seconds_between_epochs:
            self._save()

    def _validate(self) -> None:
        """Score the present weights, unless that was done at this very step."""
        if self.ledger.is_validated():
            return
        self.ledger.stop_clock()
        with self.step.average.shown():
            row = self.ledger.validated(self.watchers.score(self.model))
            self.watchers.look(self.model, row)
            self.step.rejoin()
        self.ledger.start_clock()

    def _save(self) -> None:
        """Write a checkpoint if the run has a folder; training's clock stands still."""
        if self.folder is None:
            return
        if self.ledger.position.done:
            self.ledger.stop_clock()
        self.folder.save(self.checkpoint())
        self.saved_at = self.written_at = time.monotonic()
        self.ledger.start_clock()

    def _say_manner(self) -> None:
        """Say in the line of the precision how steps are made, once it is known."""
        history, manner = self.ledger.history, self.steps.manner
        if manner and not history.precision.endswith(manner):
            history.precision += f"; {manner}"
            self.watchers.note(manner)


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
