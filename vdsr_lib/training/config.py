"""What decides a training run, as one frozen record of numbers with their origin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from vdsr_lib.clipping import RULES

__all__ = ["LOSSES", "OPTIMISERS", "TrainingConfig"]

LOSSES = ("sum", "mean")
"""How squared errors are brought together over the pixels of a patch."""

OPTIMISERS = ("sgd", "adam")
"""The update rules."""


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
        The last layer's rate, as a multiple of the others'.
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

    Raises
    ------
    ValueError
        If a value is out of its range; the message names it.
    TypeError
        If a count is not an integer.

    Notes
    -----
    Kim et al. 2016, section 3.2 and 5.2, and the authors' public training code.

    Examples
    --------
    >>> TrainingConfig.paper().learning_rate_at(21)
    0.01
    >>> TrainingConfig.paper(epochs=8).drop_every
    2
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

    def __post_init__(self) -> None:
        for name, (check, wanted) in _RULES.items():
            value = getattr(self, name)
            if not check(value):
                raise ValueError(f"{name} must be {wanted}, got {value!r}")

    @classmethod
    def paper(cls, **changes: Any) -> TrainingConfig:
        """Return the paper's recipe: rate 0.1, divided by 10 after each quarter.

        Parameters
        ----------
        **changes
            Attributes to change. With other `epochs` than 80 the rate still drops
            after each quarter of them, unless `drop_every` is given.

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
            As for `paper`; the rate drops after each fifth of the epochs.

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
    def _stretched(cls, changes: dict[str, Any], parts: int) -> TrainingConfig:
        """Return a config whose rate drops after each of `parts` equal parts."""
        epochs = changes.get("epochs", cls.epochs)
        whole = isinstance(epochs, int) and epochs >= 1
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
        """Return all attributes, JSON-ready."""
        return asdict(self)

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 1.

        Returns
        -------
        float
        """
        return self.learning_rate / self.drop_divisor ** (
            (epoch - 1) // self.drop_every
        )

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


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_count_or_none(value: Any) -> bool:
    return value is None or _is_count(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _one_of(allowed: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    return allowed.__contains__, f"one of {', '.join(allowed)}"


_COUNT = _is_count, "an integer of at least 1"
_COUNT_OR_NONE = _is_count_or_none, "an integer of at least 1, or None"
_POSITIVE = _is_positive, "a number above 0"
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "optimiser": _one_of(OPTIMISERS),
    "learning_rate": _POSITIVE,
    "drop_every": _COUNT,
    "drop_divisor": _POSITIVE,
    "last_layer_rate": _POSITIVE,
    "momentum": (lambda value: _is_number(value) and 0 <= value < 1, "in [0, 1)"),
    "reset_momentum": (lambda value: isinstance(value, bool), "True or False"),
    "weight_decay": (lambda value: _is_number(value) and value >= 0, "0 or above"),
    "clipping": _one_of(RULES),
    "theta": _POSITIVE,
    "loss": _one_of(LOSSES),
    "seed": (
        lambda value: isinstance(value, int) and 0 <= value < 2**63,
        "an integer from 0 to 2**63 - 1",
    ),
    "validate_every": _COUNT_OR_NONE,
    "max_steps": _COUNT_OR_NONE,
}
