"""The three sizes of every experiment, and the runs that all of them are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vdsr_lib.experiments.declare import Factor, Pictures, Run, Watch
from vdsr_lib.training import TrainingConfig

__all__ = ["CAMERA", "SIZES", "SMALLER", "Size"]

CAMERA = Watch("embedded-test", "camera", 2, (104, 196, 112, 112))
"""The detail that can be seen getting sharper: CC0, so that its frames may ship."""


@dataclass(frozen=True)
class Size:
    """What a profile means, in numbers.

    Parameters
    ----------
    profile : str
        Its name.
    depth : int
        Depth of the network where the paper has 20.
    train_on : tuple of str
        The data sets where the paper has T91.
    validate : Pictures
        Measured as a run goes on; it steers nothing.
    test : tuple of Pictures
        Measured at the end, where the paper has Set5.
    training : mapping
        Changes to the paper's recipe: how long, how often it is measured.
    """

    profile: str
    depth: int
    train_on: tuple[str, ...]
    validate: Pictures
    test: tuple[Pictures, ...]
    training: Mapping[str, Any]

    def recipe(self, **changes: Any) -> TrainingConfig:
        """Return the paper's recipe at this size, with some changes."""
        return TrainingConfig.paper(**{**self.training, **changes})

    def vdsr(
        self,
        name: str,
        factors: Mapping[str, Factor],
        *,
        depth: int | None = None,
        residual: bool = True,
        **changes: Any,
    ) -> Run:
        """Declare a run of VDSR at this size.

        Parameters
        ----------
        name : str
            Of the run.
        factors : mapping
            What tells it from the others.
        depth, residual : optional
            The network; its width is 64. Patches are as large as it sees.
        **changes
            Other attributes of `Run`.

        Returns
        -------
        Run
        """
        depth = self.depth if depth is None else depth
        architecture = {
            "name": "VDSR",
            "depth": depth,
            "width": 64,
            "residual": residual,
        }
        declared: dict[str, Any] = {
            "architecture": architecture,
            "training": self.recipe(),
            "train_on": self.train_on,
            "scales": (2, 3, 4),
            "patch_size": 2 * depth + 1,
            "validate": self.validate,
            "test": self.test,
        }
        return Run(name=name, factors=dict(factors), **(declared | changes))


_ALL = (2, 3, 4)

SIZES: dict[str, Size] = {
    # The first steps of the paper's recipe, on pictures that need no download.
    "quick": Size(
        profile="quick",
        depth=10,
        train_on=("embedded-train",),
        validate=Pictures("embedded-test", _ALL, crop=160),
        test=(Pictures("embedded-test", _ALL, crop=160),),
        training={"max_steps": 200, "validate_every": 25},
    ),
    # A tenth of the paper's epochs, with all four rates, on the same pictures.
    "classroom": Size(
        profile="classroom",
        depth=10,
        train_on=("embedded-train",),
        validate=Pictures("embedded-test", _ALL, crop=160),
        test=(Pictures("embedded-test", _ALL),),
        training={"epochs": 8},
    ),
    # The paper's own pictures and epochs. Validation stays away from the benchmarks.
    "paper": Size(
        profile="paper",
        depth=20,
        train_on=("t91",),
        validate=Pictures("bsd500-test", _ALL, crop=96, count=24),
        test=(Pictures("set5", _ALL),),
        training={"epochs": 80},
    ),
}
"""The sizes by profile."""

SMALLER: dict[str, Size] = SIZES | {
    # For experiments of many runs: a dozen of them take less than a minute.
    "quick": replace(
        SIZES["quick"],
        depth=5,
        validate=Pictures("embedded-test", (3,), crop=80),
        test=(Pictures("embedded-test", _ALL, crop=80),),
        training={"max_steps": 150},
    ),
    # And here a few minutes, on two CPU cores.
    "classroom": replace(
        SIZES["classroom"],
        depth=7,
        validate=Pictures("embedded-test", (3,), crop=96),
        test=(Pictures("embedded-test", _ALL, crop=160),),
        training={"epochs": 4},
    ),
}
"""The sizes of experiments that have many runs; at `paper` they are the same."""
