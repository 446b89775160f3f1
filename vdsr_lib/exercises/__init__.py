"""Self-checks of the exercises: what a function must do, and what it does instead.

`check_exercise` compares a reader's function with the library on a few small cases,
says in words what was given, expected and got, names the usual mistake when the answer
is exactly what that mistake gives, and has hints for whoever asks.
"""

from vdsr_lib.exercises.catalogue import exercise_names, get_exercise
from vdsr_lib.exercises.checking import ExerciseError, check_exercise
from vdsr_lib.exercises.exercise import Case, Exercise

__all__ = [
    "Case",
    "Exercise",
    "ExerciseError",
    "check_exercise",
    "exercise_names",
    "get_exercise",
]
