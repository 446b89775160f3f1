"""What each value of a training recipe must be, and how an error says it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from vdsr_lib.clipping import RULES

__all__ = ["LOSSES", "OPTIMISERS", "SCHEDULES", "VALUE_RULES"]

LOSSES = ("sum", "mean")
"""How squared errors are brought together over the pixels of a patch."""

OPTIMISERS = ("sgd", "adam")
"""The update rules."""

SCHEDULES = ("steps", "cosine")
"""How the learning rate falls."""

_Rule: TypeAlias = tuple[Callable[[Any], bool], str]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_count_or_none(value: Any) -> bool:
    return value is None or _is_count(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _one_of(allowed: tuple[str, ...]) -> _Rule:
    return allowed.__contains__, f"one of {', '.join(allowed)}"


_COUNT = _is_count, "an integer of at least 1"
_COUNT_OR_NONE = _is_count_or_none, "an integer of at least 1, or None"
_POSITIVE = _is_positive, "a number above 0"
_NOT_NEGATIVE = (lambda value: _is_number(value) and value >= 0), "0 or above"
_SWITCH = (lambda value: isinstance(value, bool)), "True or False"
_SHARE = (lambda value: _is_number(value) and 0 <= value < 1), "in [0, 1)"
VALUE_RULES: dict[str, _Rule] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "optimiser": _one_of(OPTIMISERS),
    "learning_rate": _POSITIVE,
    "drop_every": _COUNT,
    "drop_divisor": (
        lambda value: _is_number(value) and value >= 1,
        "a number of at least 1",
    ),
    "last_layer_rate": _POSITIVE,
    "momentum": _SHARE,
    "reset_momentum": _SWITCH,
    "weight_decay": _NOT_NEGATIVE,
    "clipping": _one_of(RULES),
    "theta": _POSITIVE,
    "loss": _one_of(LOSSES),
    "seed": (
        lambda value: isinstance(value, int) and 0 <= value < 2**63,
        "an integer from 0 to 2**63 - 1",
    ),
    "validate_every": _COUNT_OR_NONE,
    "max_steps": _COUNT_OR_NONE,
    "schedule": _one_of(SCHEDULES),
    "warm_up": _NOT_NEGATIVE,
    "averaging": _SHARE,
    "trace": _SWITCH,
}
"""For each attribute of `TrainingConfig`: a check, and what is wanted in words."""
