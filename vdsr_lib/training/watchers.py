"""Who looks at a run: the monitor, the validation, and the caller's own function."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import nn

from vdsr_lib.errors import shortened
from vdsr_lib.training.diagnosis import StuckAtBicubicWarning
from vdsr_lib.training.history import COLUMNS, Row
from vdsr_lib.training.monitors import Monitor, Silent, tell

__all__ = ["OnEpoch", "Validate", "Watchers"]

Validate: TypeAlias = Callable[[nn.Module], Mapping[str, float]]
OnEpoch: TypeAlias = Callable[[nn.Module, Row], object]

_FRAMES_TO_CALLER = 8  # from the warning here up to whoever called `train`


@dataclass(frozen=True)
class Watchers:
    """Who looks at a run, told by the first process only.

    Parameters
    ----------
    monitor : Monitor
        Told of each step and epoch.
    validate : callable, optional
        Scores the model.
    baseline : mapping, optional
        Bicubic's scores.
    on_epoch : callable, optional
        Told of each epoch, with the model.
    warns : bool
        Whether the caller is warned: of several processes only the first warns.
    """

    monitor: Monitor = field(default_factory=Silent)
    validate: Validate | None = None
    baseline: Mapping[str, float] | None = None
    on_epoch: OnEpoch | None = None
    warns: bool = True

    @property
    def seconds_between_steps(self) -> float:
        """How often the monitor wants to see a step."""
        return float(getattr(self.monitor, "seconds_between_steps", 0.1))

    def note(self, line: str) -> None:
        """Give the monitor a line, if it takes lines."""
        tell(self.monitor, "note", line)

    def warn(self, text: str) -> None:
        """Warn the caller of `train` that the run is stuck, and tell the monitor."""
        if self.warns:
            warnings.warn(StuckAtBicubicWarning(text), stacklevel=_FRAMES_TO_CALLER)
        self.note(text)

    @torch.no_grad()
    def score(self, model: nn.Module) -> Row | None:
        """Return the validation's scores; None if nobody validates.

        Raises
        ------
        ValueError
            If a score has the name of a column that every history has.
        TypeError
            If what it returned are no numbers by name.
        """
        if self.validate is None:
            return None
        model.eval()
        scores = _numbers_by_name(self.validate(model))
        model.train()
        if taken := sorted(COLUMNS & scores.keys()):
            raise ValueError(
                f"validate calls a score {', '.join(taken)}, as the history calls what "
                "training measures: choose another name"
            )
        return scores

    @torch.no_grad()
    def look(self, model: nn.Module, row: Row) -> None:
        """Let the monitor look at the network, if it wants to."""
        look = getattr(self.monitor, "look", None)
        if look is not None:
            model.eval()
            look(model, row, baseline=self.baseline)
            model.train()

    def fail(self, error: BaseException) -> None:
        """Tell the monitor of the exception that ends the run, if it listens."""
        tell(self.monitor, "fail", error)

    def tell(self, model: nn.Module, row: Row) -> None:
        """Tell everybody of an epoch that is over."""
        self.monitor.epoch(row)
        if self.on_epoch is not None:
            self.on_epoch(model, row)
            model.train()  # whatever mode it was left in


def _numbers_by_name(returned: object) -> Row:
    """Return scores as floats, or refuse what a validation has returned."""
    wrong = TypeError(
        "validate must return a number for each name, such as {'psnr_x2': 36.1}, got "
        f"{shortened(repr(returned))}"
    )
    if not isinstance(returned, Mapping):
        raise wrong
    if not all(isinstance(name, str) for name in returned):
        raise wrong
    try:
        return {name: float(score) for name, score in returned.items()}
    except (TypeError, ValueError, RuntimeError) as error:
        raise wrong from error
