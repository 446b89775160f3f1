"""Training: the recipe, the loop, its history, and the folder it goes on from."""

from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.diagnosis import DivergedError, StuckAtBicubicWarning
from vdsr_lib.training.history import History
from vdsr_lib.training.monitors import Monitor, ProgressBar, Silent
from vdsr_lib.training.step import training_loss
from vdsr_lib.training.trainer import train

__all__ = [
    "DivergedError",
    "History",
    "Monitor",
    "ProgressBar",
    "Silent",
    "StuckAtBicubicWarning",
    "TrainingConfig",
    "train",
    "training_loss",
]
