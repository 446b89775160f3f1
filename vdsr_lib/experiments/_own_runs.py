"""Experiments of our own, beside those of the paper.

Each function takes what a profile means and yields the runs of one experiment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from vdsr_lib.experiments._paper_runs import (
    RATES,
    at_scale_2,
    benchmark_runs,
    clipping_runs,
    depth_runs,
    residual_runs,
)
from vdsr_lib.experiments._shortening import glimpse, miniature, sparse
from vdsr_lib.experiments.declare import Factor, Run
from vdsr_lib.experiments.sizes import CAMERA, SMALLER, Size
from vdsr_lib.training import TrainingConfig

__all__ = [
    "clipping_start_runs",
    "decay_runs",
    "mirrored_runs",
    "mirrored_scales_runs",
    "modern_runs",
    "overlap_runs",
    "schedule_runs",
    "shallow_runs",
    "side_by_side_runs",
    "srcnn_runs",
]


def overlap_runs(size: Size) -> Iterable[Run]:
    """Table 1's residual networks from patches that overlap by half.

    An epoch has four times the examples. "9960 iterations" leave no room for overlap,
    but the first epochs of Figure 4 fit it: see `benchmarks/first_epochs.py`.
    """
    short = {"epochs": 2} if size.profile == "classroom" else {}
    for rate in RATES:
        recipe = size.recipe(**short, learning_rate=rate)
        yield at_scale_2(size, 10, True, recipe, stride=11)


def mirrored_runs(size: Size) -> Iterable[Run]:
    """Table 1's networks from patches and their mirror images.

    The authors' first public code walks through the four flips of each picture in a
    loop whose bound leaves one, ``for flip = 0``. With all four an epoch has four times
    the examples, as with patches that overlap, and those examples differ more. (That
    code flips a picture before it cuts it. Here patches are flipped where they lie.)
    """
    for run in residual_runs(size):
        recipe = run.training
        if size.profile == "classroom":
            recipe = size.recipe(epochs=2, learning_rate=recipe.learning_rate)
        yield replace(run, training=recipe, augment="flips")


def mirrored_scales_runs(size: Size) -> Iterable[Run]:
    """Table 2's networks for one scale and for all, from patches in their four flips.

    At depth 20 the paper prints the ends of its runs and no curve, so that only whole
    runs can tell whether its patches were flipped there too.
    """
    smaller = SMALLER[size.profile]
    if size.profile == "classroom":
        smaller = replace(smaller, training={"epochs": 1})
    for scales in ((2,), (3,), (4,), (2, 3, 4)):
        name = "x" + ", x".join(map(str, scales))
        factors = {"trained_on": name}
        yield smaller.vdsr(name, factors, scales=scales, augment="flips")


def shallow_runs(size: Size) -> Iterable[Run]:
    """Depth 3, as SRCNN has it, with and without the skip, trained gently and long."""
    epochs = {"quick": 8, "classroom": 32, "paper": 80}[size.profile]
    gentle = TrainingConfig(
        epochs=epochs,
        drop_every=3 * epochs // 4,
        optimiser="adam",
        learning_rate=1e-3,
        clipping="none",
        weight_decay=0.0,
        validate_every=100 if size.profile == "quick" else None,
    )
    for residual in (True, False):
        yield at_scale_2(size, 3, residual, gentle)


def decay_runs(size: Size) -> Iterable[Run]:
    """Two networks of the paper with its weight decay, without, and on large patches.

    The loss is a sum over the pixels of a patch, so that the same decay weighs more
    where patches are small: Table 1's have 441 of them, and the smallest of Figure 3
    121, where those of depth 20 have 1,681. The shallowest network is also trained,
    with decay, on patches as large as the deepest one's.
    """
    shallowest, *_, deepest = depth_runs(size)
    depth, largest = shallowest.factors["depth"], deepest.patch_size
    for decay in (1e-4, 0.0):
        ten = at_scale_2(size, 10, True, size.recipe(weight_decay=decay))
        small = replace(shallowest.training, weight_decay=decay)
        for layers, run in ((10, ten), (depth, replace(shallowest, training=small))):
            yield _with_factors(f"depth {layers}, decay {decay:g}", layers, run)
    large = replace(shallowest, patch_size=largest)
    yield _with_factors(f"depth {depth}, patches of {largest}", depth, large)


def _with_factors(name: str, layers: Factor, run: Run) -> Run:
    factors = {"depth": layers, "patch": run.patch_size}
    factors["weight_decay"] = run.training.weight_decay
    return replace(run, name=name, factors=factors)


def clipping_start_runs(size: Size) -> Iterable[Run]:
    """Section 3.2 in its first two epochs: where networks crawl, or explode.

    Full runs take hours each, these minutes: the same networks, patches and recipe,
    ended after two of 80 epochs, with what each step measured. Below full size the runs
    are short as they are.
    """
    shorter: dict[str, Any] = {"max_steps": 248, "validate_every": 31, "trace": True}
    for run in clipping_runs(size):
        recipe = replace(run.training, **shorter if size.profile == "paper" else {})
        yield replace(run, training=recipe)


def schedule_runs(size: Size) -> Iterable[Run]:
    """Rates that fall as in the paper, against those that the review states."""
    smaller, apart = SMALLER[size.profile], None
    if size.profile != "paper":  # 20 short epochs, which both 4 and 5 parts divide
        smaller = replace(smaller, training={"epochs": 20})
        apart = {"quick": 120, "classroom": 56}[size.profile]
    labels = {"paper": "0.1 to 1e-4", "review": "1e-2 to 1e-6"}
    for name, label in labels.items():
        recipe = getattr(TrainingConfig, name)(**smaller.training)
        yield smaller.vdsr(name, {"schedule": label}, training=recipe, stride=apart)


def side_by_side_runs(size: Size) -> Iterable[Run]:
    """VDSR and SRCNN from the same pictures: at equal steps, and at equal time.

    SRCNN's steps cost less, so it gets three times as many, by its own recipe and by
    one that is kinder to it.
    """
    quick, full = size.profile == "quick", size.profile == "paper"
    patches: dict[str, Any] = {
        "patch_size": 41 if full else 21,
        "stride": 84 if quick else None,
    }
    epochs = {"quick": 3, "classroom": 2, "paper": 80}[size.profile]
    often = 14 if quick else None
    seen: dict[str, Any] = {
        "validate": replace(size.validate, scales=(3,)),
        "watch": replace(CAMERA, scale=3),
        # First the curves' pictures: what bicubic has there is the level to pass.
        "test": (size.validate, *(size.test if full else ())),
        **patches,
    }
    recipe = replace(miniature(), validate_every=often) if quick else None
    vdsr = recipe or TrainingConfig.paper(epochs=epochs)
    yield size.vdsr("VDSR", {"network": "VDSR"}, training=vdsr, **seen)
    # A step of VDSR takes from three scales what one of SRCNN takes from one.
    same: dict[str, Any] = {"epochs": 9 * epochs, "validate_every": often}
    own = TrainingConfig.srcnn(**same)
    kinder = replace(own, optimiser="adam", learning_rate=1e-3, last_layer_rate=1.0)
    for name, config in {"": own, ", Adam": kinder}.items():
        yield size.vdsr(
            f"SRCNN{name}",
            {"network": f"SRCNN{name}"},
            architecture={"name": "SRCNN", "kernels": [9, 1, 5], "widths": [64, 32]},
            training=config,
            scales=(3,),
            **seen,
        )


def modern_runs(size: Size) -> Iterable[Run]:
    """Ours: the network and the pictures of Table 3, trained by a recipe of today.

    Every run takes as many steps, of about as many pixels; at full size there is one
    more, as long as Table 3's. Which of them is better the validation pictures say,
    never a benchmark.
    """
    epochs = {"quick": 6, "classroom": 8, "paper": 20}[size.profile]
    side, (table3,) = 2 * size.depth + 1, tuple(benchmark_runs(size))
    short: dict[str, Any] = {"stride": sparse(size)}
    if size.profile == "quick":
        short = glimpse(size) | {"stride": 260}
    recipe = TrainingConfig.modern(epochs=epochs)
    larger: dict[str, Any] = {"patch_size": 2 * side - 1}  # a quarter as many
    larger["stride"] = sparse(size, 2)
    if size.profile == "quick":
        larger["stride"] = 520
    for name, config, patches in (
        ("modern", recipe, {}),
        ("modern, larger patches", replace(recipe, batch_size=16), larger),
        ("paper's recipe", TrainingConfig.paper(epochs=epochs), {}),
    ):
        factors: dict[str, Factor] = {
            "recipe": config.optimiser,
            "patch": patches.get("patch_size", side),
        }
        declared = {"test": table3.test} | short | patches | {"training": config}
        yield size.vdsr(
            name, factors, train_on=table3.train_on, augment=True, **declared
        )
    if size.profile == "paper":
        yield size.vdsr(
            "modern, 80 epochs",
            {"recipe": recipe.optimiser, "patch": side},
            train_on=table3.train_on,
            augment=True,
            test=table3.test,
            training=TrainingConfig.modern(epochs=80),
        )


def srcnn_runs(size: Size) -> Iterable[Run]:
    """SRCNN on the same pictures, one network a scale as its paper has it.

    Dong et al. 2016 train for days at rate 1e-4. Adam, batches of 16, a cosine and
    averaged weights are ours, so that a network is done in half an hour of one CPU
    core. So are initial weights after He: from the paper's small ones, steps of 1e-3
    end with 37 of 64 and 18 of 32 filters dead and 0.8 dB lower (9-1-5 on T91, x2).
    """
    epochs = {"quick": 8, "classroom": 8, "paper": 80}[size.profile]
    recipe = TrainingConfig.modern(epochs=epochs, batch_size=16)
    stride = {"quick": 84, "classroom": 42, "paper": 14}[size.profile]  # 14: theirs
    validate = (
        replace(size.validate, crop=64) if size.profile == "quick" else size.validate
    )
    for kernels, scale in ((k, s) for k in ((9, 1, 5), (9, 5, 5)) for s in (2, 3, 4)):
        layers = "-".join(map(str, kernels))
        net = {
            "name": "SRCNN",
            "kernels": list(kernels),
            "widths": [64, 32],
            "initialisation": "he",
        }
        yield size.vdsr(
            f"SRCNN {layers}, x{scale}",
            {"network": f"SRCNN {layers}", "trained_on": f"x{scale}"},
            architecture=net,
            training=recipe,
            scales=(scale,),
            patch_size=33,  # Dong et al. 2016
            stride=stride,
            validate=replace(validate, scales=(scale,)),
            test=tuple(replace(each, scales=(scale,)) for each in size.test),
        )
