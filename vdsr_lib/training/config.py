"""What decides a training run, as one frozen record of numbers with their origin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from vdsr_lib.training.rules import VALUE_RULES
from vdsr_lib.training.schedule import cosine, steps, warmed_up

__all__ = ["TrainingConfig"]

_LEAST_POWER = -305  # of ten: a float64 ends at 1e-308

_LATER = ("schedule", "warm_up", "averaging", "trace")
"""Attributes that came later: `to_dict` leaves them out at their defaults, so that
runs made before they existed keep their keys and their checkpoints."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The recipe of a training run: all that determines it but network and patches.

    The defaults are those of the preset `paper`; beside each, where it is declared,
    stands whose number it is.

    Parameters
    ----------
    epochs : int
        How often every patch is seen.
    batch_size : int
        Patches a step.
    optimiser : {"sgd", "adam"}
        Gradient descent with momentum, or Adam.
    learning_rate : float
        Of the first epoch.
    drop_every : int
        Epochs after which the rate drops, again and again.
    drop_divisor : float
        By what it is divided then.
    last_layer_rate : float
        The rate of the layer that is defined last, as a multiple of the others'.
    momentum : float
        In [0, 1): the part of the last step that the next one keeps.
    reset_momentum : bool
        Whether a drop of the rate empties the momentum.
    weight_decay : float
        The multiple of each weight and bias that is added to its clipped gradient.
    clipping : {"adjustable", "value", "norm", "none"}
        See `vdsr_lib.clipping.clip_gradients`.
    theta : float
        The clip's limit.
    loss : {"sum", "mean"}
        Whether squared errors are summed or averaged over the pixels of a patch.
    seed : int
        Decides the order of the patches. The initial weights are the caller's.
    validate_every : int, optional
        Steps between validations; at each epoch's end if not given.
    max_steps : int, optional
        Where to end when the epochs are not over. The schedule is that of `epochs`.
    schedule : {"steps", "cosine"}
        How the rate falls: in the drops above, or along half a cosine from
        `learning_rate` to almost 0, which has no drops and never empties the momentum.
    warm_up : float
        Epochs, or parts of one, in which the rate rises from almost 0.
    averaging : float
        In [0, 1). Above 0 the result is not the last weights but a running average:
        at each step it keeps this share of itself and takes the rest from the weights
        as they are. Validation measures the average too.
    trace : bool
        Whether the history keeps what each step measured; the weights are the same.

    Raises
    ------
    ValueError
        If a value is out of its range, or the rate drops to nothing; the message
        names the attribute.

    Notes
    -----
    Kim et al. 2016, section 3.2 and 5.2, and the authors' public training code.

    Examples
    --------
    >>> TrainingConfig.paper(epochs=8).learning_rate_at(3)
    0.01
    """

    epochs: int = 80  # the paper's
    batch_size: int = 64  # the paper's
    optimiser: str = "sgd"  # the paper's; "adam" is ours
    learning_rate: float = 0.1  # the paper's
    drop_every: int = 20  # the paper's: epochs at one rate
    drop_divisor: float = 10.0  # the paper's: what the rate is divided by
    last_layer_rate: float = 1.0  # the authors' code: one rate for all (SRCNN: 0.1)
    momentum: float = 0.9  # the paper's; Adam's first moment too
    reset_momentum: bool = True  # the authors' code: buffers to 0 when the rate drops
    weight_decay: float = 1e-4  # the paper's; added outside the clip: authors' code
    clipping: str = "adjustable"  # the paper's
    theta: float = 1e-4  # the authors' code; the paper gives none
    loss: str = "sum"  # the authors' code: over pixels; the batch is averaged
    seed: int = 0  # ours: the order of the patches
    validate_every: int | None = None  # ours: steps; None: at each epoch's end
    max_steps: int | None = None  # ours: end here, before the epochs are over
    schedule: str = "steps"  # the paper's; "cosine" is ours
    warm_up: float = 0.0  # ours: epochs; the paper begins at the full rate
    averaging: float = 0.0  # ours: the share kept at each step; the paper's: none
    trace: bool = False  # ours: a row a step in the history

    def __post_init__(self) -> None:
        for each in fields(self):  # a rate out of an array is a number like any other
            if isinstance(value := getattr(self, each.name), np.generic):
                object.__setattr__(self, each.name, value.item())
        for name, (check, wanted) in VALUE_RULES.items():
            value = getattr(self, name)
            if not check(value):
                raise ValueError(f"{name} must be {wanted}, got {value!r}")
        if self.warm_up >= self.epochs:
            raise ValueError(
                f"warm_up must be below the {self.epochs} epochs, got {self.warm_up!r}"
            )
        drops = (self.epochs - 1) // self.drop_every if self.schedule == "steps" else 0
        last = math.log10(self.learning_rate) - drops * math.log10(self.drop_divisor)
        if last < _LEAST_POWER:
            raise ValueError(
                f"drop_every must be more than {self.drop_every}: {drops} drops leave "
                f"nothing of a rate of {self.learning_rate:g}"
            )

    @classmethod
    def paper(cls, **changes: Any) -> TrainingConfig:
        """Return the paper's recipe: rate 0.1, divided by 10 after each quarter.

        Parameters
        ----------
        **changes
            Attributes to change. With other `epochs` than 80 the rate still drops
            after each quarter of them, in whole epochs, rounded up (of 5 epochs after
            the second and the fourth alone), unless `drop_every` is given.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If a value is out of range.
        """
        return cls._stretched(changes, parts=4)

    @classmethod
    def review(cls, **changes: Any) -> TrainingConfig:
        """Return the review's schedule: rates from 1e-2 down to 1e-6, in five parts.

        Parameters
        ----------
        **changes
            As for `paper`; the rate drops after each fifth of the epochs, and ends at
            1e-6 where they are a multiple of five.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If a value is out of range.

        Notes
        -----
        The review gives the two ends of the schedule; five equal parts are ours.
        """
        return cls._stretched({"learning_rate": 1e-2, **changes}, parts=5)

    @classmethod
    def srcnn(cls, **changes: Any) -> TrainingConfig:
        """Return SRCNN's recipe: rate 1e-4, 1e-5 in the last layer, nothing clipped.

        Parameters
        ----------
        **changes
            Attributes to change. The rate never drops, unless `drop_every` is given.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If a value is out of range.

        Notes
        -----
        Dong et al. 2016, section 3.3, for the rates. No weight decay: ours.
        """
        given = {
            "learning_rate": 1e-4,
            "last_layer_rate": 0.1,
            "clipping": "none",
            "weight_decay": 0.0,
        }
        return cls._stretched({**given, **changes}, parts=1)

    @classmethod
    def modern(cls, **changes: Any) -> TrainingConfig:
        """Return a recipe of our own: Adam, a warm-up and a cosine, averaged weights.

        Parameters
        ----------
        **changes
            Attributes to change.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If a value is out of range.
        """
        given: dict[str, Any] = {
            "optimiser": "adam",
            "learning_rate": 1e-3,
            "clipping": "none",
            "weight_decay": 0.0,
            "schedule": "cosine",
            "warm_up": 0.5,
            "averaging": 0.999,
        }
        return cls(**{**given, **changes})

    @classmethod
    def _stretched(cls, changes: dict[str, Any], parts: int) -> TrainingConfig:
        """Return a config whose rate drops after each of `parts` equal parts."""
        epochs = changes.get("epochs", cls.epochs)
        whole = isinstance(epochs, (int, np.integer)) and epochs >= 1
        drop_every = -(-epochs // parts) if whole else cls.drop_every
        return cls(**{"drop_every": drop_every, **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Return the config that `to_dict` described.

        Parameters
        ----------
        values : mapping
            Attribute names and values, as read from JSON.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If a name is unknown or a value out of range.
        """
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"TrainingConfig has no attribute {', '.join(unknown)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready; later ones only if not at their default.

        A recipe of the time before `schedule` existed is written as it was then.
        """
        defaults = {each.name: each.default for each in fields(self)}
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in _LATER or value != defaults[name]
        }

    def learning_rate_at(self, epoch: int, passed: float = 0.0) -> float:
        """Return the learning rate at a moment of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 1.
        passed : float
            The share of the epoch that is over, in [0, 1); only a cosine or a warm-up
            asks for it.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `epoch` is below 1.
        """
        if epoch < 1:
            raise ValueError(f"epochs are counted from 1, got {epoch}")
        moment, highest = epoch - 1 + passed, self.learning_rate
        if self.schedule == "steps":
            rate = steps(highest, epoch, self.drop_every, self.drop_divisor)
        else:
            rate = cosine(highest, moment, first=self.warm_up, last=self.epochs)
        return warmed_up(rate, moment, self.warm_up)

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps in the whole run.

        Parameters
        ----------
        steps_per_epoch : int
            What ``PatchSet.steps_per_epoch`` gives.

        Returns
        -------
        int
            Not above `max_steps`.
        """
        steps = self.epochs * steps_per_epoch
        return steps if self.max_steps is None else min(steps, self.max_steps)
