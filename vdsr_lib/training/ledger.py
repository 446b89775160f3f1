"""What a run has measured so far, as rows: of steps, of epochs, of validations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from vdsr_lib.patches import PatchSet
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.diagnosis import (
    DivergedError,
    divergence,
    is_divergent,
    is_stuck,
    recipe_faults,
    reference_losses,
    stuck_causes,
)
from vdsr_lib.training.history import History, Row
from vdsr_lib.training.run_folder import RunFolder
from vdsr_lib.training.step import MEASURED
from vdsr_lib.training.watchers import Watchers

__all__ = ["Ledger", "Position"]


@dataclass
class Position:
    """Where a run stands.

    Parameters
    ----------
    epoch : int
        The present one, from 1.
    done : int
        Its steps that were made.
    step : int
        Steps made in all.
    seconds : float
        Of training, in this epoch.
    """

    epoch: int = 1
    done: int = 0
    step: int = 0
    seconds: float = 0.0


class Ledger:
    """The books of one run.

    Parameters
    ----------
    config : TrainingConfig
        The recipe.
    patches : PatchSet
        What losses are compared with.
    watchers : Watchers
        Who is told.
    device : torch.device
        Which is waited for when the time is taken.
    """

    def __init__(
        self,
        config: TrainingConfig,
        patches: PatchSet,
        watchers: Watchers,
        device: torch.device,
    ) -> None:
        self.config, self.watchers = config, watchers
        self.history = History()
        self.position = Position()
        self.sums = _zeros()
        self.rates: list[float] = []  # of this epoch's steps
        self.folder: RunFolder | None = None
        self._untold: Row = {}  # the last step, where telling it was not due
        self._device, self._side = device, patches.patch_size
        self._references = reference_losses(patches, config.loss)
        self._told_at, self._warned = 0.0, False
        self._began = time.perf_counter()

    def open_epoch(self, rates: list[float]) -> None:
        """Begin an epoch, or go on with one, whose steps have these learning rates."""
        self.rates = rates
        self.start_clock()

    def take(self, measured: torch.Tensor) -> None:
        """Enter what the next step measured, (3,), and tell the monitor if it is due.

        Raises
        ------
        DivergedError
            If the numbers are none any more.
        """
        self.sums += measured
        self.position.done += 1
        self.position.step += 1
        row = self._row(measured)
        if self.config.trace:
            kept = {name: row[name] for name in ("step", *MEASURED)}
            self.history.steps.append(kept)
        self._check(row)
        self._untold = row
        now = time.monotonic()
        if now - self._told_at >= self.watchers.seconds_between_steps:
            self.tell_last()
            self._told_at = now

    def tell_last(self) -> None:
        """Tell the monitor of the step made last, if it does not know of it."""
        if self._untold:
            self.watchers.monitor.step(self._untold)
            self._untold = {}

    def validated(self, scores: Row | None) -> Row:
        """Enter the scores of this very step; return them with their place."""
        place = {"epoch": self.position.epoch, "step": self.position.step}
        row = {**place, **(scores or {})}
        if scores is not None:
            self.history.validations.append(row)
        return dict(row)

    def is_validated(self) -> bool:
        """Say whether there are scores of this very step."""
        rows = self.history.validations
        return bool(rows) and rows[-1]["step"] == self.position.step

    def epoch_row(self) -> Row:
        """Return the averages of the epoch so far, with the scores made in it."""
        self.stop_clock()
        row = self._row(self.sums / self.position.done)
        return row | {"seconds": self.position.seconds} | self._scores()

    def close_epoch(self) -> Row:
        """Enter the epoch's row, and return it."""
        row = self.epoch_row()
        self._record(row)
        self._warn_if_stuck()
        return row

    def turn(self, *, is_last: bool) -> None:
        """Go on to the next epoch; after the last one the run is finished."""
        self.history.finished = is_last
        self.position = Position(self.position.epoch + 1, step=self.position.step)
        self.sums = _zeros()

    def break_off(self) -> None:
        """Enter a row for the part of an epoch that was made."""
        if self.position.done:
            self.history.epochs.append(self.epoch_row())

    def start_clock(self) -> None:
        """Let training's time run from now."""
        self._began = time.perf_counter()

    def stop_clock(self) -> None:
        """Add the time since the clock was started to the epoch's seconds."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.position.seconds += now - self._began
        self._began = now

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the books, JSON-ready."""
        return {
            "step": self.position.step,
            "position": asdict(self.position),
            "history": replace(self.history, steps=[]).to_dict(),
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the sums, and the trace as (steps, 3): too long for a file's head."""
        rows = [[row[name] for name in MEASURED] for row in self.history.steps]
        trace = {"trace": torch.tensor(rows, dtype=torch.float64)} if rows else {}
        return {"sums": self.sums} | trace

    def load_state(
        self, state: dict[str, Any], tensors: Mapping[str, torch.Tensor]
    ) -> None:
        """Put back what `state` and `tensors` returned; the precision is today's."""
        precision = self.history.precision
        self.history = History.from_dict(state["history"])  # older ones hold the trace
        self.history.precision = precision
        self.position = Position(**state["position"])
        self.sums = tensors["sums"].to(self.sums)
        if "trace" in tensors:
            self.history.steps = [
                {"step": step, **dict(zip(MEASURED, measured, strict=True))}
                for step, measured in enumerate(tensors["trace"].tolist(), 1)
            ]

    def _row(self, measured: torch.Tensor) -> Row:
        """Return where the run stands, with three measured numbers."""
        place: Row = {
            "epoch": self.position.epoch,
            "step": self.position.step,
            "learning_rate": self.rates[self.position.done - 1],
        }
        return place | dict(zip(MEASURED, measured.tolist(), strict=True))

    def _check(self, row: Row) -> None:
        """Keep a failing step in the history and raise."""
        if not is_divergent(row, self._references):
            return
        self.stop_clock()
        self._record({**row, "seconds": self.position.seconds})
        raise DivergedError(divergence(row, self.config), self.history)

    def _scores(self) -> Row:
        """Return the last validation's scores, if it was in this epoch."""
        rows = self.history.validations
        if not rows or rows[-1]["epoch"] != self.position.epoch:
            return {}
        return {k: v for k, v in rows[-1].items() if k not in ("epoch", "step")}

    def _record(self, row: Row) -> None:
        """Add a row to the history, and to the log in the run's folder."""
        self.history.epochs.append(row)
        if self.folder is not None:
            self.folder.append(self.history.to_dict()["epochs"][-1])

    def _warn_if_stuck(self) -> None:
        """Name a run that stays at bicubic, once."""
        rows, baseline = self.history.epochs, self.watchers.baseline
        explained = bool(recipe_faults(self.config, self._side))
        if not self._warned and is_stuck(
            rows, baseline, self._references, explained=explained
        ):
            self._warned = True
            self.watchers.warn(stuck_causes(rows[-1], self.config, self._side))


def _zeros() -> torch.Tensor:
    """Return sums of MEASURED to begin with, (3,)."""
    return torch.zeros(len(MEASURED), dtype=torch.float64)
