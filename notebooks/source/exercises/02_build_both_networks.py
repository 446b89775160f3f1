# %% [markdown]
# # Build both networks
#
# **Assignment 2: SRCNN and VDSR, forward pass and parameter count.** About 60
# minutes, on any computer, offline. It belongs to lesson 02.
#
# You write both networks as what they are, chains of convolutions: SRCNN with
# three layers, VDSR with as many as you like and one addition at the end.
# Before that you count what is to be learnt, and after it what it costs.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("vdsr-forward", my_vdsr, hint=1)`; there are three for each
# task.

# %% tags=["parameters"]
depth = 12
width = 32

# %%
import math

import torch
from torch.nn import functional as F

from vdsr_lib import SRCNN, VDSR, check_exercise


def layers_of(network):
    """Return the (weight, bias) pairs of a network's convolutions."""
    modules = [m for m in network.body if hasattr(m, "weight")]
    return [(m.weight.detach(), m.bias.detach()) for m in modules]


for weight, bias in layers_of(SRCNN()):
    print("weight", tuple(weight.shape), "bias", tuple(bias.shape))

# %% [markdown]
# ## 1. The parameters of one layer, one line
#
# A convolution has one square kernel for each pair of an incoming and an
# outgoing channel, and one bias for each outgoing channel.


# %% task="layer-parameters"
def my_layer_parameters(incoming, outgoing, kernel):
    """Return the number of weights and biases of a convolution."""
    ### BEGIN SOLUTION
    return incoming * outgoing * kernel**2 + outgoing
    ### END SOLUTION


# %% test="layer-parameters" points=2
check_exercise("layer-parameters", my_layer_parameters)
### BEGIN HIDDEN TESTS
srcnn = [(1, 64, 9), (64, 32, 1), (32, 1, 5)]
assert sum(my_layer_parameters(*layer) for layer in srcnn) == 8129
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The parameters of VDSR
#
# All layers of VDSR are 3 x 3. The first leads from the one channel of the
# luma to `width` channels, the last from `width` back to one, and all the
# others from `width` to `width`.


# %% task="vdsr-parameters"
def my_vdsr_parameters(depth, width):
    """Return the number of weights and biases of a VDSR."""
    ### BEGIN SOLUTION
    ends = my_layer_parameters(1, width, 3) + my_layer_parameters(width, 1, 3)
    return ends + (depth - 2) * my_layer_parameters(width, width, 3)
    ### END SOLUTION


# %% test="vdsr-parameters" points=3
check_exercise("vdsr-parameters", my_vdsr_parameters)
### BEGIN HIDDEN TESTS
assert my_vdsr_parameters(20, 64) == 665_921  # the network of Table 3
assert my_vdsr_parameters(2, 1) == 20
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The forward pass of SRCNN
#
# `layers` is a list of (weight, bias). Each layer is a convolution; a ReLU
# follows all but the last. The output must be as large as the input, so what
# goes into a layer is padded first, and SRCNN's authors repeat the border
# pixels: `F.pad(x, [left, right, top, bottom], mode="replicate")`.


# %% task="srcnn-forward"
def my_srcnn(layers, ilr):
    """Return what an SRCNN makes of a batch of interpolated pictures.

    layers: list of (weight, bias). ilr: (B, 1, H, W). Returns (B, 1, H, W).
    """
    ### BEGIN SOLUTION
    x = ilr  # (B, 1, H, W)
    for number, (weight, bias) in enumerate(layers, 1):
        half = weight.shape[-1] // 2
        x = F.conv2d(F.pad(x, [half] * 4, mode="replicate"), weight, bias)
        x = x if number == len(layers) else x.relu()  # (B, C, H, W)
    return x
    ### END SOLUTION


# %% test="srcnn-forward" points=4
check_exercise("srcnn-forward", my_srcnn)
### BEGIN HIDDEN TESTS
network, picture = SRCNN(), torch.linspace(0, 1, 300).reshape(1, 1, 15, 20)
mine, theirs = my_srcnn(layers_of(network), picture), network(picture)
assert mine.shape == theirs.shape
assert (mine - theirs).abs().max() < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The forward pass of VDSR
#
# VDSR pads with zeros (`padding=1` in `F.conv2d`). Its layers predict what is
# missing, the residual, and the input is added once, at the very end. Think
# about where a ReLU may stand: a residual is as often negative as positive.


# %% task="vdsr-forward"
def my_vdsr(layers, ilr):
    """Return what a VDSR makes of a batch of interpolated pictures.

    layers: list of (weight, bias). ilr: (B, 1, H, W). Returns (B, 1, H, W).
    """
    ### BEGIN SOLUTION
    x = ilr  # (B, 1, H, W)
    for weight, bias in layers[:-1]:
        x = F.conv2d(x, weight, bias, padding=1).relu()  # (B, width, H, W)
    return ilr + F.conv2d(x, *layers[-1], padding=1)  # (B, 1, H, W)
    ### END SOLUTION


# %% test="vdsr-forward" points=4
check_exercise("vdsr-forward", my_vdsr)
### BEGIN HIDDEN TESTS
network, picture = VDSR(5, 8), torch.linspace(0, 1, 300).reshape(1, 1, 15, 20)
mine, theirs = my_vdsr(layers_of(network), picture), network(picture)
assert mine.shape == theirs.shape
assert (mine - theirs).abs().max() < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ## 5. The first weights
#
# Before training, each layer's weights are drawn from a normal distribution
# with He's standard deviation $\sqrt{2 / n}$, where $n$ is the number of
# inputs that one output pixel of the layer is made of. The authors' code
# draws the *last* layer 1,000 times smaller, so that training starts at
# bicubic.


# %% task="first-weights"
def my_deviations(depth, width):
    """Return the standard deviation of each layer's first weights, a list."""
    ### BEGIN SOLUTION
    channels = [1] + [width] * (depth - 1)
    drawn = [math.sqrt(2 / (9 * incoming)) for incoming in channels]
    return [*drawn[:-1], drawn[-1] / 1000]
    ### END SOLUTION


# %% test="first-weights" points=3
check_exercise("first-weights", my_deviations)
### BEGIN HIDDEN TESTS
drawn = [float(weight.std()) for weight, _ in layers_of(VDSR(4, 64))]
wanted = my_deviations(4, 64)
assert len(wanted) == 4
assert all(0.8 < a / b < 1.2 for a, b in zip(drawn, wanted, strict=True))
### END HIDDEN TESTS

# %% [markdown]
# ## 6. What a picture costs
#
# Count the multiplications that a VDSR needs for one picture. Padding keeps
# the size, so every weight is used once for each pixel. Biases are added and
# do not count.


# %% task="multiplications"
def my_multiplications(depth, width, height, columns):
    """Return the multiplications of a VDSR on a picture, height x columns."""
    ### BEGIN SOLUTION
    weights = 9 * width + (depth - 2) * 9 * width**2 + 9 * width
    return weights * height * columns
    ### END SOLUTION


# %% test="multiplications" points=3
check_exercise("multiplications", my_multiplications)
### BEGIN HIDDEN TESTS
assert my_multiplications(20, 64, 1, 1) == 664_704
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Your network
#
# This notebook was given a `depth` and a `width`. Write down its number of
# parameters, and the side of the square of input pixels that one output pixel
# sees.


# %% task="counted-by-hand"
def my_network():
    """Return (parameters, receptive field) of a VDSR(depth, width)."""
    ### BEGIN SOLUTION
    return my_vdsr_parameters(depth, width), 2 * depth + 1
    ### END SOLUTION


# %% test="counted-by-hand" points=2
check_exercise("counted-by-hand", my_network, given=(depth, width))
### BEGIN HIDDEN TESTS
built = VDSR(depth, width)
assert tuple(my_network()) == (built.parameter_count, built.receptive_field)
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Three layers or four? (graded by hand)
#
# A review of this field says that SRCNN has four layers; its authors say
# three. Both looked at the same network. Explain how each of them counted.
# Which count fits "VDSR has 20 layers", and why does a comparison of depths
# only make sense when both are counted alike? Then argue in two sentences
# whether "deeper" or "more parameters" is the better description of what
# VDSR has more of, using your numbers from above.

# %% [markdown] answer="layers" points=4
# ### BEGIN SOLUTION
# The authors count convolutions: 9 x 9, 1 x 1, 5 x 5. The review counts
# layers of data: the input, two hidden ones, the output. "VDSR has 20 layers"
# counts convolutions (20 of 3 x 3), so SRCNN has 3; in the other count it
# would be 21 against 4. Mixing the two makes the difference look smaller.
# VDSR has both: 20 against 3 layers, and 665,921 against 8,129 parameters, 82
# times as many. As two things changed at once, the comparison of these two
# networks alone cannot say which of them helps.
#
# Rubric: both counts 1; the one that fits VDSR 1; counted alike 1; both
# changed at once (or a well-argued choice with numbers) 1.
# ### END SOLUTION

# %% [markdown]
# **Sources.** C. Dong et al., 2016, https://arxiv.org/abs/1501.00092; J. Kim
# et al., CVPR 2016, https://arxiv.org/abs/1511.04587, section 3.1; K. He et
# al., 2015, https://arxiv.org/abs/1502.01852 (the first weights).
