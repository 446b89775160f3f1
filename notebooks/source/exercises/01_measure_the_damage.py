# %% [markdown]
# # Measure the damage
#
# **Assignment 1: metrics and bicubic.** About 75 minutes, on any computer,
# offline. It belongs to lesson 01.
#
# You build the measuring tools of this field with your own hands: luma,
# crop, PSNR, one row of bicubic weights, SSIM. At the end you put them
# together and measure a picture as the papers do, so exactly that your
# number could stand in a table.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("psnr", my_psnr, hint=1)`; there are three for each task,
# and each says more than the one before. What counts as right is what the
# function does: write it as you like.

# %% tags=["parameters"]
picture = "camera"
scale = 3

# %%
import numpy as np
from skimage.metrics import structural_similarity

from vdsr_lib import check_exercise, degrade, figures
from vdsr_lib.datasets import load_images
from vdsr_lib.images import to_uint8

rgb = load_images("embedded-test")[picture]  # (H, W, 3), uint8
print(picture, rgb.shape, f"{rgb.min()} to {rgb.max()}")

# %% [markdown]
# ## 1. Luma, one line
#
# Super-resolution is measured on brightness. The papers use the luma of the
# standard ITU-R BT.601 in *studio range*: black is 16, white is 235,
#
# $$Y = 16 + \frac{65.481\,R + 128.553\,G + 24.966\,B}{255}.$$
#
# Only one line is missing.


# %% task="luma"
def my_luma(rgb):
    """Return the BT.601 studio-range luma of a colour picture.

    rgb: (H, W, 3), uint8. Returns (H, W), uint8, rounded.
    """
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)  # (H, W) each
    ### BEGIN SOLUTION
    y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255  # (H, W)
    ### END SOLUTION
    return np.floor(y + 0.5).astype(np.uint8)  # (H, W)


# %% test="luma" points=2
check_exercise("luma", my_luma)
### BEGIN HIDDEN TESTS
skin = np.array([[[230, 180, 160]]], np.uint8)
assert my_luma(skin)[0, 0] == 181  # 16 + (15060.6 + 23139.5 + 3994.6) / 255
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Crop to a multiple
#
# A picture of 451 columns cannot be shrunk by 2 without losing half a
# column. Everybody cuts rows off at the bottom and columns at the right until
# both sides divide by the scale. Cut elsewhere, and the two pictures no
# longer lie on each other.


# %% task="crop"
def my_crop(picture, scale):
    """Cut a picture at the bottom and the right to a multiple of the scale.

    picture: (H, W), any type. Returns a part of it.
    """
    ### BEGIN SOLUTION
    height, width = picture.shape
    return picture[: height - height % scale, : width - width % scale]
    ### END SOLUTION


# %% test="crop" points=2
check_exercise("crop", my_crop)
### BEGIN HIDDEN TESTS
numbers = np.arange(70).reshape(7, 10)
assert my_crop(numbers, 4).shape == (4, 8)
assert my_crop(numbers, 4)[-1, -1] == 37
### END HIDDEN TESTS

# %% [markdown]
# ## 3. PSNR, with the border left out
#
# The peak signal-to-noise ratio of two 8-bit pictures is
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{MSE}},$$
#
# where MSE is the mean of the squared differences. Near the edge of a picture
# any method lacks neighbours, so a border of `border` pixels is left out at
# all four sides first. Two traps wait here: what type do two uint8 pictures
# have when they are subtracted, and what does a slice `[0:-0]` give?


# %% task="psnr"
def my_psnr(reference, estimate, border):
    """Return the PSNR of two pictures inside a border, in dB.

    reference, estimate: (H, W), uint8. border: pixels, 0 or more.
    """
    ### BEGIN SOLUTION
    height, width = reference.shape
    inside = np.s_[border : height - border, border : width - border]
    error = reference[inside].astype(float) - estimate[inside]  # (h, w)
    return 10 * np.log10(255**2 / np.mean(error**2))
    ### END SOLUTION


# %% test="psnr" points=4
check_exercise("psnr", my_psnr)
### BEGIN HIDDEN TESTS
dark, light = np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)
assert abs(my_psnr(dark, light, 0)) < 1e-4  # everything wrong: 0 dB
one_off = dark.copy()
one_off[4, 4] = 51  # a fifth of the peak, in 1 of 25 pixels
assert abs(my_psnr(dark, one_off, 2) - 20 * np.log10(25)) < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ## 4. One row of bicubic weights
#
# A resized pixel is a weighted mean of old pixels, first along one axis and
# then along the other. `cubic` is Keys' kernel, given below. Pixel $j$ covers
# the stretch from $j$ to $j + 1$, so its centre lies at $j + 0.5$; find where
# the centre of the *new* pixel $i$ lies in the old picture, and how far every
# old pixel is from it. When shrinking, the kernel is stretched by the factor
# 1 / scale so that it averages over more pixels: that is antialiasing. The
# weights of a row add up to 1. (Pixels near the edge need more care; here the
# new pixel is far from it.)


# %%
def cubic(x):
    """Return Keys' kernel with a = -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


# %% task="bicubic-row"
def my_weight_row(length, scale, i):
    """Return the weight of every old pixel in the new pixel i.

    length: number of old pixels in the row. scale: above 1 enlarges, below 1
    shrinks. Returns (length,), float.
    """
    ### BEGIN SOLUTION
    centre = (i + 0.5) / scale - 0.5
    stretch = min(scale, 1)
    weights = cubic(stretch * (centre - np.arange(length)))  # (length,)
    return weights / weights.sum()
    ### END SOLUTION


# %% test="bicubic-row" points=4
check_exercise("bicubic-row", my_weight_row)
### BEGIN HIDDEN TESTS
assert np.allclose(my_weight_row(9, 1, 4), np.eye(9)[4])
half = my_weight_row(10, 2, 9)[3:7]  # the textbook's quarter-pixel weights
assert np.allclose(half, [-0.0703125, 0.8671875, 0.2265625, -0.0234375])
### END HIDDEN TESTS

# %% [markdown]
# Look at your weights: the upper row enlarges by 3 and mixes four pixels, the
# lower one shrinks by 3 and reaches over twelve.

# %%
rows = {"enlarge by 3": (3, 91), "shrink by 3": (1 / 3, 10)}
old = np.arange(20, 42)
curves = {
    name: {"weight": (old, my_weight_row(60, *how)[old])}
    for name, how in rows.items()
}
figures.show(
    figures.panels(curves, xlabel="old pixel", ylabel="weight"),
    alt="""Two bumps of weights around pixel 30: a narrow, high one that
    enlarges, a wide, low one that shrinks, both with small negative lobes.""",
)

# %% [markdown]
# ## 5. SSIM, with the right settings
#
# You need not write SSIM: scikit-image has it. But its defaults are not those
# of the papers, which use the settings of Wang et al. (2004): a Gaussian
# window with sigma 1.5, covariances divided by $n$ (not by $n - 1$), 8-bit
# pictures with peak 255. Shave the border first.


# %% task="ssim"
def my_ssim(reference, estimate, border):
    """Return the SSIM of two pictures inside a border.

    reference, estimate: (H, W), uint8. border: pixels, 1 or more.
    """
    ### BEGIN SOLUTION
    inside = np.s_[border:-border, border:-border]
    return structural_similarity(
        reference[inside].astype(float),
        estimate[inside].astype(float),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    ### END SOLUTION


# %% test="ssim" points=3
check_exercise("ssim", my_ssim)
### BEGIN HIDDEN TESTS
low, high = np.full((20, 20), 60, np.uint8), np.full((20, 20), 120, np.uint8)
only_means = (2 * 60 * 120 + 2.55**2) / (60**2 + 120**2 + 2.55**2)
assert abs(my_ssim(low, high, 2) - only_means) < 1e-5
### END HIDDEN TESTS

# %% [markdown]
# ## 6. All together: bicubic, as a paper measures it
#
# Now the whole protocol. Take the luma, crop it, shrink and enlarge it
# (`degrade(hr, scale)` does both and clamps; it returns floats in 0 to 1),
# round the result to 8 bits (`to_uint8`), and measure with `border` equal to
# the scale.


# %% task="bicubic-score"
def my_score(rgb, scale):
    """Return the PSNR of bicubic interpolation on one picture, in dB.

    rgb: (H, W, 3), uint8. scale: 2, 3 or 4.
    """
    ### BEGIN SOLUTION
    hr = my_crop(my_luma(rgb), scale)  # (H, W), uint8
    ilr = to_uint8(degrade(hr, scale))  # (H, W), uint8
    return my_psnr(hr, ilr, scale)
    ### END SOLUTION


# %% test="bicubic-score" points=3
check_exercise("bicubic-score", my_score)
### BEGIN HIDDEN TESTS
chelsea = load_images("embedded-test")["chelsea"]
assert abs(my_score(chelsea, 4) - 31.47) < 0.006  # data/README.md
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Your number
#
# Measure the picture that this notebook was given, at its scale, and write
# the number down with two decimals. (Your neighbour's may differ.)


# %% task="measured-score"
def my_number():
    """Return the PSNR of bicubic on `picture` at `scale`, two decimals."""
    ### BEGIN SOLUTION
    return round(my_score(rgb, scale), 2)
    ### END SOLUTION


# %% test="measured-score" points=2
check_exercise("measured-score", my_number, given=(picture, scale))
### BEGIN HIDDEN TESTS
assert 20 < float(my_number()) < 45
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Which mistake was it? (graded by hand)
#
# A repository reports 32.35 dB for bicubic on Set5 at x2 and 29.08 dB at x3.
# Table 3 of the paper says 33.66 dB and 30.39 dB, and the pictures are the
# same. Name the most likely mistake. Then say how the two differences, taken
# together, point to it and speak against leaving the border in and against
# bicubic without antialiasing; and which single measurement you would make to
# be sure. Five sentences are enough.

# %% [markdown] answer="detective" points=5
# ### BEGIN SOLUTION
# The most likely mistake is full-range luma (Pillow, OpenCV, JPEG). Both
# differences are -1.31 dB. A constant loss at every scale is what a change of
# units gives: full range stretches all errors by 255/219, and
# 20 log10(255/219) is 1.32 dB. Leaving the border in changes about 0.01 dB.
# Missing antialiasing changes sign between x2 (higher) and x3 (lower). To be
# sure, look at the luma of a black and a white pixel: 16 and 235, or 0 and
# 255.
#
# Rubric: the mistake named, 1; equal at both scales, hence a factor, 2;
# against the border and against antialiasing, half a point each; a measurement
# that decides, 1.
# ### END SOLUTION

# %% [markdown]
# **Sources.** J. Kim et al., CVPR 2016, https://arxiv.org/abs/1511.04587,
# section 5; R. Keys, 1981 (the kernel); Z. Wang et al., 2004 (SSIM).
