"""The experiments of the paper, and those of our own, as data at three sizes.

The same run stands in several of them: the network of Table 2 for all scales is the
one of depth 20 in Figure 3, the T91 row of the data ablation, and the paper's own
schedule. It has one key, and is trained once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vdsr_lib.errors import did_you_mean
from vdsr_lib.experiments._own_runs import (
    clipping_start_runs,
    decay_runs,
    mirrored_runs,
    mirrored_scales_runs,
    modern_runs,
    overlap_runs,
    schedule_runs,
    shallow_runs,
    side_by_side_runs,
    srcnn_runs,
)
from vdsr_lib.experiments._paper_runs import (
    benchmark_runs,
    clipping_runs,
    data_runs,
    depth_runs,
    residual_runs,
    scale_runs,
)
from vdsr_lib.experiments.declare import Experiment, Run
from vdsr_lib.experiments.sizes import SIZES, Size

__all__ = ["EXPERIMENTS", "get_experiment"]


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
    guess, known = did_you_mean(name, EXPERIMENTS), ", ".join(EXPERIMENTS)
    raise ValueError(f"no experiment {name!r}{guess}; there are {known}")


_DECLARED: dict[str, tuple[str, str, Callable[[Size], Iterable[Run]]]] = {
    "table1": (
        "Residual and non-residual networks at three rates",
        "Table 1 and Figure 4",
        residual_runs,
    ),
    "mirrored": (
        "The same networks from patches and their mirror images",
        "ours; what Figure 4 fits",
        mirrored_runs,
    ),
    "overlap": (
        "The residual networks from patches that overlap by half",
        "ours; fits Figure 4 at first",
        overlap_runs,
    ),
    "mirrored_scales": (
        "Networks for one scale and for all from patches and their mirror images",
        "ours; does Table 2 fit it too?",
        mirrored_scales_runs,
    ),
    "shallow": (
        "The same comparison at depth 3, trained gently and long",
        "ours; section 3.1 argues by depth",
        shallow_runs,
    ),
    "table2": (
        "Networks trained on one scale and on several",
        "Table 2",
        scale_runs,
    ),
    "figure3": ("PSNR against depth, with repeats", "Figure 3", depth_runs),
    "ablation": (
        "Training pictures and augmentation",
        "the draft",
        data_runs,
    ),
    "table3": (
        "The benchmark network on four sets",
        "Table 3",
        benchmark_runs,
    ),
    "clipping": (
        "Clipping rules at three rates",
        "section 3.2",
        clipping_runs,
    ),
    "clipping_start": (
        "Clipping rules: the first two epochs of 80",
        "ours; section 3.2 at full depth",
        clipping_start_runs,
    ),
    "decay": (
        "Weight decay, and none, where patches have few pixels",
        "ours; the loss is a sum over pixels",
        decay_runs,
    ),
    "schedules": (
        "Falling rates: the paper's, the review's",
        "review",
        schedule_runs,
    ),
    "side_by_side": (
        "SRCNN and VDSR at equal steps and at equal time",
        "ours; section 3.1 compares them",
        side_by_side_runs,
    ),
    "modern": (
        "The benchmark network by a recipe of today",
        "ours; nobody publishes it",
        modern_runs,
    ),
    "srcnn": (
        "SRCNN trained on the same pictures",
        "Dong et al. 2016",
        srcnn_runs,
    ),
}

EXPERIMENTS: dict[str, Experiment] = {
    name: Experiment(
        name, title, source, {p: tuple(make(size)) for p, size in SIZES.items()}
    )
    for name, (title, source, make) in _DECLARED.items()
}
"""All experiments by name."""
