"""What is said about a run: the command that makes it, and what it would cost."""

from __future__ import annotations

import re

from vdsr_lib.experiments.catalogue import EXPERIMENTS
from vdsr_lib.experiments.cost import run_cost
from vdsr_lib.experiments.declare import Run

__all__ = ["command_for", "cost_text"]

# One core of an Intel Xeon (Sapphire Rapids, AMX) that does nothing else; training in
# bfloat16 (benchmarks/training_step.py), measuring in float32. SRCNN's are coarse, and
# those of 9-5-5 an EPYC's, without AMX. Other shapes are taken for 9-1-5.
_RATES = {
    "VDSR": (530e9, 110e9),
    "SRCNN 9-1-5": (40e9, 50e9),
    "SRCNN 9-5-5": (150e9, 85e9),
}


def command_for(
    experiment: str, profile: str, run: str | None = None, seed: int = 0
) -> str:
    """Return the command that makes a run again, or the call for one's own experiment.

    Parameters
    ----------
    experiment, profile : str
        Which experiment, at which size.
    run : str, optional
        Which of its runs; all of them by default.
    seed : int
        The experiment's.

    Returns
    -------
    str
        For a POSIX shell; for Python where the command line does not know the
        experiment.
    """
    if experiment not in EXPERIMENTS:
        only = "" if run is None else f', only="{run}"'
        other = f", seed={seed}" if seed else ""
        return f'run_experiment({experiment}, "{profile}"{only}{other})'
    quoted = run if re.fullmatch(r"[\w.-]+", run or "") else f'"{run}"'
    only = "" if run is None else f" --only {quoted}"
    other = f" --seed {seed}" if seed else ""
    return f"vdsr experiments run {experiment} --profile {profile}{only}{other}"


def cost_text(run: Run) -> str:
    """Say that a run was not made, and what it would cost.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    str
        ``"not run (about 18 h on one CPU core)"``: reckoned from its operations at the
        speed of one core that has AMX, so that it is the same on every machine.
    """
    cost = run_cost(run)
    training, measuring = _RATES.get(cost.network, _RATES["SRCNN 9-1-5"])
    hours = (cost.training / training + cost.measuring / measuring) / 3600
    if hours >= 48:
        text = f"{hours / 24:.1f} days"
    else:
        text = f"{hours:.1f} h" if hours >= 1 else f"{max(1, 60 * hours):.0f} min"
    return f"not run (about {text} on one CPU core)"
