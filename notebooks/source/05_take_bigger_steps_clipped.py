# %% [markdown]
# # Take bigger steps, clipped
#
# **You will do** what section 3.2 of the VDSR paper recommends, and its
# opposite: train at rates that are far too high, with and without a limit on
# the step; write that limit yourself; and break a training on purpose as
# public reimplementations of VDSR are most often broken, then repair it.
#
# **You will learn** why an unclipped gradient explodes within a handful of
# steps, what the limit $\theta/\gamma$ does that a fixed one does not, what
# momentum adds to it, and why the word "mean" in a loss can stop a network
# from learning anything.
#
# **You need** lesson 03 (the residual network and its step) and gradient
# descent with momentum. Reading takes about 40 minutes. At `quick` the cells
# take about 45 seconds on two CPU cores with AMX, and 75 with bfloat16 in
# AVX512 alone (lesson 00 tells); on a GPU nobody has timed them yet.

# %% [markdown]
# > **Words.** *The paper* is that of Kim, Lee and Lee (2016), VDSR its
# > network, SRCNN the three-layer network before it, *the review* the
# > comparison of both that lesson 02 checks. The network gets a picture that
# > bicubic has brought to full size (the *ILR*) in small squares, *patches*;
# > an *epoch* uses each once. PSNR, in dB, measures quality. *Set5* are the
# > paper's five test pictures. A line with a coloured bar is a *claim*, judged
# > by what was just measured.
#
# The first cell holds what a run may change. `profile` is the size of the
# experiments: `quick` trains networks of depth 5 for a few hundred steps, on
# pictures that come with scikit-image; `classroom` takes depth 7, more
# patches and more steps; `paper` takes depth 20, the paper's 91 pictures and
# 80 epochs for each run, and wants a GPU.

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
import copy
import warnings

import pandas as pd
import torch
from IPython.display import display
from torch.testing import assert_close

from vdsr_lib import clip_gradients, figures, paper
from vdsr_lib.claims import ClaimBook
from vdsr_lib.experiments import diverged, outcomes, recorded, run_experiment
from vdsr_lib.experiments.gradients import ClippingStudy
from vdsr_lib.experiments.workbench import workbench
from vdsr_lib.training import Silent, TrainingConfig, train
from vdsr_lib.widgets import clipping_explorer

book = ClaimBook("05", profile, output_dir)

# %% [markdown]
# ## How long is a step?
#
# Gradient descent moves each weight by the learning rate $\gamma$ times its
# element of the gradient. A rate alone therefore says nothing about the
# length of a step: that depends on the gradient, and so on the loss, the
# network, and the moment of the training. We take a network of depth 5 and
# one batch of 64 patches, and look at its first gradient.

# %%
bench = workbench(seed)
fresh, patches = bench.network, bench.patches


def gradient(network, examples):
    """Return the gradient of the paper's loss, one tensor a parameter."""
    ilr, hr = patches.batch(examples)  # (B, 1, p, p) each
    loss = (network(ilr) - hr).square().sum() / len(ilr)
    return torch.autograd.grad(loss, list(network.parameters()))


slopes = gradient(fresh, bench.batches[0])
print("largest in each layer:", *(f"{s.abs().max():.2g}" for s in slopes[::2]))

# %% [markdown]
# The last layer starts 1,000 times smaller than the others (lesson 03), so
# nearly all of the first gradient is its own. At rate 0.1 a weight of that
# layer is about to move by a tenth of the last number, a hundredth or several.
# Its weights now are of the order of 0.00006: such a step is hundreds of times
# longer than what it changes.
#
# **Predict.** The paper's rate is 0.1. Take gradient descent with
# momentum, no clip: how many steps will pass before the loss is no longer a
# number? And what if the rate is 0.01, or 0.001?

# %%
rates, alike = (0.1, 0.01, 0.001), {"depth": 5, "width": 64, "batch_size": 64}
free = ClippingStudy(seed=seed, **alike)
wild = [free.trace("none", rate) for rate in rates]
print(*(f"rate {t.learning_rate:g}: {t.outcome}" for t in wild), sep="\n")
book.record("unclipped-diverges", max(trace.steps[-1] for trace in wild))

# %% [markdown]
# A handful of steps each, then, and hardly more at the lowest rate. The first
# step throws the last layer far beyond anything useful. The gradient then
# reaches the layers before it as well, and is larger for it: every step makes
# the next one longer. That is what *exploding gradients* means, and the paper
# names it as the reason for clipping (section 3.2).

# %% [markdown]
# ## The clip by hand
#
# The usual remedy is a limit on the gradient. The paper's is a limit on the
# *step*: each element of the gradient is brought into
# $[-\theta/\gamma,\ \theta/\gamma]$, so that $\gamma$ times it is never
# larger than $\theta$. It is called *adjustable* because the limit widens as
# the rate falls.


# %%
def my_clip(slopes, theta, rate):
    """Return the gradient with each element within theta over rate."""
    limit = theta / rate
    return [slope.clamp(-limit, limit) for slope in slopes]


# %% [markdown]
# The library's `clip_gradients` changes a model's gradients in place, and
# says which share of the elements it had to cut. Both must agree on every
# element, at every rate.

# %%
weights = list(fresh.parameters())
for rate in rates:
    for weight, slope in zip(weights, slopes, strict=True):
        weight.grad = slope.clone()
    found = clip_gradients(weights, theta=1e-4, learning_rate=rate)
    assert_close([w.grad for w in weights], my_clip(slopes, 1e-4, rate))
    print(f"rate {rate:g}: {float(found.clipped_share):.2%} clipped")

# %% [markdown]
# > **Caution: whose number is theta?** The paper prints none. The authors'
# > public code has $\theta = 10^{-4}$, with the loss summed over the pixels of
# > a patch; this course takes it from there. The limit 0.4 on the gradient's
# > norm, which you will meet below, is the default of the best-known PyTorch
# > port, and no number of the authors. The fixed limit $10^{-3}$ is ours: it
# > is what the adjustable one allows at rate 0.1.
#
# The share was small, because at the first step only the last layer pulls.
# Below is the same network's gradient then and after 40 clipped steps, each
# element counted by its size; the dotted lines are the limits at the three
# rates. What lies to the right of a line is cut back to it.

# %%
quiet = {"device": "cpu", "precision": "float32", "monitor": Silent()}
later = copy.deepcopy(fresh)
train(later, patches, TrainingConfig.paper(max_steps=40), **quiet)
sizes = {}
for when, network in {"at the start": fresh, "after 40 steps": later}.items():
    every = gradient(network, bench.batches[50])
    sizes[when] = torch.cat([slope.ravel() for slope in every])
limits = {f"rate {rate:g}": 1e-4 / rate for rate in rates}
chart = figures.gradient_histogram(sizes, limits=limits)
figures.show(chart, alt="Few elements pass a limit at first; many do later.")

# %% [markdown]
# ## Theta over rate, or a fixed limit?
#
# **Predict.** Take the clipped gradient and make one step without momentum.
# How far does the fastest weight move at the rates 0.1, 0.01 and 0.001, in
# units of $\theta = 10^{-4}$: with the adjustable limit, with the fixed limit
# $10^{-3}$, and with none?


# %%
def longest(slopes, rate):
    """Return the longest move of a weight, in units of theta."""
    every = torch.cat([slope.ravel() for slope in slopes])
    return rate * float(every.abs().max()) / 1e-4


steps = {
    "adjustable": [longest(my_clip(slopes, 1e-4, r), r) for r in rates],
    "fixed": [longest(my_clip(slopes, 1e-3, 1), r) for r in rates],
    "none": [longest(slopes, r) for r in rates],
}
table = pd.DataFrame(steps, index=rates)
display(table.T.round(3))
off = table.adjustable - table.none.clip(upper=1)
book.record("a-step-is-theta", off.abs().max())

# %% [markdown]
# Without a clip the first step is a hundred $\theta$ long at rate 0.1, or
# several hundred, and one or a few at 0.001, where it depends on the seed
# whether anything is cut. With the fixed limit it is one $\theta$ at rate
# 0.1, and a tenth or a hundredth of it after one drop of the rate or two: a
# limit chosen for the first epochs strangles the last. The adjustable limit
# allows the same $\theta$ at every rate, and lets the rate decide how many
# weights *want* to go that far.
#
# ## What momentum adds
#
# The bound holds for one step on its own. Momentum 0.9 adds nine tenths of
# the step before, so a weight that is pushed the same way again and again
# gathers speed: 1, 1.9, 2.71, ... towards $1/(1 - 0.9) = 10$ times $\theta$.
# Here are clipped steps with momentum by hand. (Weight decay is left out; it
# comes after the clip, and adds a few hundredths of $\theta$ at rate 0.1.)


# %%
def my_steps(network, rate, momentum, theta=1e-4):
    """Take clipped steps; return the longest move of a weight in each."""
    network, far = copy.deepcopy(network), []
    weights = list(network.parameters())
    speeds = [torch.zeros_like(weight) for weight in weights]
    for examples in bench.batches[:40]:
        slopes = my_clip(gradient(network, examples), theta, rate)
        for weight, speed, slope in zip(weights, speeds, slopes, strict=True):
            speed.mul_(momentum).add_(slope)
            weight.data -= rate * speed
        far.append(longest(speeds, rate))
    return far


# %% [markdown]
# **Predict.** Will the fastest weight really reach $10\,\theta$ a step, or do
# the gradients change direction too often for that?

# %%
moved = pd.DataFrame({m: my_steps(fresh, 0.1, m) for m in (0.0, 0.9)})
lines = {f"momentum {m:g}": (range(1, 41), far) for m, far in moved.items()}
axes = {"xlabel": "step", "ylabel": "longest move (theta)", "ylim": (0, 11)}
bounds = {"bound without momentum": 1, "bound with momentum": 10}
chart = figures.convergence(lines, reference_lines=bounds, **axes)
figures.show(chart, alt="Flat at one theta without momentum; several with it.")
display(book.record("momentum-multiplies", moved[0.9].max(skipna=False)))
book.record("no-step-beyond-theta", moved[0.0].max(skipna=False))

# %% [markdown]
# Some weight is pushed one way for long enough to come more than half of the
# way to the bound, and none goes beyond it. So the sentence about the step's
# length should be: at most $\theta$ before momentum, at most $10\,\theta$ with
# it, at *every* rate.

# %% [markdown]
# ## Four rules, three rates
#
# Now the experiment: the paper's recipe with each of four rules at each of
# three rates, all from the same weights. `adjustable` is the paper's rule,
# `value` the fixed limit of $10^{-3}$ on each element, `none` no limit at all.
# `norm` scales the whole gradient down when its length exceeds 0.4; it keeps
# the direction and lets single elements be as large as they are.
#
# **Predict.** There are twelve runs. Three of them you know already. Which of
# the other nine will diverge, which will crawl, which will learn? And is
# there a pair among them that must agree to the last bit?

# %%
result = run_experiment("clipping", profile, device=device, seed=seed)

# %% [markdown]
# Each cell is one run: its gain over bicubic at scale 3, or the
# step at which it diverged.

# %%
keys = "clipping", "learning_rate"
gains = outcomes.gain_table(result.table.query("scale == 3"), *keys)
title, words = "twelve runs", outcomes.end_table(result, *keys)
options = {"colour": "better than bicubic (dB)", "missing": {title: words}}
alt = "Norm is far below bicubic at rate 0.1; without a clip all diverge."
figures.show(figures.grid({title: gains}, limit=1, **options), alt=alt)

# %% [markdown]
# The pair is the first cell of the first two rows: at rate 0.1 the limit
# $10^{-3}$ *is* $\theta/\gamma$. (Rounding alone parts it: in our recorded
# `clipping_start` by 0.1 dB.) At 0.001 the fixed limit tends to crawl, as the
# table of steps foretold. At rate 0.1 the norm's limit lets no step be longer
# than 0.04 as a whole, before momentum, but that is shared out among the
# elements as they are, and the last layer's few weights take nearly all of it:
# the network is thrown far below bicubic, and has not come back by the end.
#
# A run of 150 steps that ends at its full rate is uncertain by some tenths of
# a decibel: with one seed of the three that we tried, the fixed limit at 0.001
# ended ahead of the adjustable rule. So two of the claims below, that the
# adjustable rule learns at each rate and that the fixed one crawls, are not
# judged at `quick`.

# %%
kept, fixed, norm, free = (row for _, row in gains.iterrows())
display(book.record("no-clipped-run-diverges", int(kept.isna().sum())))
display(book.record("no-free-run-survives", int(free.count())))
display(book.record("adjustable-learns-everywhere", kept.min(skipna=False)))
display(book.record("fixed-limit-crawls", kept[1e-3] - fixed[1e-3]))
book.record("norm-throws-it-off", kept[0.1] - norm[0.1])

# %% [markdown]
# What happened on the way shows in the gradients. To have them counted at
# every few steps, the next cell trains twelve networks more, deeper and
# narrower (depth 10, width 16). The left panel has the gradient's length
# before the clip, on a logarithmic axis; the right one the share of elements
# that the clip cut. The rule `norm` shortens all of them or none.

# %%
study = ClippingStudy(seed=seed)
traced = {(t.rule, t.learning_rate): t for t in study.grid(rates=rates)}
shown = ("none", 0.1), ("norm", 0.1), ("adjustable", 0.1), ("adjustable", 1e-3)
lines = outcomes.courses(traced[pair] for pair in shown)
chart = figures.traces(lines, logarithmic=["gradient norm"])
figures.show(chart, alt="Unclipped, the gradient shoots up; clipped, not.")

# %% [markdown]
# Under the adjustable rule at rate 0.1 hardly an element is cut at first, and
# a quarter to a half of them after twenty steps: there the clip is no safety
# net that rarely catches, it *is* the method. At rate 0.001 it cuts hardly
# anything, and plain gradient descent remains.
#
# The explorer holds all twelve: choose a rule and a rate, run through the
# steps, and drag $\theta$ to see what another limit would cut. One may
# surprise: without a clip at 0.001 these narrow networks live; at the paper's
# width of 64 none did.

# %%
clipping_explorer(list(traced.values()), study=study)

# %% [markdown]
# ## Why high rates, then?
#
# If one $\theta$ bounds the step at every rate, what is a high rate good for?
# It decides how many weights use the room they have: at rate 0.1 all that pull
# with more than 0.001, at rate 0.001 only those beyond 0.1. Over 80 epochs the
# paper's Table 1 shows the difference, for depth 10 on Set5 at scale 2, in dB.

# %%
table1 = paper.table("table1").query("network == 'residual'")
display(table1.pivot(index="learning_rate", columns="epoch", values="psnr"))

# %% [markdown]
# Rate 0.1 ends half a decibel above the lowest one, whose steps had become too
# short, and a tenth above the middle one: what the ups and downs of a single
# run amount to.
#
# Of rules the paper has no table. Here is ours, at its depth of 20: gains over
# bicubic on Set5 at scale 3 (dB), after two of 80 epochs (`clipping_start`)
# and after all.

# %%
for name in ("clipping_start", "clipping"):
    full = recorded(name)
    left = outcomes.missing_costs(name, full)
    print(f"{name}:", full.provenance if full else "nothing recorded yet")
    display(outcomes.full_table(name, full, *keys, scale=3))
    print(*{f"each of {len(left)}: {cost}" for cost in left.values()})

# %% [markdown]
# After 80 epochs the adjustable clip leads there at every rate: by 0.1, 0.3
# and 0.6 dB over a fixed limit, by 0.7 to 0.9 over one on the norm. Here is
# the gradient's length before the clip at each step of the first two epochs. A
# curve that breaks off diverged.

# %%
traces = outcomes.step_courses(recorded("clipping_start"), *keys)
axes = {"xlabel": "step", "ylabel": "gradient norm", "logarithmic": True}
if traces:
    figures.show(figures.panels(traces, **axes), alt="Norms, a panel a rule.")

# %% [markdown]
# ## Sum or mean?
#
# The loss so far was the authors': squared errors *summed* over the pixels of
# a patch, averaged over the batch only. PyTorch's `MSELoss` averages over the
# pixels as well. On our patches of 11 x 11 that divides loss and gradient by
# 121, on the paper's 41 x 41 by 1,681. Whoever ports the recipe this way
# usually does one thing more: rate 0.1 looks absurd beside such a loss, so
# they take 1e-4, which is what SRCNN had (Dong et al. 2016).
#
# **Predict.** Two networks, from the same weights, at rate 1e-4 for 120
# steps: one with the sum, one with the mean. Which PSNR, compared with
# bicubic's, will each of them have?


# %%
def attempt(**changes):
    """Train a copy of the network; return it, its gain and its warnings."""
    network = copy.deepcopy(fresh)
    recipe = TrainingConfig.paper(max_steps=120, **changes)
    with warnings.catch_warnings(record=True, action="always") as caught:
        train(network, patches, recipe, validate=bench.measure, **quiet)
    after, before = bench.measure(network), bench.measure.baseline
    gain = after["psnr_x3"] - before["psnr_x3"]
    return network, gain, [str(warning.message) for warning in caught]


summed, well, _ = attempt(learning_rate=1e-4)
averaged, ill, said = attempt(learning_rate=1e-4, loss="mean")
print(f"sum {well:+.3f} dB, mean {ill:+.3f} dB over bicubic", *said, sep="\n")

# %% [markdown]
# The second network is where it started: it returns the bicubic picture. Its
# loss is small and even falls a little, nothing is NaN, the pictures look
# fine. That makes this failure so common: of some 200 public threads about
# VDSR that we read, fifteen report it or its twin, the NaN of the first
# section. The library knows what bicubic scores, and warns.

# %%
display(book.record("mean-stays-at-bicubic", abs(ill)))
book.record("sum-learns", well - ill)

# %% [markdown]
# The obvious repair is the sum. But "mean" is not wrong in itself: it measures
# the loss in another unit, and every number of the recipe that refers to the
# loss has to be converted. With the loss divided by $p^2$, the rate must be
# multiplied by $p^2$ and the weight decay divided by it; $\theta$, a length
# in weights, stays. Then every step is the same.

# %%
units = {"learning_rate": 1e-4 * 11**2, "weight_decay": 1e-4 / 11**2}
converted, again, _ = attempt(loss="mean", **units)
assert_close(converted.state_dict(), summed.state_dict(), rtol=0, atol=1e-4)
book.record("units-explain-it", abs(again - well))

# %% [markdown]
# The two trainings agree to rounding. So a rate means nothing without the
# loss that it belongs to, and "VDSR is trained at rate 0.1" is half a
# sentence.
#
# > **Note.** What breaks a port is the loss and the rate together: 0.1 of the
# > mean is 0.0008 of the sum here, which is low but not hopeless (exercise 4).

# %% [markdown]
# ## Two schedules
#
# The paper starts at 0.1 and divides by ten after each quarter, down to 1e-4.
# The review says "from 1e-2 to 1e-6", which makes five levels; that they last
# equally long is our reading. Both use the adjustable clip with the same
# $\theta$.
#
# **Predict.** After equal numbers of steps, which schedule ends higher? And
# how much do you expect the last two fifths of the review's, at 1e-5 and
# 1e-6, to add?

# %%
falling = run_experiment("schedules", profile, device=device, seed=seed)
diverged.tell_diverged(falling)
lines = {n: (c.epoch, c.psnr_x3) for n, c in falling.curves.items()}
chart = figures.convergence(lines, xlabel="epoch", ylabel="PSNR at x3 (dB)")
figures.show(chart, alt="Both waver, then settle; the review's is lower.")

# %% [markdown]
# Both curves waver at first and settle as the rate drops, which is what a drop
# is for. The review's is flat soon after its second drop: it has nothing left
# to move with. Here is the paper's lead at the end.

# %%
ends = falling.table.query("scale == 3").set_index("run")
book.record("paper-schedule-ahead", ends.psnr["paper"] - ends.psnr["review"])

# %%
course = diverged.scores_by_step(falling, "psnr_x3")
late = course.query("epoch >= 0.6 * epoch.max()").review
book.record("review-ends-idle", late.max(skipna=False) - late.min())

# %% [markdown]
# This is one seed of a small network in a few hundred steps. At full scale
# the paper's stays ahead, by half a decibel at scale 2 and less at the others
# (recorded PSNR on Set5, in dB).

# %%
full = recorded("schedules")
print(full.provenance if full else "Not run at full scale yet.")
print(*map(": ".join, outcomes.missing_costs("schedules", full).items()))
full.table.pivot_table("psnr", "run", "scale").round(2) if full else None

# %% [markdown]
# ## Summary
#
# The squared error summed over a patch has steep slopes: without a limit,
# training explodes within ten steps even at a hundredth of the paper's rate.
# The adjustable clip bounds the step instead of the gradient: $\theta$ before
# momentum and $10\,\theta$ with it, at every rate. At high rates it cuts a
# good part of the elements and so shapes the training; at low rates it
# hardly acts. A fixed limit strangles low rates, and a limit on the norm
# leaves the last layer unprotected.
#
# | rule | 0.1 | 0.001 |
# |---|---|---|
# | adjustable, $\theta/\gamma$ | learns | learns |
# | fixed, 0.001 | the same | crawls |
# | norm, 0.4 | thrown below bicubic | depends on the seed |
# | none | diverges | diverges |
#
# Rate and weight decay are measured in units of the loss. Average where the
# authors summed, and both mean something else.

# %% [markdown]
# ## Exercises
#
# 1. In the explorer, find the largest $\theta$ at which the adjustable rule
#    still learns at rate 0.1. How many times the authors' is it?
# 2. Write `my_norm_clip` and check it against `clip_gradients(...,
#    rule="norm")`. Which layer gets how much of the step at the start?
# 3. Repeat `my_steps` with momentum 0.99. What is the bound now, and does any
#    weight come near it in 40 steps?
# 4. Run `attempt(loss="mean", learning_rate=0.1)`. Why does it learn, and
#    which share of the elements does the clip cut? (Ask `train` for its
#    history.)
# 5. Sign descent moves every weight by the same length, whatever its slope.
#    Which $\theta$ and which rate turn the adjustable clip into it? Try.

# %% [markdown]
# ## Sources
#
# - J. Kim, J. K. Lee, K. M. Lee, "Accurate Image Super-Resolution Using Very
#   Deep Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587:
#   section 3.2 (high rates, adjustable clipping), Figure 4. Theta, the sum
#   over pixels and the order of clip, decay and momentum are those of the
#   authors' public code.
# - C. Dong, C. C. Loy, K. He, X. Tang, "Image Super-Resolution Using Deep
#   Convolutional Networks", IEEE TPAMI 38(2), 2016,
#   https://arxiv.org/abs/1501.00092: SRCNN and its rates.
# - R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training
#   recurrent neural networks", ICML 2013, https://arxiv.org/abs/1211.5063:
#   exploding gradients, and the clip by norm.
# - The PyTorch port that clips by norm at 0.4:
#   https://github.com/twtygqyy/pytorch-vdsr.
