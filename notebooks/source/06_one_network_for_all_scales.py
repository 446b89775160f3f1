# %% [markdown]
# # Train one network for all scales
#
# **You will do** what Table 2 of the VDSR paper does: train seven networks,
# on patches of one scale, of two and of three, and measure each at all of
# them. Then you will leave the whole numbers and run through the scales from
# 1.1 to 4, and compute, without training anything, what a *linear* method
# would make of the same task.
#
# **You will learn** that serving several scales takes no change of the
# network, only of its patches; what a network does at a scale it never saw,
# why it does harm below and gains less above; and what it takes to serve
# all scales without compromise.
#
# **You need** lesson 03 (the residual) and lesson 01 (bicubic, PSNR).
# Reading takes about 40 minutes. At `quick` the cells take about 50 seconds on
# two CPU cores with AMX, and 80 with bfloat16 in AVX512 (lesson 00
# tells); on a GPU nobody has timed them yet.

# %% [markdown]
# > **Words.** *The paper* is that of Kim, Lee and Lee (2016), and VDSR its
# > network. The *ILR* is what the network is given: brightness (*luma*) of the
# > small picture after bicubic has enlarged it to full size. Training sees it
# > in small squares, *patches*; an *epoch* uses each once. *Set5* are the
# > paper's five test pictures. A line with a coloured bar is a *claim*, judged
# > by what was just measured.
#
# The first cell holds what a run may change. `profile` is the size of the
# experiments: `quick` trains networks of depth 5 for 5 epochs, on pictures
# that come with scikit-image; `classroom` takes depth 7 and more patches;
# `paper` takes depth 20, the paper's 91 pictures and 80 epochs, and wants a
# GPU.

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
import numpy as np
import torch
from IPython.display import display
from numpy.lib.stride_tricks import sliding_window_view
from torch.testing import assert_close

from vdsr_lib import PatchSet, compare, degrade, figures
from vdsr_lib.claims import ClaimBook
from vdsr_lib.datasets import load_images
from vdsr_lib.experiments import outcomes, recorded, run_experiment
from vdsr_lib.experiments import scales as lab
from vdsr_lib.experiments.diverged import trained_networks
from vdsr_lib.experiments.linear import LinearNetwork, best_linear
from vdsr_lib.images import crop_to_multiple, to_luma
from vdsr_lib.inference import super_resolve
from vdsr_lib.widgets import LiveMonitor

book = ClaimBook("06", profile, output_dir)

# %% [markdown]
# ## The scale is in the blur
#
# Before VDSR a network belonged to a scale: SRCNN (Dong et al. 2016) was
# trained three times, for 2, 3 and 4, and each network was of use for its own
# scale only. VDSR, like it, is given the picture after bicubic has brought it
# to its final size. Here is one detail as the network sees it at three scales.

# %%
pictures = load_images("embedded-test")
detail = to_luma(pictures["camera"])[104:224, 196:316]  # (120, 120), uint8
views = {f"ILR, x{scale}": degrade(detail, scale) for scale in (2, 3, 4)}
chart = figures.comparison({"original": detail / 255, **views}, "original")
figures.show(chart, alt="Inputs of one size; the larger the scale, the softer")

# %% [markdown]
# All three inputs are of one size, and so is what is asked for. No number
# tells the network which scale it has before it: if it is to act differently
# at 2 and at 4, it has to see from the blur which it is.
#
# So a network for several scales needs no new layer. It needs patches of
# several scales. The paper puts all of them in one pile, and mixes them within
# each batch. By hand, the pile is this.


# %%
def my_pile(picture, scales, side):
    """Cut a picture's ILR at each scale into squares, all in one pile."""
    pile = []
    for scale in scales:
        ilr = degrade(crop_to_multiple(to_luma(picture), scale), scale)
        height, width = ilr.shape  # whole squares only, the rest is left out
        for top in range(0, height - side + 1, side):
            strip = ilr[top : top + side]
            lefts = range(0, width - side + 1, side)
            pile += [strip[:, left : left + side] for left in lefts]
    return torch.tensor(np.stack(pile))[:, None].float()  # (N, 1, p, p)


# %% [markdown]
# The library's `PatchSet` must hold the same squares, and it remembers the
# scale of each. Training draws from it in random order, so that a batch of 64
# has about as many of each scale; nothing else in the loop knows of scales.

# %%
coins = pictures["coins"]
patches = PatchSet.from_images([coins], (2, 3, 4), patch_size=41)
assert_close(my_pile(coins, (2, 3, 4), 41), patches.ilr)
first = patches.scales[patches.order(torch.Generator())[:64]]
print(patches, {s: int((first == s).sum()) for s in (2, 3, 4)}, sep="\n")

# %% [markdown]
# ## Table 2: seven networks
#
# The paper trains on scale 2 alone, on 3, on 4, on each pair, and on all
# three, and tests each network at 2, 3 and 4. In twelve of the 21 cells of the
# table the network has seen that scale and is at home. A network of one scale
# we call a *specialist*.
#
# **Predict.** A network that has only ever seen scale 2 is given a picture at
# scale 4: will it gain something, nothing, or do harm? And one that has only
# seen 4, at scale 2, where there is *less* to repair? Last: what will the
# network for all three have to pay, at each scale, for serving the others?
#
# The next cell, the longest, trains all seven.

# %%
where = {"device": device, "seed": seed}
result = run_experiment("table2", profile, monitor=LiveMonitor(), **where)
trained = trained_networks(result)
sides = {"index": "tested at", "columns": "trained on"}
live = outcomes.gain_table(result.table, "scale", "trained_on")
live = live.rename_axis(**sides)

# %% [markdown]
# We look at gains, the PSNR of each network less that of bicubic at the same
# scale. The paper's table prints the PSNR itself; bicubic is its last column,
# so its gains are one subtraction away.

# %%
both = {"here": live, "paper: depth 20, Set5": lab.printed_gains()}
figures.show(
    figures.grid(both, limit=1, colour="better than bicubic (dB)"),
    alt="Red only where the test scale is below all trained ones.",
)

# %% [markdown]
# The upper table is ours, of small networks and a few hundred steps; the
# lower one is the paper's, after eighty epochs. The sizes differ, the colours
# (which end at 1 dB) hardly do. Red, which is worse than doing nothing, stands
# only where the test scale is *smaller* than all that the network was trained
# on.

# %%
smallest = np.array([int(name[1]) for name in live])
losses = ~(live >= 0) & (np.array([[2], [3], [4]]) >= smallest)
display(book.record("no-loss-at-or-above", int(losses.to_numpy().sum())))
display(book.record("spoils-2-after-4", live.loc[2, "x4"]))
book.record("spoils-2-after-3", live.loc[2, "x3"])

# %% [markdown]
# Compare with your predictions. (With one seed of three the network for 3
# hardly spoils 2 at `quick`, so that larger sizes judge it.) Upwards a network
# of one scale does no harm, and little good: in the paper the network for 2
# gains 0.03 dB at 3 and 0.01 at 4. Ours has not had the time to become such a
# specialist, and keeps a part. How much of what the network for 4 gains there?

# %%
book.record("little-above", live.loc[4, "x2"] / live.loc[4, "x4"])

# %% [markdown]
# And the network for all three? It must be ahead of bicubic at each scale,
# which no network trained on 3 or 4 alone can say of itself. We compare it
# with the three specialists, each at its own scale: first the sum of its
# gains over the sum of theirs, then the lead at 3 and 4.

# %%
every, own = live["x2, x3, x4"].values, np.diag(live[["x2", "x3", "x4"]])
display(book.record("one-serves-all", every.min()))
display(book.record("one-keeps-the-gain", every.sum() / own.sum()))
book.record("others-help-at-3-and-4", (every - own)[1:].min())

# %% [markdown]
# It pays at scale 2, where the patches of 3 and 4 are of little help, and
# *gains* at 3 and 4. In the paper the price is 0.04 dB, which is the noise of
# a single run (lesson 04), and the gain 0.38 and 0.11 dB.
#
# > **Note: equal epochs, not equal steps.** The paper gives each network 80
# > epochs, and we give each of ours five. But an epoch over three scales has
# > three times the patches, and so three times the steps: the network for all
# > three costs as much to train as the specialists together. Here that is
# > what saves it. In trials with seed 0 it kept six tenths of the specialists'
# > gain with as many *steps* as each of them, and three quarters when all had
# > 15 epochs.
#
# ## At full scale
#
# The seven networks: gains on Set5, in dB.

# %%
full = recorded("table2")
print(full.provenance if full else "Not run at full scale yet.")
if full:
    display(outcomes.gain_table(full.table, "scale", "trained_on").round(2))

# %% [markdown]
# Half of the paper's finding comes again: one network for all is as good as
# each specialist (36.63, 32.88 and 30.51 dB against 36.65, 32.82 and 30.44),
# and so is that for 2 and 3 (36.68, 32.87). The gain of 0.38 dB at scale
# 3 does not: ours is 0.06. And our network for 2 does harm above: 0.08 dB at
# 3, 0.06 at 4. At `paper` all 21 cells are compared next.

# %%
cells = result.table.set_index(["trained_on", "scale"]).psnr
for (name, s), measured in cells.items() if profile == "paper" else ():
    trained = name.replace("x", "").replace(", ", "-")
    display(book.record(f"table2-{trained}-at-{s:g}", measured))

# %% [markdown]
# ## Between the scales
#
# Nothing in the network asks for a whole number. A picture may be enlarged by
# 1.1 or by 2.7, and `degrade` makes pairs of any such scale.
#
# **Predict.** Sketch four curves of the gain over bicubic from 1.1 to 4: for
# the three specialists and the network of all three. Where is each at its
# best? And at 2.5, which none of the four has seen: who is ahead?

# %%
names = {"2 only": "x2", "3 only": "x3", "4 only": "x4", "all": "x2, x3, x4"}
nets = {label: trained[name] for label, name in names.items()}
steps = [1.1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4]
gains = lab.gain_by_scale(nets, pictures, steps, crop=160, device=device)
curves = {label: (gains.index, gains[label]) for label in gains}
axes = {"xlabel": "scale", "ylabel": "gain over bicubic (dB)"}
figures.show(
    figures.convergence(curves, ylim=(-3, 1.2), **axes),
    alt="Steep rises to a hump at the own scale; for all scales, a broad one.",
)

# %% [markdown]
# Each curve comes up from far below zero (beyond the axis, which ends at -3)
# and flattens beyond its own scale. The specialist for 2 is the first to cross
# zero and the first to fall back; the one for 4 does harm up to about 3. The
# network of all three is not the best everywhere, but from 2 to 4 it is good
# everywhere, at the whole numbers and between them.

# %%
between = gains.loc[[2.5, 2.75, 3.25, 3.5]]
rivals = between.drop(columns="all").max(axis=1, skipna=False)
display(book.record("ahead-between", (between["all"] - rivals).min()))
display(book.record("helps-from-2-to-4", gains.loc[2:4, "all"].min()))
worst = gains.loc[1.5, ["3 only", "4 only"]].max(skipna=False)
book.record("harm-at-one-and-a-half", worst)

# %% [markdown]
# With networks of one scale one would need one for every number that somebody
# may ask for. Figure 5 of the paper says so with pictures: one VDSR at several
# scales, fractional ones among them, above SRCNN's network for 3.
#
# > **Caution.** Do not assume that what works at 2 and at 4 works at 3. In
# > the paper's table the network for these two gains 0.81 dB at 3, where the
# > one for all three gains 2.88. The longer a network is trained, the better
# > it knows its own scales, and the less it need care about others. Ours are
# > too young to show it.
#
# The slider below is our Figure 5, with VDSR throughout; the curve says where
# you are.

# %%
shown = {name: nets[name] for name in ("3 only", "all")}
frames = [1.5, 2, 2.5, 3, 3.5, 4]
series = lab.pictures_by_scale(shown, detail, frames)
lines = {name: (steps[2:], gains[name].loc[1.5:]) for name in nets}
view = {"left": "3 only", "right": "all", "border": 4}
slider = {"frames": {"scale": frames}, "curve_label": "mean gain (dB)"}
compare(series, reference="original", curves=lines, **slider, **view)

# %% [markdown]
# Begin at 1.5, and compare each network with the original. The one that knows
# only 3 draws a light seam along nose and chin which is not there: it repairs
# a blur that the picture does not have. The one for all three does it too,
# less strongly. At 3 both are at home. At 4 both leave soft what no small
# picture of a sixteenth of the pixels could tell them.

# %% [markdown]
# ## Too much below, too little above
#
# Can that be measured? Let $f$ be the residual that a network predicts and
# $r$ the true one. If $f$ points the right way but is too strong, some factor
# $a$ below 1 would make it better; if it is too weak, one above 1. The factor
# with the least squared error is a regression,
#
# $$a = \frac{\langle r, f \rangle}{\langle f, f \rangle}.$$
#
# Call it the *right dose*, as a multiple of the one that the network gave: 1
# says that it was right, 0.5 that half of it would have been.


# %%
def my_dose(network, hr, scale):
    """Return by what the predicted residual should be multiplied."""
    ilr = degrade(hr, scale)  # (H, W)
    batch = torch.tensor(ilr)[None, None].float()  # (1, 1, H, W)
    output = super_resolve(network, batch)[0, 0].numpy()  # (H, W)
    true, predicted = hr / 255 - ilr, output - ilr
    return (true * predicted).sum() / np.square(predicted).sum()


found = my_dose(nets["3 only"], detail, 2)
theirs = lab.dose_by_scale({"it": nets["3 only"]}, {"one": detail}, [2])
assert_close(found, theirs.loc[2, "it"], rtol=1e-3, atol=0, equal_nan=True)
print(f"right dose for the network of 3, at scale 2: {found:.2f}")

# %% [markdown]
# **Predict.** What is the right dose for a specialist at its own scale? On
# which side of 1 does it lie below that, and above? And how small must it be
# for the network to do harm, that is, for a picture without its correction
# to be nearer the truth?

# %%
doses = lab.dose_by_scale(nets, pictures, steps, crop=160, device=device)
curves = {label: (doses.index, doses[label]) for label in doses}
axes["ylabel"] = "right dose (1: as given)"
figures.show(
    figures.convergence(curves, reference_lines={"right": 1}, **axes),
    alt="The dose rises with the scale; a specialist is near 1 at its own.",
)

# %% [markdown]
# A specialist is close to 1 at home, as least squares must make it. Below, it
# gives too much; above, too little. The two are not alike in what they cost.
# Half of a good correction is still a correction. But the error that is left,
#
# $$\lVert r - f \rVert^2 = \lVert r \rVert^2
#   - 2\,\langle r, f \rangle + \lVert f \rVert^2,$$
#
# is smaller than $\lVert r \rVert^2$, that of bicubic, exactly if
# $\langle r, f \rangle > \tfrac{1}{2} \lVert f \rVert^2$, so if $a$ is above
# one half. Whoever gives more than twice the right dose does harm; whoever
# gives too little does none. Look back at the curves of gains: each crosses
# zero where this one crosses one half. We count how often the two agree.

# %%
home = [abs(doses.loc[s, f"{s} only"] - 1) for s in (2, 3, 4)]
display(book.record("right-dose-at-home", np.max(home)))
display(book.record("overdose-below", doses.loc[2, "4 only"]))
display(book.record("underdose-above", doses.loc[4, "2 only"]))
agree = ((doses > 0.5) == (gains > 0)) & gains.notna()
book.record("harm-below-half", agree.to_numpy().mean())

# %% [markdown]
# ## Must one network compromise?
#
# The right strength differs from scale to scale, and one network has to serve
# them all. So should it not settle for something in between, too strong at 2
# and too weak at 4? A *linear* method must. Take the simplest network, one
# filter of 11 x 11 pixels, as much as depth 5 sees: it adds the same weighted
# sum of a pixel's surroundings whatever the scale is. Its best weights are a
# least-squares problem, which needs no training and no luck. By hand:


# %%
def my_filter(hr, scales, size):
    """Return the filter with the least squared error over some scales."""
    seen, wanted, edge = [], [], size // 2
    for scale in scales:
        ilr = degrade(hr, scale)  # (H, W)
        windows = sliding_window_view(ilr - 0.5, (size, size))
        seen.append(windows.reshape(-1, size**2))  # (N, w * w)
        wanted.append((hr / 255 - ilr)[edge:-edge, edge:-edge].ravel())
    least = np.linalg.lstsq(np.concatenate(seen), np.concatenate(wanted))
    return least[0].reshape(size, size)


# %% [markdown]
# `best_linear` does the same for several sets of scales at once; the weights
# must agree. `LinearNetwork` adds the filter's prediction to its input, so
# that it can be measured as any network.

# %%
pair = (2, 4)
theirs = best_linear({"one": detail}, [pair], size=3)[pair]
mine = LinearNetwork(my_filter(detail, pair, 3))
assert_close(mine.kernel, theirs.kernel, rtol=0.01, atol=0.01)
print(mine, mine.kernel[0, 0].numpy().round(2), sep="\n")

# %% [markdown]
# In the middle a large positive number, around it negative ones: it takes the
# difference of a pixel to its surroundings and adds a part of it. That is
# sharpening, as any drawing program offers it.
#
# **Predict.** Make Table 2 with such filters. Which part of the gain of three
# special filters will one filter for all three keep?

# %%
sets = [tuple(map(int, name[1:].split(", x"))) for name in live]
filters = best_linear(load_images("embedded-train"), sets, crop=160)
named = dict(zip(live, filters.values(), strict=True))
linear = lab.gain_by_scale(named, pictures, (2, 3, 4), crop=160, device=device)
shown = {"linear filters of 11 x 11": linear.rename_axis(**sides)}
figures.show(
    figures.grid(shown, limit=1, colour="better than bicubic (dB)"),
    alt="Blue and red as in Table 2; the column for all scales is paler.",
)

# %%
kept = linear["x2, x3, x4"].sum() / np.diag(linear[["x2", "x3", "x4"]]).sum()
display(book.record("a-filter-must-compromise", kept))
book.record("a-network-need-not", every.sum() / own.sum() - kept)

# %% [markdown]
# The pattern of Table 2 is there in a filter with 121 weights: harm below,
# idleness above. That part has nothing to do with depth or learning; it is
# what happens to any sharpening of the wrong strength. And the filter for all
# three keeps little more than half of the gain. Does our network do better
# than to compromise? Its doses tell.

# %%
one = {"one filter": named["x2, x3, x4"], "one network": nets["all"]}
given = lab.dose_by_scale(one, pictures, (2, 3, 4), crop=160, device=device)
display(given.round(2))
spread = given.loc[4] - given.loc[2]
display(book.record("a-filter-gives-one-dose", spread["one filter"]))
book.record("ours-compromises-too", spread["one network"])

# %% [markdown]
# Two thirds of what the filter adds would be right at 2, and at 4 it should
# add twice as much. Our network, at `quick`, is hardly different: it is young
# and shallow, and has gained by its many steps, not by telling the scales
# apart. The paper's network has done more than that: one that is too strong
# at 2 and too weak at 4 cannot come within 0.04 dB of a specialist at the
# first and pass it at the second.
#
# Depth and ReLU make it possible. A filter multiplies whatever it is given by
# the same numbers. A network can first find out how steep the steepest edges
# are, which tells the blur, and then act on it, as if it held several filters
# and chose.
#
# > **Caution.** The choice is made by what was in the pile. Pairs of 2, 3 and
# > 4 teach it to tell these three, and what lies between. Nothing taught it
# > that a picture may be sharp already: a little below 2 it begins to spoil
# > what it touches, like the others.

# %% [markdown]
# ## Summary
#
# A network that gets the interpolated picture can serve any scale whose blur
# it has learnt to recognise. Training it takes patches of several scales in
# one pile, and no other change. A network of one scale gives the right dose
# at home; at smaller scales it sharpens too much, and does harm as soon as it
# is more than twice too much; at larger ones it sharpens too little. (Ours of
# scale 2 at full scale did some harm there.) One linear filter for three
# scales loses nearly half of what three filters gain, and a young network
# little less at equal steps. The paper's, deep and long trained, loses no more
# than noise.
#
# | a specialist | at its own scale | below | above |
# |---|---|---|---|
# | dose | right | too much | too little |
# | against bicubic | better | mostly worse | -0.1 to +0.5 dB |
#
# Where the evidence is weak: the paper has one run a cell, and three times the
# steps for the one of three.

# %% [markdown]
# ## Exercises
#
# 1. Train a network on scale 2 for 15 epochs in place of 5, so that it takes
#    as many steps as the one for all three, and let its rate drop as much
#    later. (`dataclasses.replace` changes a run of
#    `table2 = get_experiment("table2")` and its `training`;
#    `replace(table2, sizes=table2.sizes | {"quick": (run,)})` declares it.)
#    By how much is it ahead at 2 now?
# 2. Multiply the residual of the network for 4 by the dose that is right at
#    2, and measure its gain there. Is the harm undone? How much of what the
#    specialist for 2 gains is then still missing, and why?
# 3. Put patches of scale 1.25 into the pile (declare a run with the scales
#    1.25, 2, 3 and 4). Does the network learn to leave a sharp picture alone,
#    and what does it cost at 4?
# 4. Fit filters for all three scales with sizes from 3 to 13. Does a larger
#    filter compromise less?
# 5. Give the network the scale after all: a second input channel, filled with
#    $1/s$. Which cells of Table 2 would you expect to change?

# %% [markdown]
# ## Sources
#
# - J. Kim, J. K. Lee, K. M. Lee, "Accurate Image Super-Resolution Using Very
#   Deep Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587:
#   sections 3.2 and 4.3 (one training set for several scales), Table 2 and
#   Figure 5.
# - C. Dong, C. C. Loy, K. He, X. Tang, "Image Super-Resolution Using Deep
#   Convolutional Networks", IEEE TPAMI 38(2), 2016,
#   https://arxiv.org/abs/1501.00092: one network a scale.
# - N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
#   Series", MIT Press, 1949: the linear filter with the least squared error.
