# %% [markdown]
# # See further with depth
#
# **You will do** what Figure 3 of the VDSR paper does, and what it leaves
# out: train networks of several depths, each of them three times; measure how
# far they really see; find a picture on which seeing far is everything; and
# take the time that depth costs.
#
# **You will learn** what a standard error is good for, and which parts of a
# published curve are noise; why the field that a network *can* see is larger
# than the one it *does* see; and what a second look at a repeated pattern is
# worth.
#
# **You need** lesson 03 (the residual) and the receptive field from lesson
# 02. Reading takes about 40 minutes. At `quick` the cells take a little over
# a minute on two CPU cores with bfloat16 arithmetic (lesson 00 tells whether
# yours have it); on a GPU nobody has timed them yet.

# %% [markdown]
# > **Words.** *The paper* is that of Kim, Lee and Lee (2016), and VDSR its
# > network; its *depth* $D$ counts the layers. SRCNN is the three-layer
# > network that came before it. The network is shown the picture after
# > bicubic interpolation has brought it to full size, brightness (*luma*)
# > alone, cut into small squares, the *patches*; an *epoch* uses each patch
# > once. PSNR, in decibels (dB), is the squared error on a scale where more
# > is better, and *Set5* are the five pictures on which the paper measures
# > it. *The review* is the comparison of both networks that lesson 02 checks.
# > A line with a coloured bar is a *claim*: a sentence written beforehand and
# > judged by the number that was just measured.
#
# The first cell holds what a run may change. `profile` is the size of the
# experiments: `quick` trains depths 3, 5, 7 and 10 for some 84 steps each, on
# pictures that come with scikit-image; `classroom` the same depths for two
# epochs; `paper` trains all depths from 5 to 20 on the paper's 91 pictures,
# three times each, and wants a GPU.

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from vdsr_lib import compare, degrade, figures, load_images, paper
from vdsr_lib import experiments as lab
from vdsr_lib.claims import ClaimBook
from vdsr_lib.experiments.outcomes import missing_costs
from vdsr_lib.images import crop_to_multiple, to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.receptive import central_share, central_side, effective_field
from vdsr_lib.widgets import receptive_field_explorer

book = ClaimBook("04", profile, output_dir)

# %% [markdown]
# ## "The deeper, the better"
#
# That is the title of a section in the paper, and Figure 3 is its evidence:
# PSNR against depth, from 5 to 20 layers, rising at all three scales. Each
# point is *one* training run. A run draws its initial weights and the order
# of its patches by chance, so another run of the same depth gives another
# number, and nobody knows from one run how different it would be.
#
# So we train each depth three times. Following the paper, the patches are as
# large as the network sees, 7 x 7 at depth 3 and 21 x 21 at depth 10: a
# deeper network here also gets more pixels a step, and depth is not the only
# thing that differs.
#
# **Predict.** Depth 10 has seven layers more than depth 3. After 84 steps,
# will it be ahead by 0.3 dB, by 1 dB, or not yet? And how far apart will
# three runs of the *same* depth be?
#
# The table has the mean PSNR of the three runs, in dB, on the middle of five
# test pictures: a row for each depth, a column for each scale. (Should a run
# diverge, its depth has no mean.)

# %%
result = lab.run_experiment("figure3", profile, device=device, seed=seed)
lab.tell_diverged(result)
groups = result.table.groupby(["scale", "depth"]).psnr
means = groups.agg(lambda runs: runs.mean(skipna=False)).unstack("scale")
display(means.map("{:.2f}".format).replace("nan", "diverged"))

# %% [markdown]
# Every run is a small ring; the line joins the means. The bars are *standard
# errors*: with $n$ runs whose results have the standard deviation $s$, the
# mean is uncertain by about $s / \sqrt n$. Two means whose bars overlap have
# not been told apart.

# %%
axes = {"xlabel": "depth (layers)", "ylabel": "PSNR (dB)"}
panels = list(result.table.groupby("scale"))
dots = {f"x{s:g}": (rows.depth, rows.psnr) for s, rows in panels}
level = {f"x{s:g}": rows.bicubic.iloc[0] for s, rows in panels}
figures.show(
    figures.seeds(dots, levels=level, **axes),
    alt="""Three panels, one a scale. At x3 and x4 PSNR rises with depth by
    some tenths of a decibel; at x2 the scatter hides any order.""",
)

# %% [markdown]
# Now in numbers: the gain from the shallowest network to the deepest; the
# spread of single runs, pooled over the depths (the root of the mean
# variance), since three runs alone give a poor estimate of it; the standard
# error of the gain that follows; and how many such errors the gain is.

# %%
shallow, deep = means.index.min(), means.index.max()
gain = means.loc[deep] - means.loc[shallow]
spread = groups.var().groupby("scale").mean() ** 0.5
repeats = int(groups.size().min())
error = spread * (2 / repeats) ** 0.5
table = pd.DataFrame({"gain": gain, "spread": spread, "error": error})
display(table.assign(errors=gain / error).round(2))
book.record("deeper-is-better", gain[3])

# %% [markdown]
# A gain of three errors is very likely real; one of a single error may be
# chance, and a single run of each depth would then have given whatever order
# you like. At `quick` depth has paid at scales 3 and 4; at scale 2, after so
# few steps, nobody can tell. And of the gains from one depth to the next most
# are below two errors. Compare with what you predicted, for both.
#
# ## The same detail, deeper and deeper
#
# A few tenths of a decibel are hard to see. Move the slider through the
# depths (the first run of each that did not diverge; nothing is shown if all
# did), and try the difference mode.

# %%
first = {n.depth: n for n in reversed(result.models.values())}
models = {depth: first[depth] for depth in means.index if depth in first}
camera = to_luma(load_images("embedded-test")["camera"])
hr = crop_to_multiple(camera[90:243, 190:343], 3)  # (H, W), uint8
ilr = degrade(hr, 3)  # (H, W)
batch = torch.tensor(ilr, dtype=torch.float32)[None, None]  # (1, 1, H, W)
nets = [network.cpu() for network in models.values()]
outputs = [to_uint8(super_resolve(n, batch)[0, 0].numpy()) for n in nets]
pictures = {"original": hr, "bicubic": to_uint8(ilr), "VDSR": outputs}
options = {"frames": {"depth": list(models)}, "border": 3}
compare(pictures, reference="original", **options) if models else None

# %% [markdown]
# ## How sure is the paper's curve?
#
# Here are the numbers of Figure 3 itself, on Set5, from the authors' vector
# graphics. One run a depth gives no standard error. But a curve that ought to
# be smooth betrays its noise: two neighbours differ by the slope, which is
# small from depth 10 on, and by the chance of *two* runs. So half the mean
# squared difference of neighbours estimates the variance of one run.


# %%
def my_noise(values):
    """Estimate one run's standard deviation from a smooth row of runs."""
    return (np.diff(values) ** 2 / 2).mean() ** 0.5


figure3 = paper.table("figure3").pivot_table("psnr", "depth", "scale")
noise = {f"x{s}": my_noise(figure3.loc[10:, s]) for s in figure3}
print(pd.Series(noise).round(3).to_dict())
book.record("noise-of-a-run", noise["x2"])

# %% [markdown]
# **Predict.** One run is good to some 0.04 dB, then. Which of these will
# survive: that depth 20 beats depth 5; that depth 12 beats depth 11; that
# depths 16 to 19 are *worse* than 12 to 15 at scale 2?
#
# The figure has the paper's points in grey, with that uncertainty as a bar.
# Blue rings are runs of our own at full scale, as far as they are recorded.

# %%
full = lab.recorded("figure3")
panels = full.table.groupby("scale") if full else ()
ours = {f"x{s:g}": (rows.depth, rows.psnr) for s, rows in panels}
printed = {f"x{s}": (figure3.index, figure3[s]) for s in figure3}
figures.show(
    figures.seeds(ours, paper=printed, errors=noise, **axes),
    alt="""The paper's Figure 3 with error bars. It rises steeply to depth 9
    and then flattens; at x2 it sags from 16 to 19; depth 20 stands out.
    Recorded runs of ours lie 0.3 to 0.5 dB below it at depths 7, 10 and
    20, and 0.5 to 1.4 dB at depth 5.""",
)

# %% [markdown]
# First our own: where the recorded runs were made; how far they lie from the
# paper's point (in dB, below it where negative); and what the first and the
# last of those that nobody has made yet would cost.

# %%
print(full.provenance if full else "nothing is recorded")
if full:
    above = full.table.pivot_table("psnr", "depth", "scale") - figure3
    display(above.dropna().round(2))
left = pd.Series(missing_costs("figure3", full))
display(left[:: max(1, len(left) - 1)].to_frame("at full scale"))

# %% [markdown]
# Even 0.4 dB is many times the noise of a run, so this is not chance:
# something in our training differs from the authors'. It may be the patches,
# as it seems to be at depth 10 (lesson 07): theirs in four flips, ours as they
# are. Depth 5 lacks 1.0 dB more at x2, in two runs with other first weights;
# without weight decay it lacks less than half of that, and nobody knows the
# rest (`docs/ours_against_the_paper.md`, *What differs*).
# Now the paper's curve by itself: its rise from depth 5 to
# 20, its sag from depths 12 to 15 to 16 to 19 at each scale, and the standard
# error of either.

# %%
rise = figure3.loc[20] - figure3.loc[5]
sag = figure3.loc[16:19].mean() - figure3.loc[12:15].mean()
run = np.array(list(noise.values()))  # the uncertainty of a single run
table = pd.DataFrame({"rise": rise, "its error": run * 2**0.5, "sag": sag})
display(table.assign(error=run * (1 / 4 + 1 / 4) ** 0.5).round(3))
display(book.record("figure3-rises", rise.min()))
book.record("figure3-sags-at-x2", sag[2])

# %% [markdown]
# That depth helps stands firm: from 5 to 20 the gain is ten times its error
# at every scale. Beyond depth 12 the curve says little. At scale 2 four
# deeper networks are worse than four shallower ones by 0.09 dB, nearly three
# standard errors; but we chose that comparison after looking, and the same
# networks show nothing of it at scales 3 and 4. And depth 20, the one that
# the paper goes on to use, lies 0.12 dB or more above depth 19 at all
# scales: two standard errors of such a difference. Was it trained or chosen
# with more care? The paper does not say.
#
# How many runs would settle it? To tell two depths $\delta$ apart at two
# standard errors, $2 s \sqrt{2 / n} \le \delta$, so $n \ge 8 s^2 / \delta^2$.

# %%
delta = 0.02  # dB a layer, about as from 12 to 20 at x3 and x4; x2 has less
needed = np.ceil(8 * noise["x2"] ** 2 / delta**2)
print(f"{needed:.0f} runs a depth to see {delta} dB")
book.record("seeds-needed", int(needed))

# %% [markdown]
# > **Note.** This is common in the field and no reproach to one paper. A
# > curve of single runs can carry its large trend, and this one does. It
# > cannot carry the order of neighbours, and whoever picks "the best depth"
# > from it picks the luckiest run. The authors' code also keeps, of each run,
# > the epoch that is best on Set5, on which it is then tested.
#
# ## How far does it see?
#
# The theoretical receptive field is a square of $2D + 1$ pixels to the side.
# The *effective* one says how strongly each of them moves the output: the
# mean size of the gradient of an output pixel with respect to the input (Luo
# et al. 2016). We leave out the skip connection, which passes on one pixel.
#
# **Predict.** For depth 10 the square is 21 pixels wide. How wide is the
# square in its middle that holds 90 % of the gradient?

# %%
fields = {depth: effective_field(net, ilr) for depth, net in models.items()}
sides = pd.DataFrame({"2D + 1": {d: 2 * d + 1 for d in fields}})
sides["reached"] = [central_side(field) for field in fields.values()]
sides["90 %"] = [central_side(field, 0.9) for field in fields.values()]
display(sides)
wrong = (sides["reached"] - sides["2D + 1"]).abs().reindex(means.index)
display(book.record("field-is-two-depths-and-one", wrong.max(skipna=False)))
used = sides["90 %"].reindex(means.index)  # NaN where all runs diverged
display(book.record("field-is-used-in-part", used[deep] / (2 * deep + 1)))
book.record("field-grows", used[deep] - used[shallow])

# %% [markdown]
# Every pixel of the theoretical square has *some* influence, and the formula
# is exact. Most of the influence lies in the middle, the more so the deeper
# the network is: a corner of the square is reached by a single path from
# pixel to pixel through ten layers, its middle by millions. Doubling the
# depth, from 5 to 10, does not double what is used.

# %%
shares = {
    f"depth {depth}": (2 * np.arange(depth + 1) + 1, central_share(field))
    for depth, field in fields.items()
}
xlabel, ylabel = "side of the central square (pixels)", "share of the gradient"
if shares:
    chart = figures.convergence(shares, xlabel=xlabel, ylabel=ylabel)
    figures.show(chart, alt="Deeper networks need larger squares for 90 %.")

# %% [markdown]
# The explorer shows the same on the picture: choose a depth, and a pixel, and
# see the square and the measured field around it.

# %%
receptive_field_explorer(models, hr, scale=3) if models else None

# %% [markdown]
# > **Caution.** A field changes while the network learns: it narrows. Nine
# > tenths of the gradient lie within 15 pixels in a fresh network of depth
# > 10, and within 13 after 84 steps; at depth 20 within 21, and within 17
# > after 80 epochs on T91 (exercise 5). And the gradient says how much a
# > pixel *matters*, not whether it is used to good effect.
#
# ## What a second look is worth
#
# Why should it help to see far? The paper says that more context gives more
# clues to what a detail is. Here is a case in which that can be measured to
# the last decibel. A texture repeats every 5 pixels; shrinking by 3 leaves
# about a fifth of its contrast, folded onto a coarser pattern that is not
# there. Whoever sees one period of it cannot tell true from false. Over two or
# three periods the few pixels that are left fall on different places of the
# tile, and together they tell.
#
# To keep luck and patience out of it we train nothing: for the simplest
# network, one linear filter of $w \times w$ pixels, the best weights can be
# computed. A stack of $(w - 1) / 2$ layers without ReLU is such a filter.
#
# **Predict.** How many decibels will a filter of 13 x 13 gain over one of
# 5 x 5 on the repeated texture? And how many on one that never repeats, with
# detail just as fine?

# %%
gains = lab.context_gains(seed=seed)
display(gains.round(2).T)
figures.show(
    figures.convergence(
        {name: (gains.index, gains[name]) for name in gains},
        xlabel="side of the filter (pixels)",
        ylabel="gain over bicubic (dB)",
    ),
    alt="""On the repeated texture the gain climbs from 1 dB at 3 pixels to
    more than 30; on the other it stays near 1 dB at every size.""",
)

# %%
wider = gains.loc[13] - gains.loc[5]
display(book.record("context-pays-when-repeated", wider["repeats"]))
book.record("context-alone-pays-little", wider["never repeats"])

# %% [markdown]
# The step comes where the filter begins to see more than one period. On the
# texture that never repeats, the same 13 x 13 pixels hold hardly any news.
# So context is no good in itself: it pays as far as the picture repeats or
# continues something. Brick walls and windows do. Of the four sets of test
# pictures in the paper's Table 3 it is Urban100, a hundred views of facades,
# on which VDSR is furthest ahead of SRCNN at scale 2, by 1.26 dB. (That fits
# and proves little: at scales 3 and 4 the lead is largest on Set5.)
#
# Here is what the filters make of the repeated texture.

# %%
random = np.random.default_rng(seed)
drawn = [lab.texture(5, generator=random) for _ in range(12)]
flat = lab.filtered(drawn[0], 3, np.zeros((1, 1)))
shown = {"original": drawn[0], "bicubic": flat}
for size in (5, 7, 13):
    best = lab.best_filter(drawn[1:], 3, size)
    shown[f"{size} x {size}"] = lab.filtered(drawn[0], 3, best)
shown = {name: picture[15:45, 15:45] for name, picture in shown.items()}
figures.show(
    figures.filmstrip({"repeats": (shown, {})}),
    alt="""A texture of small tiles. Bicubic leaves an almost even grey, the
    filter of 5 pixels a false pattern; 7 and 13 bring the tiles back.""",
)

# %% [markdown]
# ## What depth costs
#
# Between its first and last layer VDSR repeats one layer over and over, and
# each copy costs the same. Time should be a straight line over depth. We
# measure it for a pixel of a picture and for a pixel of a training step, and
# draw the straight line that fits the latter best.
#
# **Predict.** How many times as long as depth 10 does depth 20 take?

# %%
costs = lab.depth_costs((3, 5, 7, 10, 14), device=device, side=48, repeats=15)
display(costs.round(2))
slope, offset = np.polyfit(costs.index, costs.training, 1)
fit = np.corrcoef(costs.index, costs.training)[0, 1] ** 2
points = {kind: (costs.index, costs[kind]) for kind in costs}
axes = {"xlabel": "depth (layers)", "ylabel": "microseconds a pixel"}
chart = figures.convergence(points, **axes)
chart.axes[0].axline((10, offset + 10 * slope), slope=slope, c="black", lw=0.8)
figures.show(
    chart,
    alt="Time a pixel against depth: two rows of points on straight lines.",
)
print(f"20 against 10: {(offset + 20 * slope) / (offset + 10 * slope):.2f}")
book.record("cost-is-linear", fit)

# %% [markdown]
# It is a line, and by it depth 20 costs a little over twice what depth 10
# does, for each pixel: the first and the last layer are cheap, so that the
# line starts below zero. What Figure 3 leaves out is this axis: the last
# 0.07 dB at scale 2, from depth 10 to 20, cost twice the time for every
# picture that is ever enlarged.

# %% [markdown]
# ## At full scale
#
# At the profile `paper` the next cell holds the means over our three runs
# against the two ends of the paper's figure; at the others it does nothing.

# %%
for depth in (5, 20) if profile == "paper" else ():
    for s in (2, 3, 4):
        measured = means.loc[depth, s]
        display(book.record(f"figure3-depth-{depth}-x{s}", measured))

# %% [markdown]
# ## Summary
#
# Depth helps: from 5 to 20 layers in the paper's curve by far more than
# chance, and from 3 to 10 layers at scale 3 even after our few steps. It
# helps less and less, and from about twelve layers on Figure 3 cannot rank
# its own points, since one run is uncertain by 0.04 dB. A network of depth
# $D$ sees a square of $2D + 1$ pixels and uses mostly its middle. Seeing far
# pays where the picture repeats itself, and each layer costs the same time.
#
# | claim | evidence |
# |---|---|
# | deeper is better, 5 to 20 | ten standard errors, three scales |
# | 16 to 19 worse than 12 to 15 at x2 | nearly three, chosen after looking |
# | 12 better than 11 | none |
# | the field is 2D + 1 | exact, by the gradient |
# | each layer takes the same time | a straight line |

# %% [markdown]
# ## Exercises
#
# 1. Take the runs of two neighbouring depths and compute the difference of
#    their means and its standard error. How many runs would you need at this
#    profile to tell them apart?
# 2. The patches grew with the depth. Train depth 3 with patches of 21 x 21:
#    `lab.get_experiment("figure3")` shows how runs are declared, and
#    `dataclasses.replace` changes one. How much of the gain of depth 10 is
#    left?
# 3. Estimate the noise from Figure 3 by fitting a parabola to depths 10 to 19
#    and taking the standard deviation of what is left. Do the two estimates
#    agree?
# 4. Repeat the texture every 8 pixels instead of 5
#    (`lab.context_gains(range(3, 26, 2), period=8)`). At which filter size
#    does the gain set in now? And why does it never set in when the period
#    is 6? (Ask on which places of the tile the pixels fall that are left.)
# 5. What does training do to the field? Measure `effective_field` of a fresh
#    `VDSR(depth=10)`, of ours, and of one that was trained for longer
#    (`lab.run_experiment("figure3", "classroom", only="depth 10, run 1")`).

# %% [markdown]
# ## Sources
#
# - J. Kim, J. K. Lee, K. M. Lee, "Accurate Image Super-Resolution Using Very
#   Deep Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587:
#   section 4.1 and Figure 3, read off the authors' vector graphics.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel, "Understanding the Effective
#   Receptive Field in Deep Convolutional Neural Networks", NIPS 2016,
#   https://arxiv.org/abs/1701.04128.
# - J. von Neumann, "Distribution of the Ratio of the Mean Square Successive
#   Difference to the Variance", Annals of Mathematical Statistics, 1941: the
#   noise of a row of values from the differences of neighbours.
# - J.-B. Huang, A. Singh, N. Ahuja, "Single Image Super-Resolution from
#   Transformed Self-Exemplars", CVPR 2015: Urban100, and patterns that
#   repeat within a picture.
