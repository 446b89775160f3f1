# %% [markdown]
# # See further
#
# **Assignment 4: the receptive field.** About 75 minutes, on any computer,
# offline. It belongs to lesson 04.
#
# You compute how far a network sees, measure it on networks that you cannot
# look into, and then use it: to cut training patches, to run a picture in
# tiles without a seam, and to choose a depth.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("exact-tiles", my_tiles, hint=1)`; there are three for each
# task.

# %% tags=["parameters"]
picture = "camera"
scratch = 17

# %%
import torch

from vdsr_lib import SRCNN, VDSR, check_exercise, figures, paper
from vdsr_lib.datasets import load_images
from vdsr_lib.images import to_luma

# %% [markdown]
# ## 1. One more layer, one line
#
# Walk through a network from input to output and carry two numbers along:
# `side`, how many input pixels (along one axis) a pixel of this layer sees,
# and `jump`, how many input pixels two neighbours of this layer are apart. At
# the input both are 1. What does a layer with a kernel of `kernel` and a
# stride of `stride` make of `side`? The other line is given.


# %% task="next-layer"
def my_next(side, jump, kernel, stride):
    """Return side and jump after one more layer."""
    ### BEGIN SOLUTION
    side = side + jump * (kernel - 1)
    ### END SOLUTION
    jump = jump * stride
    return side, jump


# %% test="next-layer" points=2
check_exercise("next-layer", my_next)
### BEGIN HIDDEN TESTS
assert tuple(my_next(41, 1, 3, 1)) == (43, 1)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The whole recurrence
#
# Now go through a list of layers `(kernel, stride, dilation)`. A dilation $d$
# pulls the kernel's pixels $d$ apart, so that a kernel of $k$ reaches as far
# as one of $d (k - 1) + 1$.


# %% task="receptive-field"
def my_receptive_field(layers):
    """Return how many input pixels, along one axis, one output pixel sees.

    layers: list of (kernel, stride, dilation), in the order of the data.
    """
    ### BEGIN SOLUTION
    side, jump = 1, 1
    for kernel, stride, dilation in layers:
        side, jump = my_next(side, jump, dilation * (kernel - 1) + 1, stride)
    return side
    ### END SOLUTION


# %% test="receptive-field" points=4
check_exercise("receptive-field", my_receptive_field)
### BEGIN HIDDEN TESTS
assert my_receptive_field([(3, 1, 1)] * 20) == 41  # the paper, section 4.1
assert my_receptive_field([]) == 1
assert my_receptive_field([(2, 2, 1)] * 5) == 32
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Measure it
#
# A formula may be wrong, a network is not. Feed a picture of ones, take the
# middle pixel of the output, and ask which input pixels it depends on: those
# where its gradient is not zero. (All weights of the networks that you will
# be given are positive, so that no ReLU blocks the way.)


# %% task="measured-field"
def my_measured_field(network, side):
    """Return how many columns of the input the middle output pixel sees.

    network: takes and returns (1, 1, H, W). side: of the picture to feed, odd
    and large enough.
    """
    ### BEGIN SOLUTION
    picture = torch.ones(1, 1, side, side, requires_grad=True)
    middle = network(picture)[0, 0, side // 2, side // 2]
    (gradient,) = torch.autograd.grad(middle, picture)  # (1, 1, side, side)
    return int((gradient[0, 0] != 0).any(dim=0).sum())
    ### END SOLUTION


# %% test="measured-field" points=4
check_exercise("measured-field", my_measured_field)
### BEGIN HIDDEN TESTS
wide = torch.nn.Conv2d(1, 1, (1, 7), padding=(0, 3))
assert my_measured_field(wide, 15) == 7  # columns, not rows
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Patches as large as the receptive field
#
# VDSR is trained on patches without overlap, cut from the interpolated
# picture after it was cropped to a multiple of the scale. How many patches
# does one picture give?


# %% task="patch-count"
def my_patch_count(height, width, scale, patch):
    """Return how many whole patches of patch x patch a picture gives."""
    ### BEGIN SOLUTION
    rows, columns = height - height % scale, width - width % scale
    return (rows // patch) * (columns // patch)
    ### END SOLUTION


# %% test="patch-count" points=3
check_exercise("patch-count", my_patch_count)
### BEGIN HIDDEN TESTS
assert my_patch_count(40, 400, 2, 41) == 0
assert my_patch_count(164, 164, 3, 41) == 9  # 162 rows hold three
### END HIDDEN TESTS

# %% [markdown]
# ## 5. The same patches, turned
#
# Pictures are scarce, so for its Table 3 the paper shows each patch to the
# network in eight ways: turned by 0 to 3 quarters, and each of these mirrored.
# Turn a batch by a number of quarters to the left, then, if asked, exchange
# left and right.
# A network is given a pair, the input and what it should become. Which of
# the two has to be turned?


# %% task="turned-pair"
def my_turned(ilr, hr, quarters, mirror):
    """Return both batches as training should see them: (ilr, hr).

    ilr, hr: (B, 1, p, p). quarters: 0 to 3. mirror: True or False.
    """
    ### BEGIN SOLUTION
    pair = [x.rot90(quarters, (-2, -1)) for x in (ilr, hr)]
    return [x.flip(-1) for x in pair] if mirror else pair
    ### END SOLUTION


# %% test="turned-pair" points=2
check_exercise("turned-pair", my_turned)
### BEGIN HIDDEN TESTS
corner = torch.arange(4.0).reshape(1, 1, 2, 2)
both = my_turned(corner, corner + 4, 1, True)
assert [int(level) for level in both[0].flatten()] == [3, 1, 2, 0]
assert [int(level) for level in both[1].flatten()] == [7, 5, 6, 4]
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Tiles without a seam
#
# A network's memory grows with the picture, so large pictures are run in
# pieces. Cut without a margin, every tile ends in zero padding where the
# picture goes on, and seams show. Run each tile with a margin that is just
# wide enough, and keep its inner part. At the edges of the picture there is
# nothing to take as margin; the network's own zero padding is right there.
#
# `network.receptive_field` says how far it sees. The network refuses pieces
# that are larger than a tile with that margin.


# %% task="exact-tiles"
def my_tiles(network, ilr, tile):
    """Return network(ilr), computed tile by tile.

    ilr: (1, 1, H, W). tile: side of a tile, in pixels.
    """
    height, width = ilr.shape[-2:]
    result = torch.empty_like(ilr)  # (1, 1, H, W)
    ### BEGIN SOLUTION
    margin = network.receptive_field // 2
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            above, beside = max(0, top - margin), max(0, left - margin)
            low, right = min(height, top + tile), min(width, left + tile)
            rows = slice(above, low + margin)
            done = network(ilr[..., rows, beside : right + margin])
            inner = done[..., top - above : low - above, :]
            inner = inner[..., left - beside : right - beside]
            result[..., top:low, left:right] = inner
    ### END SOLUTION
    return result


# %% test="exact-tiles" points=5
check_exercise("exact-tiles", my_tiles)
### BEGIN HIDDEN TESTS
with torch.no_grad():
    network, ramp = VDSR(2, 4), torch.linspace(0, 1, 63).reshape(1, 1, 7, 9)
    torch.testing.assert_close(my_tiles(network, ramp, 3), network(ramp))
### END HIDDEN TESTS

# %% [markdown]
# Here is what a margin is good for: an untrained network on your picture, in
# tiles of 64, against the whole picture at once. The difference is nothing
# but rounding.

# %%
luma = to_luma(load_images("embedded-test")[picture])[:130, :150] / 255
batch = torch.tensor(luma, dtype=torch.float32)[None, None]  # (1, 1, H, W)
with torch.no_grad():
    net = VDSR(4, 4)
    apart = (my_tiles(net, batch, 64) - net(batch)).abs().max()
print(f"largest difference {float(apart):.1e}")

# %% [markdown]
# ## 7. A scratch
#
# A photograph has a scratch, `scratch` pixels wide and very long. A network
# is to fill it in. Which depth must a VDSR have at least, so that the pixel
# in the middle of the scratch sees a good pixel at each side? And would SRCNN
# 9-1-5 see one?


# %% task="scratch-depth"
def my_scratch():
    """Return (depth, True or False) for a scratch of `scratch` pixels."""
    ### BEGIN SOLUTION
    reach = (scratch + 1) // 2
    return reach, SRCNN().receptive_field // 2 >= reach
    ### END SOLUTION


# %% test="scratch-depth" points=3
check_exercise("scratch-depth", my_scratch, given=(scratch,))
### BEGIN HIDDEN TESTS
away = (scratch + 1) // 2
assert tuple(my_scratch()) == (away, SRCNN().receptive_field // 2 >= away)
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Is 20 better than 15? Design the ablation. (graded by hand)
#
# The figure shows PSNR against depth as the paper measured it. At x2 the
# networks of depth 16 to 19 lie *below* those of depth 12 to 15. Each point
# is one run.

# %%
figure3 = paper.table("figure3").query("scale == 2")
figures.show(
    figures.panels(
        {"scale 2": {"one run each": (figure3.depth, figure3.psnr)}},
        xlabel="depth",
        ylabel="PSNR on Set5 (dB)",
    ),
    alt="""PSNR rises steeply from depth 5 to 9, then wavers within two tenths
    of a decibel up to depth 20, lowest at 17 and highest at 20.""",
)

# %% [markdown]
# Design an experiment that decides whether depth beyond 15 helps at x2. Say
# what varies, what is held fixed (mind that deeper networks see larger
# patches, have more parameters, and take longer), how many runs you need and
# how you would estimate that, on which pictures you decide and on which you
# report, and which number would make you say yes, no, or "cannot tell".

# %% [markdown] answer="ablation" points=6
# ### BEGIN SOLUTION
# One good answer: depths 12, 15, 18, 20 with at least five seeds each. Held
# fixed: data, patch size (41 for all, although a shallow network does not
# need it), number of steps, schedule, clip. Two side arms separate depth
# from size: a wider network of depth 15 with as many parameters as depth 20,
# and depth 20 whose last five layers are 1 x 1 (as deep, but sees no
# further). The spread of a pilot of five seeds at one depth says how many
# runs are needed: to tell 0.05 dB when runs spread by 0.05 dB takes about
# eight a side. Epochs are chosen on validation pictures, and Set5 only
# reported. The number is the difference of the means with its interval: yes
# if the interval lies above zero, no if it lies within a margin stated
# beforehand (0.02 dB, say), else "cannot tell".
#
# Rubric: seeds, and a way to find how many 2; confounders named and held 2;
# validation apart from test 1; a decision rule stated beforehand 1.
# ### END SOLUTION

# %% [markdown]
# **Sources.** J. Kim et al., CVPR 2016, https://arxiv.org/abs/1511.04587,
# sections 3.1 and 4.1, Figure 3 (its points were read off the authors' vector
# graphics).
