# %% [markdown]
# # Compare fairly
#
# **Assignment 6: scales and the benchmark.** About 60 minutes, on any
# computer, offline. It belongs to lessons 06 and 07.
#
# One network for all scales, four test sets, six methods: the paper's tables
# look simple. You make the network's input at any scale, read two of the
# tables with a program, average as the tables do, and choose an epoch without
# looking where one must not look.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("gain", my_gains, hint=1)`; there are three for each task.

# %% tags=["parameters"]
picture = "coffee"
scale = 2

# %%
import math

import numpy as np
from IPython.display import display

from vdsr_lib import check_exercise, figures, imresize, paper, psnr
from vdsr_lib.datasets import load_images
from vdsr_lib.images import to_luma

table2, table3 = paper.table("table2"), paper.table("table3")
display(table2.head(3), table3.head(3))

# %% [markdown]
# ## 1. The size of the small picture, one line
#
# At scale 2.5, a picture of 97 rows shrinks to 38.8 of them. There is no such
# picture; MATLAB's `imresize` rounds *up*, so that nothing is lost.


# %% task="small-size"
def my_small_size(height, width, scale):
    """Return height and width of the shrunk picture, whole numbers."""
    ### BEGIN SOLUTION
    return math.ceil(height / scale), math.ceil(width / scale)
    ### END SOLUTION


# %% test="small-size" points=2
check_exercise("small-size", my_small_size)
### BEGIN HIDDEN TESTS
assert tuple(my_small_size(10, 11, 2)) == (5, 6)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What the network is given
#
# VDSR takes a picture that already has the final size. Shrink the luma by the
# scale (`imresize(hr, 1 / scale)`; it antialiases by itself), enlarge it back
# to `hr.shape`, and clamp what overshoots to the range of a luma, 16/255 to
# 235/255.


# %% task="network-input"
def my_input(hr, scale):
    """Return the interpolated low-resolution picture, the network's input.

    hr: (H, W), float in [0, 1]; both sides are multiples of the scale.
    """
    ### BEGIN SOLUTION
    small = imresize(hr, 1 / scale)  # (H / scale, W / scale)
    large = imresize(small, shape=hr.shape)  # (H, W)
    return np.clip(large, 16 / 255, 235 / 255)
    ### END SOLUTION


# %% test="network-input" points=4
check_exercise("network-input", my_input)
### BEGIN HIDDEN TESTS
checker = np.indices((8, 8)).sum(axis=0) % 2 * 0.5 + 0.25
assert abs(my_input(checker, 2).std()) < 0.02  # antialiasing blurs it away
white = my_input(np.ones((6, 6)), 3)
assert np.allclose(white, 235 / 255)
### END HIDDEN TESTS

# %%
luma = to_luma(load_images("embedded-test")[picture])[:252, :252] / 255
inputs = {f"input, x{s}": my_input(luma, s) for s in (2, 3, 4)}
figures.show(
    figures.comparison({"original": luma, **inputs}, reference="original"),
    alt="""The same detail, original and interpolated at x2, x3 and x4: the
    larger the scale, the softer.""",
)

# %% [markdown]
# ## 3. One network for all, or one for each?
#
# Table 2 of the paper holds the PSNR of networks trained on one scale and on
# several (`training_scales` "2", "2+3", "2+3+4", ...), measured at each scale
# (`test_scale`). How much does the network of all three scales gain or lose
# at one scale, against the network that was trained on this scale alone?


# %% task="one-for-all"
def my_difference(scores, scale):
    """Return PSNR of "2+3+4" minus that of the specialist, at one scale.

    scores: the table. scale: 2, 3 or 4.
    """
    ### BEGIN SOLUTION
    rows = scores[scores.test_scale == scale].set_index("training_scales")
    return rows.psnr["2+3+4"] - rows.psnr[str(scale)]
    ### END SOLUTION


# %% test="one-for-all" points=3
check_exercise("one-for-all", my_difference)
### BEGIN HIDDEN TESTS
assert abs(my_difference(table2, 3) - 0.38) < 1e-6  # 33.27 - 32.89
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Average as the tables do
#
# A table's PSNR is the mean over the pictures of a set. The mean of what: of
# the decibels, or of the squared errors? The tables average decibels, one
# number for each picture, with a border of `scale` left out. (`psnr` from the
# library takes `border=`.)


# %% task="mean-psnr"
def my_mean_psnr(references, estimates, scale):
    """Return the PSNR of a set of pictures, in dB.

    references, estimates: lists of (H, W) arrays, uint8; sizes may differ.
    """
    ### BEGIN SOLUTION
    pairs = zip(references, estimates, strict=True)
    return np.mean([psnr(one, other, border=scale) for one, other in pairs])
    ### END SOLUTION


# %% test="mean-psnr" points=3
check_exercise("mean-psnr", my_mean_psnr)
### BEGIN HIDDEN TESTS
grey = np.full((12, 12), 100, np.uint8)
mean = my_mean_psnr([grey, grey], [grey + 1, grey + 10], 2)
assert abs(mean - (20 * math.log10(255) - 10)) < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Choose an epoch
#
# A training is measured after every epoch, on validation pictures and on the
# test set. One epoch is to be published, with its score on the test set. The
# authors' code took the epoch that is best on the test set itself. Do it
# right.


# %% task="chosen-epoch"
def my_choice(validation, test):
    """Return the epoch to publish, counted from 1, and the score to report.

    validation, test: lists of PSNR, one value for each epoch.
    """
    ### BEGIN SOLUTION
    best = int(np.argmax(validation))
    return best + 1, test[best]
    ### END SOLUTION


# %% test="chosen-epoch" points=3
check_exercise("chosen-epoch", my_choice)
### BEGIN HIDDEN TESTS
assert tuple(my_choice([1.0, 3.0, 2.0], [7.0, 5.0, 9.0])) == (2, 5.0)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Gains
#
# Table 3 compares the methods on four sets at three scales. For each set,
# average over the scales by how many decibels one method is ahead of another.


# %% task="gain"
def my_gains(scores, better, worse):
    """Return a dictionary: data set -> mean gain over its scales, in dB.

    scores: Table 3, or some of its rows. better, worse: names of methods.
    """
    ### BEGIN SOLUTION
    index = ["dataset", "scale"]
    wide = scores.pivot_table("psnr", index, "method")
    return (wide[better] - wide[worse]).groupby("dataset").mean().to_dict()
    ### END SOLUTION


# %% test="gain" points=4
check_exercise("gain", my_gains)
### BEGIN HIDDEN TESTS
set5 = my_gains(table3.query("dataset == 'Set5'"), "VDSR", "SRCNN")
assert abs(set5["Set5"] - (0.87 + 0.91 + 0.87) / 3) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Where it gains most
#
# At the scale of this notebook: on which set is VDSR furthest ahead of SRCNN,
# and by how much?


# %% task="largest-gain"
def my_largest_gain():
    """Return (name of the set, gain in dB with two decimals)."""
    ### BEGIN SOLUTION
    gains = my_gains(table3[table3.scale == scale], "VDSR", "SRCNN")
    best = max(gains, key=gains.get)
    return best, round(gains[best], 2)
    ### END SOLUTION


# %% test="largest-gain" points=2
check_exercise("largest-gain", my_largest_gain, given=(scale,))
### BEGIN HIDDEN TESTS
assert my_largest_gain()[0] in ("Set5", "Urban100")
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Is the comparison fair? (graded by hand)
#
# In Table 3 VDSR was trained on 291 pictures with flips and rotations, SRCNN
# on ImageNet; on 91 pictures alone, VDSR reaches 37.06 dB and SRCNN 36.34 dB
# on Set5 at x2, where the table prints 37.53 and 36.66. Split the 0.87 dB of
# the table into what the networks and what their training data may account
# for, as far as these four numbers allow. What can they *not* tell? Then
# design the smallest set of trainings that would settle it, and say which
# differences you would report, with what uncertainty.

# %% [markdown] answer="fairness" points=6
# ### BEGIN SOLUTION
# On equal data (T91) the difference is 0.72 dB. More data gave VDSR 0.47 dB
# (37.53 - 37.06) and SRCNN 0.32 dB (36.66 - 36.34). So at most 0.15 dB of the
# 0.87 dB come from what the data do to the two, if effects simply add. The
# numbers cannot tell what SRCNN would reach on the 291 pictures with
# augmentation, nor VDSR on ImageNet: data sets and networks are crossed only
# in part, the SRCNN of the table also has larger kernels (9-5-5 against
# 9-1-5), and each number is one run. Smallest design: both networks x both
# data sets (T91, 291 with augmentation), equal steps, epochs chosen on
# validation pictures, three or more seeds each: 12 trainings. Report the
# two differences between networks on equal data and the interaction, each
# with the spread over seeds and, as Set5 is five pictures, picture by
# picture.
#
# Rubric: 0.72 dB on equal data 1; gains by data 1; what is confounded 2; a
# crossed design with seeds 1; uncertainty, of seeds and of pictures 1.
# ### END SOLUTION

# %% [markdown]
# **Sources.** J. Kim et al., CVPR 2016, https://arxiv.org/abs/1511.04587,
# Tables 2 and 3, section 4; the values on 91 pictures are those of the
# paper's draft and of SRCNN's published weights.
