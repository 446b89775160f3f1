"""Which exercises there are; a module with cases is imported when it is needed."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from vdsr_lib.exercises.exercise import Exercise

__all__ = ["exercise_names", "get_exercise"]

_MODULES: dict[str, tuple[str, ...]] = {
    "measuring": (
        "luma",
        "crop",
        "psnr",
        "bicubic-row",
        "ssim",
        "bicubic-score",
        "measured-score",
    ),
    "networks": (
        "layer-parameters",
        "vdsr-parameters",
        "srcnn-forward",
        "vdsr-forward",
        "multiplications",
        "first-weights",
        "counted-by-hand",
    ),
    "skipping": (
        "residual-target",
        "add-back",
        "residual-loss",
        "loss-slope",
        "unexplained",
        "lasting-epoch",
        "curve-reading",
    ),
    "seeing": (
        "next-layer",
        "receptive-field",
        "depth-for",
        "patch-count",
        "measured-field",
        "exact-tiles",
        "scratch-depth",
    ),
    "stepping": (
        "clip-bound",
        "adjustable-clip",
        "norm-clip",
        "longest-way",
        "update",
        "training-loop",
        "three-numbers",
    ),
    "comparing_methods": (
        "small-size",
        "network-input",
        "one-for-all",
        "mean-psnr",
        "chosen-epoch",
        "gain",
        "largest-gain",
    ),
}


def exercise_names() -> tuple[str, ...]:
    """Return the names of all exercises, in the order of the assignments.

    Returns
    -------
    tuple of str
    """
    return tuple(name for names in _MODULES.values() for name in names)


def get_exercise(name: str) -> Exercise:
    """Return one exercise.

    Parameters
    ----------
    name : str
        One of `exercise_names`.

    Returns
    -------
    Exercise

    Raises
    ------
    ValueError
        If there is no such exercise; the nearest name is suggested.
    """
    for module, names in _MODULES.items():
        if name in names:
            found: Exercise = import_module(f"vdsr_lib.exercises.{module}").EXERCISES[
                name
            ]
            return found
    near = get_close_matches(str(name), exercise_names(), n=1)
    guess = f"did you mean {near[0]!r}?" if near else ", ".join(exercise_names())
    raise ValueError(f"there is no exercise {name!r}: {guess}")
