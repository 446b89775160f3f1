"""The page "Ours against the paper", made of what is recorded and of nothing else.

Each cell of the paper's Tables 1, 2 and 3, of its data ablation and of Figure 3, with
ours beside it. What nobody has run says so, with what it would cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vdsr_lib import paper
from vdsr_lib.experiments._own_sections import (
    clipping_start_section,
    decay_section,
    times_section,
    whole_runs_section,
)
from vdsr_lib.experiments._sections import NONE, Count, section
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.known import Found, Known
from vdsr_lib.experiments.shipping import MEASURED_SETS
from vdsr_lib.experiments.wording import DIFFERENCES, HEAD

__all__ = ["comparison_page"]

_EPOCHS = (10, 20, 40, 80)
_SCALES = (2, 3, 4)
_SHIPPED = {"SRCNN": "srcnn-915-x{scale}", "VDSR": "vdsr-291"}
_BESIDE = {  # column: name of the weights
    "srcnn-955": "srcnn-955-x{scale}",
    **{n: n for n in ("vdsr-t91", "vdsr-291-short", "vdsr-modern", "vdsr-modern-80")},
}


def comparison_page(known: Known | None = None) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    known : Known, optional
        What is recorded; what ships with the project if not given.

    Returns
    -------
    str
        The same for the same recordings: neither date nor machine of today is in it.

    Raises
    ------
    RunError, WeightsError
        If a shipped file is damaged.
    """
    known = Known.shipped() if known is None else known
    parts: tuple[Callable[[Known], str], ...] = (
        _table1,
        _mirrored,
        _overlap,
        _table2,
        _mirrored_scales,
        _figure3,
        _ablation,
        _like_for_like,
        _table3,
        clipping_start_section,
        whole_runs_section,
        decay_section,
        times_section,
    )
    body = [text for part in parts if (text := part(known))]
    return "\n\n".join([HEAD, *body, DIFFERENCES]) + "\n"


def _table1(known: Known) -> str:
    """Six runs, four epochs each."""
    return _by_epoch(
        known,
        "table1",
        _EPOCHS,
        "Table 1: residual and non-residual, depth 10, Set5, x2",
        "Paper / ours, in dB. The paper's cells are read off the vector graphics of "
        "its Figure 4. Each of ours is the network as it is after that epoch; the last "
        "is what the run scored.",
    )


def _overlap(known: Known) -> str:
    """Three runs from more patches, also at the epochs where Figure 4 still climbs."""
    return _by_epoch(
        known,
        "overlap",
        (1, 2, 5, *_EPOCHS),
        "Figure 4 again, from patches that overlap by half",
        "Paper / ours, in dB: Table 1's residual networks, trained on patches of 21 x "
        "21 that begin every 11 pixels instead of every 21, four times as many. What "
        "speaks for this reading is under *What differs*.",
    )


def _mirrored(known: Known) -> str:
    """All six from each patch in four orientations."""
    return _by_epoch(
        known,
        "mirrored",
        (1, 2, 5, *_EPOCHS),
        "Figure 4 again, from patches and their mirror images",
        "Paper / ours, in dB: Table 1's networks, trained on patches of 21 x 21 that "
        "touch, each as it is, mirrored, upside down, and both: four times as many "
        "examples in an epoch. What speaks for this reading is under *What differs*.",
    )


def _by_epoch(
    known: Known, name: str, epochs: Sequence[int], title: str, words: str
) -> str:
    """Lay an experiment's runs beside the curves of Figure 4, at some epochs."""
    count, printed = Count(), paper.table("figure4")
    rows = []
    for run in get_experiment(name).runs("paper"):
        network, rate = run.factors["network"], run.factors["learning_rate"]
        theirs = printed[
            (printed.network == network) & (printed.learning_rate == rate)
        ].set_index("epoch")
        found = known.find(run)
        cells = [
            count.cell(
                float(theirs.psnr[epoch]),
                _after(found, epoch, epochs[-1]),
                _absent(found),
            )
            for epoch in epochs
        ]
        rows.append([f"{rate:g}", network, *cells, known.how(name, run)])
    heads = ["rate", "network", *(f"epoch {epoch}" for epoch in epochs)]
    return section(title, words, (heads, rows), count)


def _absent(found: Found | None) -> str:
    """Return what stands in a cell without a number of ours."""
    return NONE if found is None else found.absent


def _after(found: Found | None, epoch: int, last: int) -> float | None:
    """Return a run's PSNR after an epoch: of the curve, and of its result at the end.

    A curve is measured as training goes on, in bfloat16 perhaps, and stands rounded in
    the record.
    """
    if found is None:
        return None
    return found.psnr(2) if epoch == last else found.at_epoch(epoch, "psnr_x2")


def _table2(known: Known) -> str:
    """Seven training sets of scales, three test scales each."""
    return _by_training_scales(
        known,
        "table2",
        "Table 2: networks for one scale and for several, depth 20, Set5",
    )


def _mirrored_scales(known: Known) -> str:
    """Four of the seven from each patch in four orientations."""
    return _by_training_scales(
        known,
        "mirrored_scales",
        "Table 2 again, from patches and their mirror images",
        " Four times as many examples as above: each as it is, mirrored, upside down, "
        "and both.",
    )


def _by_training_scales(
    known: Known, experiment: str, title: str, words: str = ""
) -> str:
    """Lay networks beside Table 2's columns, by the scales that trained them."""
    printed = paper.table("table2")
    cells: dict[str, Callable[[int], float]] = {}
    for run in get_experiment(experiment).runs("paper"):
        column = "+".join(str(scale) for scale in run.scales)
        values = printed[printed.training_scales == column].set_index("test_scale").psnr
        cells[run.name] = values.__getitem__
    return _by_scale(known, experiment, cells, title, "trained on", words)


def _ablation(known: Known) -> str:
    """Four training sets: the draft's table."""
    printed = paper.table("ablation")
    cells: dict[str, Callable[[int], float]] = {}
    for run in get_experiment("ablation").runs("paper"):
        values = printed[
            (printed.training_set == run.factors["data"])
            & (printed.augmentation == run.factors["augmentation"])
        ]
        cells[run.name] = values.set_index("scale").psnr.__getitem__
    return _by_scale(
        known,
        "ablation",
        cells,
        "Training data: a table of the draft, depth 20, Set5",
        "trained on",
    )


def _by_scale(
    known: Known,
    experiment: str,
    printed: dict[str, Callable[[int], float]],
    title: str,
    label: str,
    words: str = "",
) -> str:
    """Return a section with a row for each run and a column for each scale of Set5."""
    count, rows = Count(), []
    for run in get_experiment(experiment).runs("paper"):
        found = known.find(run)
        cells = [
            count.cell(
                float(printed[run.name](s)),
                found.psnr(s) if found else None,
                _absent(found),
            )
            for s in _SCALES
        ]
        rows.append([run.name, *cells, known.how(experiment, run)])
    heads = [label, *(f"x{scale}" for scale in _SCALES)]
    return section(title, f"Paper / ours, in dB.{words}", (heads, rows), count)


def _figure3(known: Known) -> str:
    """Sixteen depths, three runs each; the paper has one."""
    count, rows = Count(), []
    printed = paper.table("figure3").set_index(["depth", "scale"]).psnr
    runs = get_experiment("figure3").runs("paper")
    for depth in sorted({int(run.factors["depth"]) for run in runs}):
        here = [run for run in runs if run.factors["depth"] == depth]
        found = [f for run in here if (f := known.find(run)) is not None]
        cells = []
        for scale in _SCALES:
            values = [v for f in found if (v := f.psnr(scale)) is not None]
            mean = sum(values) / len(values) if values else None
            absent = _absent(found[0] if found else None)
            cell = count.cell(float(printed[depth, scale]), mean, absent)
            if len(values) > 1:
                cell += f" ({min(values):.2f} to {max(values):.2f})"
            cells.append(cell)
        done = f"{len(found)} of {len(here)}"
        rows.append([str(depth), *cells, done, known.how("figure3", here[0])])
    heads = ["depth", *(f"x{scale}" for scale in _SCALES), "runs"]
    return section(
        "Figure 3: depth, Set5",
        "Paper / the mean of ours (the lowest to the highest), in dB. The paper's "
        "points are read off its vector graphics and are one run each; ours are "
        "declared three times, to show what chance does. The last column is about the "
        "first of the three.",
        (heads, rows),
        count,
    )


def _like_for_like(known: Known) -> str:
    """SRCNN 9-1-5 and VDSR, both trained on T91."""
    authors = paper.table("remeasured")
    authors = authors[
        authors.name.str.startswith("SRCNN 9-1-5") & (authors.dataset == "Set5")
    ].set_index("scale")
    vdsr = {2: 37.06, 3: 33.27, 4: 30.95}  # Table 2, column {2,3,4}
    rows, count = [], Count()
    runs = {run.name: run for run in get_experiment("srcnn").runs("paper")}
    (t91,) = (r for r in get_experiment("ablation").runs("paper") if r.name == "T91")
    for scale in _SCALES:
        small = known.find(runs[f"SRCNN 9-1-5, x{scale}"])
        large = known.find(t91)
        rows.append(
            [
                f"x{scale}",
                count.cell(
                    float(authors.psnr[scale]),
                    small.psnr(scale) if small else None,
                    _absent(small),
                ),
                count.cell(
                    vdsr[scale], large.psnr(scale) if large else None, _absent(large)
                ),
                known.how("srcnn", runs[f"SRCNN 9-1-5, x{scale}"]),
            ]
        )
    return section(
        "Like for like: SRCNN and VDSR, both trained on T91, Set5",
        "Published / ours, in dB. For SRCNN the published number is what its authors' "
        "own T91 weights (9-1-5) give under this protocol, for VDSR Table 2. The last "
        "column makes the SRCNN of that row; the VDSR is the row T91 above.",
        (["scale", "SRCNN 9-1-5", "VDSR"], rows),
        count,
    )


def _table3(known: Known) -> str:
    """Four sets, three scales: what the cards of the weights say."""
    printed = {
        (row["dataset"], row["scale"], row["method"]): row
        for row in paper.table("table3").to_dict("records")
    }
    count = Count()
    extra = {
        name: pattern
        for name, pattern in _BESIDE.items()
        if any(pattern.format(scale=scale) in known.cards for scale in _SCALES)
    }
    rows = []
    for dataset in MEASURED_SETS.values():
        for scale in _SCALES:
            row = [dataset, f"x{scale}"]
            for method, pattern in _SHIPPED.items():
                theirs = printed[dataset, scale, method]
                ours = _card_scores(known, pattern, dataset, scale)
                count.cell(theirs["psnr"], ours[0] if ours else None)
                row.append(_pair(theirs["psnr"], theirs["ssim"]))
                row.append(_card_cell(known, pattern, dataset, scale))
            row += [_card_cell(known, each, dataset, scale) for each in extra.values()]
            rows.append(row)
    heads = [
        "set",
        "scale",
        *(f"{m}, {w}" for m in _SHIPPED for w in ("paper", "ours")),
    ]
    table3 = get_experiment("table3").runs("paper")[0]
    return section(
        "Table 3: the benchmark",
        "PSNR in dB / SSIM. The paper's SRCNN is 9-5-5, trained on ImageNet; ours is "
        "9-1-5, trained on T91 (`srcnn-915-x2` and so on), so that column compares two "
        "different networks; `srcnn-955-x2` and so on have the paper's shape, and T91 "
        "again. The paper's VDSR is trained on 291 pictures with augmentation: "
        f"{known.how('table3', table3)}. `vdsr-291-short` is that network after 20 of "
        "80 epochs, with the rate falling four times as fast, and `vdsr-modern` the "
        "same pictures and as many steps by a recipe of today. `vdsr evaluate --model "
        "NAME --data set5` measures a cell again. Bicubic's column is not shown: tests "
        "hold its 24 values, PSNR and SSIM, to the last digit but for one: the SSIM of "
        "Urban100 at x3 is 0.7348 here and 0.7349 in the paper. The paper's seconds "
        "are those of different programs on different devices, and are not compared.",
        ([*heads, *(f"`{name}`" for name in extra)], rows),
        count,
        how=False,
    )


def _card_scores(
    known: Known, pattern: str, dataset: str, scale: int
) -> tuple[float, float] | None:
    """Return PSNR and SSIM that the card of a scale's weights states, or None."""
    card, key = known.cards.get(pattern.format(scale=scale), {}), f"x{scale}"
    psnr = card.get("scores", {}).get(dataset, {}).get(key)
    ssim = card.get("ssim", {}).get(dataset, {}).get(key)
    return None if psnr is None or ssim is None else (float(psnr), float(ssim))


def _card_cell(known: Known, pattern: str, dataset: str, scale: int) -> str:
    """Return what the card of a scale's weights states, or why there is nothing."""
    scores = _card_scores(known, pattern, dataset, scale)
    if scores is not None:
        return _pair(*scores)
    return "not measured" if pattern.format(scale=scale) in known.cards else NONE


def _pair(psnr: float, ssim: float) -> str:
    return f"{psnr:.2f} / {ssim:.4f}"
