"""The paper's experiments as data, and the store in which their runs are kept.

``run_experiment("table1")`` trains six networks, or finds them. ``EXPERIMENTS`` lists
what there is; ``recorded("table1")`` gives the run at full scale that ships with the
project, where there is one.
"""

from vdsr_lib.experiments.catalogue import EXPERIMENTS, get_experiment
from vdsr_lib.experiments.choosing import chosen_runs, narrowed
from vdsr_lib.experiments.context import best_filter, context_gains, filtered, texture
from vdsr_lib.experiments.cost import Cost, run_cost
from vdsr_lib.experiments.declare import PROFILES, Experiment, Pictures, Run, Watch
from vdsr_lib.experiments.diverged import (
    scores_by_step,
    tell_diverged,
    trained_networks,
)
from vdsr_lib.experiments.frames import Frames
from vdsr_lib.experiments.gradients import ClippingStudy, GradientTrace
from vdsr_lib.experiments.making import StoppedError, make_run, untrained
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.race import race, race_curves, race_frames
from vdsr_lib.experiments.rate import Rate, measure_rate
from vdsr_lib.experiments.recording import Recorded, record_experiment
from vdsr_lib.experiments.results import ExperimentResult, Recording, recorded
from vdsr_lib.experiments.running import run_experiment
from vdsr_lib.experiments.store import FinishedRun, RunStore, default_store
from vdsr_lib.experiments.sweep import BY_VALUE, Sweep, Task, make_all, tasks_of
from vdsr_lib.experiments.timing import depth_costs

__all__ = [
    "BY_VALUE",
    "EXPERIMENTS",
    "PROFILES",
    "ClippingStudy",
    "Cost",
    "Experiment",
    "ExperimentResult",
    "FinishedRun",
    "Frames",
    "GradientTrace",
    "Material",
    "Pictures",
    "Rate",
    "Recorded",
    "Recording",
    "Run",
    "RunStore",
    "StoppedError",
    "Sweep",
    "Task",
    "Watch",
    "best_filter",
    "chosen_runs",
    "context_gains",
    "default_store",
    "depth_costs",
    "filtered",
    "get_experiment",
    "make_all",
    "make_run",
    "measure_rate",
    "narrowed",
    "race",
    "race_curves",
    "race_frames",
    "record_experiment",
    "recorded",
    "run_cost",
    "run_experiment",
    "scores_by_step",
    "tasks_of",
    "tell_diverged",
    "texture",
    "trained_networks",
    "untrained",
]
