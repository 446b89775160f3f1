"""The experiments of the paper, run by run.

Each function takes what a profile means and yields the runs of one experiment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from vdsr_lib.experiments._shortening import apart, glimpse, miniature, sparse
from vdsr_lib.experiments.declare import Pictures, Run
from vdsr_lib.experiments.sizes import CAMERA, SMALLER, Size
from vdsr_lib.training import TrainingConfig

__all__ = [
    "RATES",
    "at_scale_2",
    "benchmark_runs",
    "clipping_runs",
    "data_runs",
    "depth_runs",
    "residual_runs",
    "scale_runs",
]

RATES = (0.1, 0.01, 0.001)
"""The first rates of Table 1 and Figure 4."""

_REPEATS = 3  # runs of Figure 3 at one depth, which differ by chance alone


def residual_runs(size: Size) -> Iterable[Run]:
    """Table 1 and Figure 4: depth 10, x2, with and without the skip, three rates."""
    for rate in RATES:
        for residual in (True, False):
            yield at_scale_2(size, 10, residual, size.recipe(learning_rate=rate))


def at_scale_2(
    size: Size, depth: int, residual: bool, recipe: TrainingConfig, **changes: Any
) -> Run:
    """Declare a run at x2 with a detail to watch.

    At full size it is measured on Set5 after each epoch, as Figure 4 plots it.
    """
    validate = replace(size.validate, scales=(2,))
    if size.profile == "paper":
        validate = Pictures("set5", (2,))
    network = "residual" if residual else "non-residual"
    return size.vdsr(
        f"{network}, rate {recipe.learning_rate:g}",
        {"network": network, "learning_rate": recipe.learning_rate, "depth": depth},
        depth=depth,
        residual=residual,
        training=recipe,
        scales=(2,),
        patch_size=21,  # as large as depth 10 sees
        validate=validate,
        watch=CAMERA,
        test=(validate,),  # the curve ends at the table's number
        **changes,
    )


def scale_runs(size: Size) -> Iterable[Run]:
    """Table 2: networks for one scale, for two, and for all three.

    All have the same epochs, as in the paper, so a network for three scales takes three
    times the steps of one for a single scale.
    """
    smaller = SMALLER[size.profile]
    if size.profile == "quick":  # 5 epochs at three rates, so that they settle
        smaller = replace(smaller, training={"epochs": 5, "drop_every": 2})
    for scales in ((2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)):
        name = "x" + ", x".join(map(str, scales))
        declared: dict[str, Any] = {"scales": scales, "stride": apart(smaller)}
        yield smaller.vdsr(name, {"trained_on": name}, **declared)


def depth_runs(size: Size) -> Iterable[Run]:
    """Figure 3: PSNR against depth, with several runs at each depth.

    At `quick` patches are far apart, so that an epoch has 28 steps whatever the depth
    is, and a run sees the rate fall.
    """
    depths = range(5, 21) if size.profile == "paper" else (3, 5, 7, 10)
    small = replace(size.validate, crop=128)
    short: dict[str, dict[str, Any]] = {
        "quick": {
            "stride": 84,
            "training": miniature(),
            "validate": replace(small, scales=(3,), crop=64),
            "test": (small,),
        },
        "classroom": {"training": size.recipe(epochs=2)},
    }
    for depth in depths:
        for repeat in range(_REPEATS):
            factors = {"depth": depth, "repeat": repeat}
            name = f"depth {depth}, run {repeat + 1}"
            made = {"depth": depth, "repeat": repeat, **short.get(size.profile, {})}
            yield size.vdsr(name, factors, **made)


def data_runs(size: Size) -> Iterable[Run]:
    """More pictures, and pictures turned and flipped: only the draft prints this.

    Where time is short both networks take about as many steps and see as many examples:
    patches as they are, or an eighth as many in eight orientations.
    """
    sets = {"embedded": size.train_on}
    if size.profile == "paper":
        sets = {"T91": ("t91",), "291": ("t91", "bsd200")}
    for label, names in sets.items():
        for augment in (False, True):
            name = label + (" + augmentation" if augment else "")
            factors = {"data": label, "augmentation": augment}
            short: dict[str, Any] = {}
            if size.profile == "quick":
                short = glimpse(size) | {"stride": 260 if augment else 84}
            elif augment:
                short = {"stride": sparse(size)}
            yield size.vdsr(name, factors, train_on=names, augment=augment, **short)


def benchmark_runs(size: Size) -> Iterable[Run]:
    """Table 3: the network that the paper compares with others, on all four sets."""
    sets, pictures = size.test, size.train_on
    if size.profile == "paper":
        names = ("set5", "set14", "b100", "urban100")
        sets = tuple(Pictures(name) for name in names)
        pictures = ("t91", "bsd200")
    yield size.vdsr(
        "VDSR", {}, train_on=pictures, augment=True, test=sets, stride=sparse(size)
    )


def clipping_runs(size: Size) -> Iterable[Run]:
    """Section 3.2: how steps are kept short, at three rates."""
    limits: dict[str, float] = {
        "adjustable": 1e-4,  # the authors' code
        "value": 1e-3,  # ours: what adjustable allows at rate 0.1
        "norm": 0.4,  # the default of the best-known PyTorch port
        "none": 1e-4,  # not used
    }
    smaller = SMALLER[size.profile]
    for rule, theta in limits.items():
        for rate in RATES:
            recipe = smaller.recipe(clipping=rule, theta=theta, learning_rate=rate)
            yield smaller.vdsr(
                f"{rule}, rate {rate:g}",
                {"clipping": rule, "learning_rate": rate},
                training=recipe,
                stride=apart(smaller),
            )
