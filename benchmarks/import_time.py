"""What ``import vdsr_lib`` costs over ``import torch``.

    python benchmarks/import_time.py

Each line is the median of fresh interpreters, taken in turn so that a slow moment of
the machine falls on all of them, in seconds of processor time, which programs beside
them do not lengthen. The last line resolves the names that a training
script uses, which imports the modules behind them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

STATEMENTS = {
    "import torch": "import torch",
    "import vdsr_lib": "import vdsr_lib",
    "import torch, vdsr_lib": "import torch, vdsr_lib",
    "torch and the names of a training script": (
        "import torch; from vdsr_lib import VDSR, PatchSet, TrainingConfig, train, "
        "load_images, evaluate"
    ),
}


def seconds(statement: str) -> float:
    """Return the processor seconds of one fresh interpreter that runs a statement."""
    before = os.times()
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = os.times()
    system = after.children_system - before.children_system
    return after.children_user - before.children_user + system


def main(rounds: int = 7) -> None:
    """Print the table."""
    taken: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(rounds):
        for name, statement in STATEMENTS.items():
            taken[name].append(seconds(statement))
    base = statistics.median(taken["import torch"])
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"{median:6.2f} s  {median - base:+6.2f} s  {name}")


if __name__ == "__main__":
    main()
