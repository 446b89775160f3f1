"""Sections of "Ours against the paper" about what the paper does not print."""

from __future__ import annotations

import math

from vdsr_lib.experiments._sections import NONE, duration, markdown
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.known import Found, Known
from vdsr_lib.experiments.outcomes import ending

__all__ = [
    "clipping_start_section",
    "decay_section",
    "times_section",
    "whole_runs_section",
]

_SCALES = (2, 3, 4)
_HEADS = [f"x{scale}" for scale in _SCALES]
_BICUBIC = "bicubic has 33.66, 30.39 and 28.42 dB"


def clipping_start_section(known: Known) -> str:
    """Return the first two epochs of twelve runs; nothing where none is recorded."""
    name, rows, made = "clipping_start", [], 0
    runs = get_experiment(name).runs("paper")
    for run in runs:
        found = known.find(run)
        made += found is not None
        cells = _scores(found)
        cells += [_norms(found), _last(found)] if found else [NONE, NONE]
        rule, rate = run.factors["clipping"], run.factors["learning_rate"]
        rows.append([rule, f"{rate:g}", *cells, known.how(name, run)])
    if not made:
        return ""
    heads = ["rule", "rate", *_HEADS]
    text = (
        "Ours alone, in dB: the paper recommends a rule (section 3.2) and prints no "
        "comparison. Networks of depth 20 on T91 as in Table 2, ended after 248 steps, "
        f"two epochs of 80; {_BICUBIC}. The gradient's norm "
        "is that of the first step and the largest before the clip, and the recording "
        f"has it at each step. {made} of {len(runs)} runs are recorded."
    )
    heads += ["norm, first / largest", "ended", "made by"]
    title = "## Clipping rules: the first two epochs, depth 20, Set5"
    return f"{title}\n\n{text}\n\n{markdown(heads, rows)}"


def whole_runs_section(known: Known) -> str:
    """Return clipping rules and schedules after 80 epochs; nothing if none is there."""
    rows, made = [], 0
    for name in ("clipping", "schedules"):
        for run in get_experiment(name).runs("paper"):
            label = f"schedule of the {run.name}" if name == "schedules" else run.name
            found = known.find(run)
            made += found is not None
            last = _last(found) if found else NONE
            rows.append([label, *_scores(found), last, known.how(name, run)])
    if not made:
        return ""
    text = (
        "Ours alone, in dB: networks of depth 20 on T91 as in Table 2, by four ways of "
        "keeping steps short at three first rates, and by the rates that the review "
        f"states instead of the paper's; {_BICUBIC}. The paper's own recipe is "
        "adjustable at rate 0.1, which is also its schedule."
    )
    title = "## Clipping rules and schedules: all 80 epochs, depth 20, Set5"
    heads = ["rule and rate", *_HEADS, "ended", "made by"]
    return f"{title}\n\n{text}\n\n{markdown(heads, rows)}"


def decay_section(known: Known) -> str:
    """Return networks with and without decay; nothing if none without is recorded."""
    rows, free = [], 0
    for run in get_experiment("decay").runs("paper"):
        found, decay = known.find(run), run.training.weight_decay
        free += found is not None and not decay
        patch = f"{run.patch_size} x {run.patch_size}"
        cells = [patch, f"{decay:g}", *_scores(found), known.how("decay", run)]
        rows.append([run.name, *cells])
    if not free:
        return ""
    text = (
        "Ours alone, in dB: the first network of Table 1 (x2 only) and the shallowest "
        "of Figure 3, by the paper's recipe and by the same without weight decay, and "
        "the latter network on larger patches. The loss is a sum over the pixels of a "
        f"patch, so that one decay weighs more where they are few; {_BICUBIC}."
    )
    heads = ["run", "patch", "decay", *_HEADS, "made by"]
    return (
        f"## Weight decay and small patches, Set5\n\n{text}\n\n{markdown(heads, rows)}"
    )


def _scores(found: Found | None) -> list[str]:
    """Return a cell a scale: PSNR on Set5, or why there is none."""
    if found is None:
        return [NONE] * len(_SCALES)
    scores = [found.psnr(scale) for scale in _SCALES]
    return [found.absent if psnr is None else f"{psnr:.2f}" for psnr in scores]


def _norms(found: Found) -> str:
    """Return the first and the largest gradient norm of a run's trace."""
    steps = found.recording.histories[found.name].steps
    norms = [v for row in steps if math.isfinite(v := row["gradient_norm"])]
    return f"{norms[0]:.3g} / {max(norms):.3g}" if norms else found.absent


def _last(found: Found) -> str:
    """Return where a run ended: its last step, or the one at which it diverged."""
    words = ending(found.entry["outcome"], found.entry.get("message") or "")
    return f"step {found.steps:,}" if words == "finished" else words


def times_section(known: Known) -> str:
    """Return what each recorded run took, and what it gave."""
    rows = []
    for found in known.runs:
        provenance, architecture = (
            found.entry["provenance"],
            found.entry["declaration"]["architecture"],
        )
        seconds, machine = provenance["seconds"], provenance["machine"]
        device = machine["cpu"] if machine["device"] == "cpu" else machine["device"]
        scores = [(s, v) for s in _SCALES if (v := found.psnr(s)) is not None]
        ended = found.entry["outcome"] == "finished"
        rows.append(
            [
                f"{found.recording.record['experiment']}: {found.name}",
                f"{architecture['name']} {architecture.get('depth', '')}".strip(),
                device,
                provenance["precision"],
                f"{found.steps:,}",
                duration(seconds),
                f"{1000 * seconds / found.steps:.0f} ms" if ended else "-",
                ", ".join(f"x{s} {v:.2f}" for s, v in scores) or found.absent,
            ]
        )
    heads = ["run", "network", "device", "arithmetic", "steps", "training", "a step"]
    text = (
        "Seconds of training as the clock on the wall showed them, without the "
        'measurements between the epochs; the paper says "roughly 4 hours on a Titan '
        'Z". Where other programs kept a machine busy, the time of a step shows it: '
        "the runs on the H200 shared it four at a time, where one alone takes 2.2 ms "
        "a step at depth 20. The few steps of a run that diverged would tell nothing."
    )
    if not rows:
        text += "\n\nNo run is recorded yet."
        return f"## What it took\n\n{text}"
    return f"## What it took\n\n{text}\n\n{markdown([*heads, 'Set5, dB'], rows)}"
