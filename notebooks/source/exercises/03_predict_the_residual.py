# %% [markdown]
# # Predict the residual
#
# **Assignment 3: residual learning.** About 60 minutes, on any computer,
# offline. It belongs to lesson 03.
#
# You define what VDSR's layers are asked for, put their answer back into a
# picture without losing half of it, derive the loss and its slope, and learn
# to read a curve that leaps.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("add-back", my_output, hint=1)`; there are three for each
# task.

# %% tags=["parameters"]
picture = "camera"
scale = 2
rate = 0.1

# %%
import numpy as np
import torch

from vdsr_lib import check_exercise, degrade, figures, paper
from vdsr_lib.datasets import load_images
from vdsr_lib.images import crop_to_multiple, to_luma

luma = to_luma(load_images("embedded-test")[picture])  # (H, W), uint8
hr = crop_to_multiple(luma, scale) / 255  # (H, W), in [0, 1]
ilr = degrade(hr, scale)  # (H, W)

# %% [markdown]
# ## 1. The target, one line
#
# The network is given the interpolated picture (ILR) and should arrive at the
# original (HR). Its layers predict what must be *added*. What is that?


# %% task="residual-target"
def my_target(ilr, hr):
    """Return what the layers should predict; all are of one shape."""
    ### BEGIN SOLUTION
    return hr - ilr
    ### END SOLUTION


# %% test="residual-target" points=2
check_exercise("residual-target", my_target)
### BEGIN HIDDEN TESTS
assert my_target(3.0, 5.0) == 2.0
### END HIDDEN TESTS

# %% [markdown]
# Here it is for the picture of this notebook. Grey stands for nothing to add.

# %%
shown = 0.5 + 4 * my_target(ilr, hr)
pictures = {"original": hr, "residual, times 4": np.clip(shown, 0, 1)}
figures.show(
    figures.comparison(pictures, crop_size=96),
    alt="""The picture, and its residual: grey nearly everywhere, with thin
    dark and bright lines side by side along the edges.""",
)

# %% [markdown]
# ## 2. Put it back
#
# The prediction is added to the ILR, and the sum becomes an 8-bit picture:
# clipped to 0 to 255 and rounded. In which order? A residual is negative as
# often as positive, and `astype(np.uint8)` neither rounds nor clips.


# %% task="add-back"
def my_output(ilr, residual):
    """Return the super-resolved 8-bit picture.

    ilr, residual: (H, W), float; 1.0 is white. Returns (H, W), uint8.
    """
    ### BEGIN SOLUTION
    levels = np.clip((ilr + residual) * 255, 0, 255)  # (H, W)
    return np.floor(levels + 0.5).astype(np.uint8)
    ### END SOLUTION


# %% test="add-back" points=3
check_exercise("add-back", my_output)
### BEGIN HIDDEN TESTS
same = my_output(np.array([[0.5, 1.0]]), np.array([[-0.5, 0.0]]))
assert same.tolist() == [[0, 255]]
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How much is left to explain
#
# Bicubic does most of the work. Measure what it leaves: the variance of the
# residual as a share of the variance of the picture.


# %% task="unexplained"
def my_share(ilr, hr):
    """Return the variance of the residual over that of the picture."""
    ### BEGIN SOLUTION
    return np.var(hr - ilr) / np.var(hr)
    ### END SOLUTION


# %% test="unexplained" points=2
check_exercise("unexplained", my_share)
### BEGIN HIDDEN TESTS
steps = np.array([0.0, 1.0, 0.0, 1.0])
assert abs(my_share(steps / 2, steps) - 0.25) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The loss
#
# The authors' code sums the squared error over all pixels of a patch and
# averages over the patches of the batch, and over nothing else. `predicted`
# is what the layers return, before the input is added.


# %% task="residual-loss"
def my_loss(predicted, ilr, hr):
    """Return the loss of a batch of patches, a tensor without dimensions.

    predicted, ilr, hr: (B, 1, p, p), float.
    """
    ### BEGIN SOLUTION
    residual = hr - ilr  # (B, 1, p, p)
    return (predicted - residual).square().sum() / len(hr)
    ### END SOLUTION


# %% test="residual-loss" points=3
check_exercise("residual-loss", my_loss)
### BEGIN HIDDEN TESTS
zeros, ones = torch.zeros(4, 1, 5, 5), torch.ones(4, 1, 5, 5)
assert float(my_loss(zeros, zeros, ones)) == 25.0
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Its slope
#
# Training needs the slope of the loss with respect to every predicted pixel.
# Derive it on paper and write it down, without autograd.


# %% task="loss-slope"
def my_slope(predicted, ilr, hr):
    """Return the derivative of the loss by each predicted pixel.

    predicted, ilr, hr: (B, 1, p, p). Returns (B, 1, p, p).
    """
    ### BEGIN SOLUTION
    return 2 * (predicted - (hr - ilr)) / len(hr)
    ### END SOLUTION


# %% test="loss-slope" points=4
check_exercise("loss-slope", my_slope)
### BEGIN HIDDEN TESTS
dark, light = torch.zeros(4, 1, 5, 5), torch.ones(4, 1, 5, 5)
assert torch.equal(my_slope(dark, dark, light), -0.5 * light)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. The epoch after which it is safe
#
# A network without the skip connection leaps up and down while it learns. The
# first epoch above bicubic says little when the next one falls below again.
# Find the epoch from which on the curve *stays* above a level.


# %% task="lasting-epoch"
def my_lasting_epoch(psnrs, level):
    """Return the first epoch from which all values are above the level.

    psnrs: list of the epochs 1, 2, 3, ... Returns an epoch, or None when the
    curve ends at the level or below it.
    """
    ### BEGIN SOLUTION
    below = [epoch for epoch, v in enumerate(psnrs, 1) if v <= level]
    first = max(below, default=0) + 1
    return first if first <= len(psnrs) else None
    ### END SOLUTION


# %% test="lasting-epoch" points=3
check_exercise("lasting-epoch", my_lasting_epoch)
### BEGIN HIDDEN TESTS
assert my_lasting_epoch([1, 9, 1, 9, 9], 5) == 4
assert my_lasting_epoch([9], 5) == 1
assert my_lasting_epoch([1], 5) is None
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Read a curve
#
# Below are two curves of the paper's Figure 4 at the rate of this notebook:
# PSNR on Set5 at x2 after each of 80 epochs. Something happens to the leaps
# of the non-residual network three times. Write down after which three
# epochs, and the epoch from which on it stays above bicubic's 33.66 dB.

# %%
figure4 = paper.table("figure4").query("learning_rate == @rate")
curves = {n: g.sort_values("epoch") for n, g in figure4.groupby("network")}
drawn = {n: (c.epoch, c.psnr) for n, c in curves.items()}
figures.show(
    figures.panels(
        {f"learning rate {rate:g}": drawn},
        xlabel="epoch",
        ylabel="PSNR on Set5, x2 (dB)",
        level=("bicubic", 33.66),
    ),
    alt="""The residual curve runs level near the top. The other leaps by
    several decibels and becomes calmer in three places.""",
)


# %% task="curve-reading"
def my_reading():
    """Return ((epoch, epoch, epoch), lasting epoch) of the curve above."""
    ### BEGIN SOLUTION
    psnrs = list(curves["non-residual"].psnr)
    return (20, 40, 60), my_lasting_epoch(psnrs, 33.66)
    ### END SOLUTION


# %% test="curve-reading" points=3
check_exercise("curve-reading", my_reading, given=(rate,))
### BEGIN HIDDEN TESTS
assert len(my_reading()[0]) == 3
assert my_reading()[1] > 10
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Which of the two is it? (graded by hand)
#
# The skip connection changes two things at once: the network *starts* as
# bicubic, and its layers are asked for a *smaller* answer. Design an
# experiment that tells which of the two makes the difference in the curves
# above. Say which networks you would train (at least three), what you keep
# fixed, how many runs each gets and why, which number decides, and what you
# would conclude from each possible outcome.

# %% [markdown] answer="control" points=6
# ### BEGIN SOLUTION
# One good answer: three networks of depth 10 with the same data, steps, rate,
# clip and batch order. A: residual. B: non-residual, as in the paper. C:
# non-residual, but its first weights make it copy its input (a channel that
# passes the picture through, the others small), so that it starts as
# bicubic and yet has to hold on to the picture. Three seeds each at least,
# since the curves leap by decibels; the deciding number is the mean PSNR over
# all measurements of the first epochs, with its spread, not the last value.
# If C is like A, the start is what matters; if C is like B, the task is; if it
# lies between, both do. A network that starts far off but has the skip (a
# last layer that is not small) is a fourth arm that completes the square.
#
# Rubric: a control that separates the two 2; what is kept fixed 1; seeds or
# spread 1; a number that suits leaping curves 1; conclusions for each outcome
# 1.
# ### END SOLUTION

# %% [markdown]
# **Sources.** J. Kim et al., CVPR 2016, https://arxiv.org/abs/1511.04587,
# sections 3.2 and 4.2, Figure 4 (its curves were read off the authors' vector
# graphics); the loss is that of the authors' public code.
