"""The experiments of the paper, and those of our own, as data at three sizes.

The same run stands in several of them: the network of Table 2 for all scales is the
one of depth 20 in Figure 3, the T91 row of the data ablation, and the paper's own
schedule. It has one key, and is trained once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from vdsr_lib.experiments.declare import Experiment, Factor, Pictures, Run
from vdsr_lib.experiments.sizes import SIZES, SMALLER, Size
from vdsr_lib.training import TrainingConfig

__all__ = ["EXPERIMENTS", "get_experiment"]

_RATES = (0.1, 0.01, 0.001)


def get_experiment(name: str) -> Experiment:
    """Return an experiment by its name.

    Parameters
    ----------
    name : str
        A key of `EXPERIMENTS`.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    close = get_close_matches(name, list(EXPERIMENTS), n=1)
    guess = f" (did you mean {close[0]!r}?)" if close else ""
    known = ", ".join(EXPERIMENTS)
    raise ValueError(f"no experiment {name!r}{guess}; there are {known}")


def _residual(size: Size) -> Iterable[Run]:
    """Table 1 and Figure 4: depth 10, x2, with and without the skip, three rates."""
    for rate in _RATES:
        for residual in (True, False):
            yield _at_scale_2(size, 10, residual, size.recipe(learning_rate=rate))


def _shallow(size: Size) -> Iterable[Run]:
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
        yield _at_scale_2(size, 3, residual, gentle)


def _overlap(size: Size) -> Iterable[Run]:
    """Table 1's residual networks from patches that overlap by half.

    An epoch has four times the examples. "9960 iterations" leave no room for overlap,
    but the first epochs of Figure 4 fit it: see `benchmarks/first_epochs.py`.
    """
    short = {"epochs": 2} if size.profile == "classroom" else {}
    for rate in _RATES:
        recipe = size.recipe(**short, learning_rate=rate)
        yield _at_scale_2(size, 10, True, recipe, stride=11)


def _at_scale_2(
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
        watch=size.watch,
        test=(validate,),  # the curve ends at the table's number
        **changes,
    )


def _scales(size: Size) -> Iterable[Run]:
    """Table 2: networks for one scale, for two, and for all three.

    All have the same epochs, as in the paper, so a network for three scales takes three
    times the steps of one for a single scale.
    """
    smaller = SMALLER[size.profile]
    if size.profile == "quick":  # 5 epochs at three rates, so that they settle
        smaller = replace(smaller, training={"epochs": 5, "drop_every": 2})
    for scales in ((2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)):
        name = "x" + ", x".join(map(str, scales))
        apart = _apart(smaller)
        yield smaller.vdsr(name, {"trained_on": name}, scales=scales, stride=apart)


def _depths(size: Size) -> Iterable[Run]:
    """Figure 3: PSNR against depth, with several runs at each depth.

    At `quick` patches are far apart, so that an epoch has 28 steps whatever the depth
    is, and a run sees the rate fall.
    """
    depths = range(5, 21) if size.profile == "paper" else (3, 5, 7, 10)
    small = replace(size.validate, crop=128)
    short: dict[str, dict[str, Any]] = {
        "quick": {
            "stride": 84,
            "training": _miniature(),
            "validate": replace(small, scales=(3,), crop=64),
            "test": (small,),
        },
        "classroom": {"training": size.recipe(epochs=2)},
    }
    for depth in depths:
        for repeat in range(size.repeats):
            factors = {"depth": depth, "repeat": repeat}
            name = f"depth {depth}, run {repeat + 1}"
            made = {"depth": depth, "repeat": repeat, **short.get(size.profile, {})}
            yield size.vdsr(name, factors, **made)


def _miniature() -> TrainingConfig:
    """Return the paper's recipe in three epochs: two at rate 0.1, one at 0.01."""
    return TrainingConfig.paper(epochs=3, drop_every=2)


def _data(size: Size) -> Iterable[Run]:
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
                short = _glimpse(size) | {"stride": 260 if augment else 84}
            elif augment:
                short = {"stride": _sparse(size)}
            yield size.vdsr(name, factors, train_on=names, augment=augment, **short)


def _sparse(size: Size, times: int = 1) -> int | None:
    """Return the step between patches that leaves about an eighth of them.

    The eight orientations make up for it: an epoch lasts minutes, not an hour. At
    `paper` all patches are there.
    """
    return 3 * times * (2 * size.depth + 1) if size.profile == "classroom" else None


def _glimpse(size: Size) -> dict[str, Any]:
    """Return what makes a run short: six short epochs, measured on few pixels.

    The rate falls after every second one: single steps at 0.1 still move the PSNR at
    scale 2 by some tenths of a decibel, and the end would be luck.
    """
    return {
        "training": TrainingConfig.paper(epochs=6, drop_every=2),
        "validate": replace(size.validate, scales=(3,), crop=64),
        "test": (replace(size.validate, crop=128),),
    }


def _benchmark(size: Size) -> Iterable[Run]:
    """Table 3: the network that the paper compares with others, on all four sets."""
    sets, pictures = size.test, size.train_on
    if size.profile == "paper":
        names = ("set5", "set14", "b100", "urban100")
        sets = tuple(Pictures(name) for name in names)
        pictures = ("t91", "bsd200")
    yield size.vdsr(
        "VDSR", {}, train_on=pictures, augment=True, test=sets, stride=_sparse(size)
    )


def _modern(size: Size) -> Iterable[Run]:
    """Ours: the network and the pictures of Table 3, trained by a recipe of today.

    Every run takes as many steps, of about as many pixels. Which of them is better
    the validation pictures say, never a benchmark.
    """
    epochs = {"quick": 6, "classroom": 8, "paper": 20}[size.profile]
    side, (table3,) = 2 * size.depth + 1, tuple(_benchmark(size))
    short: dict[str, Any] = {"stride": _sparse(size)}
    if size.profile == "quick":
        short = _glimpse(size) | {"stride": 260}
    recipe = TrainingConfig.modern(epochs=epochs)
    larger: dict[str, Any] = {"patch_size": 2 * side - 1}  # a quarter as many
    larger["stride"] = _sparse(size, 2)
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


def _clipping(size: Size) -> Iterable[Run]:
    """Section 3.2: how steps are kept short, at three rates."""
    limits: dict[str, float] = {
        "adjustable": 1e-4,  # the authors' code
        "value": 1e-3,  # ours: what adjustable allows at rate 0.1
        "norm": 0.4,  # the default of the best-known PyTorch port
        "none": 1e-4,  # not used
    }
    smaller = SMALLER[size.profile]
    for rule, theta in limits.items():
        for rate in _RATES:
            recipe = smaller.recipe(clipping=rule, theta=theta, learning_rate=rate)
            yield smaller.vdsr(
                f"{rule}, rate {rate:g}",
                {"clipping": rule, "learning_rate": rate},
                training=recipe,
                stride=_apart(smaller),
            )


def _schedules(size: Size) -> Iterable[Run]:
    """Rates that fall as in the paper, against those that the review states."""
    smaller, apart = SMALLER[size.profile], None
    if size.profile != "paper":  # 20 short epochs, which both 4 and 5 parts divide
        smaller = replace(smaller, training={"epochs": 20})
        apart = {"quick": 120, "classroom": 56}[size.profile]
    labels = {"paper": "0.1 to 1e-4", "review": "1e-2 to 1e-6"}
    for name, label in labels.items():
        recipe = getattr(TrainingConfig, name)(**smaller.training)
        yield smaller.vdsr(name, {"schedule": label}, training=recipe, stride=apart)


def _apart(size: Size) -> int | None:
    """Return the step between patches: less than the whole picture where time is short.

    At `paper` the patches touch, as the paper has them.
    """
    part = {"quick": 3, "classroom": 2, "paper": None}[size.profile]
    return part and part * (2 * size.depth + 1)


def _srcnn(size: Size) -> Iterable[Run]:
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


def _side_by_side(size: Size) -> Iterable[Run]:
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
    watch = replace(size.watch, dataset="embedded-test", picture="camera", scale=3)
    seen: dict[str, Any] = {
        "validate": replace(size.validate, scales=(3,)),
        "watch": watch,
        "test": size.test if full else (size.validate,),  # bicubic as in the curves
        **patches,
    }
    recipe = replace(_miniature(), validate_every=often) if quick else None
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


_DECLARED: dict[str, tuple[str, str, Callable[[Size], Iterable[Run]]]] = {
    "table1": (
        "Residual and non-residual networks at three rates",
        "Table 1 and Figure 4",
        _residual,
    ),
    "overlap": (
        "The residual networks from patches that overlap by half",
        "ours; what Figure 4 fits",
        _overlap,
    ),
    "shallow": (
        "The same comparison at depth 3, trained gently and long",
        "ours; section 3.1 argues by depth",
        _shallow,
    ),
    "table2": ("Networks trained on one scale and on several", "Table 2", _scales),
    "figure3": ("PSNR against depth, with repeats", "Figure 3", _depths),
    "ablation": ("Training pictures and augmentation", "the draft", _data),
    "table3": ("The benchmark network on four sets", "Table 3", _benchmark),
    "clipping": ("Clipping rules at three rates", "section 3.2", _clipping),
    "schedules": ("Falling rates: the paper's, the review's", "review", _schedules),
    "side_by_side": (
        "SRCNN and VDSR at equal steps and at equal time",
        "ours; section 3.1 compares them",
        _side_by_side,
    ),
    "modern": (
        "The benchmark network by a recipe of today",
        "ours; nobody publishes it",
        _modern,
    ),
    "srcnn": ("SRCNN trained on the same pictures", "Dong et al. 2016", _srcnn),
}

EXPERIMENTS: dict[str, Experiment] = {
    name: Experiment(
        name, title, source, {p: tuple(make(size)) for p, size in SIZES.items()}
    )
    for name, (title, source, make) in _DECLARED.items()
}
"""All experiments by name."""
