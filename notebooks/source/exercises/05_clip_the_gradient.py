# %% [markdown]
# # Clip the gradient
#
# **Assignment 5: gradient clipping.** About 75 minutes, on any computer,
# offline. It belongs to lesson 05.
#
# The paper trains at a rate 1,000 times that of SRCNN (10,000 times that of
# SRCNN's last layer) and does not explode, because no step can be long. You
# write its clip and a rival, take one full step in the order of the authors'
# code, and repair a training loop that has the most frequent fault of all
# reimplementations.
#
# **How it works.** Replace each `raise NotImplementedError()` by your code
# and run the cell, then the one below it, which checks your function and says
# in words what is wrong. When you are stuck, ask it for a hint, for example
# `check_exercise("update", my_update, hint=1)`; there are three for each
# task.

# %% tags=["parameters"]
theta = 0.0001
rate = 0.1
patch = 41

# %%
import torch

from vdsr_lib import check_exercise, figures
from vdsr_lib.exercises.stepping import error_curve, practice_patches

patches = practice_patches()  # 8 of 21 x 21, scale 2
print(tuple(patches.ilr.shape))

# %% [markdown]
# ## 1. The limit, one line
#
# A step moves a weight by `rate * gradient`. The paper wants no step to be
# longer than $\theta$, at whatever rate. How large may a gradient be?


# %% task="clip-bound"
def my_bound(theta, learning_rate):
    """Return the limit on an element of the gradient."""
    ### BEGIN SOLUTION
    return theta / learning_rate
    ### END SOLUTION


# %% test="clip-bound" points=2
check_exercise("clip-bound", my_bound)
### BEGIN HIDDEN TESTS
assert abs(my_bound(0.003, 0.02) - 0.15) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The adjustable clip
#
# Cut every element of every gradient to your limit, above zero and below it.


# %% task="adjustable-clip"
def my_clip(gradients, theta, learning_rate):
    """Return the clipped gradients, a list.

    gradients: list of tensors of any shape; they are not changed.
    """
    ### BEGIN SOLUTION
    bound = my_bound(theta, learning_rate)
    return [gradient.clamp(-bound, bound) for gradient in gradients]
    ### END SOLUTION


# %% test="adjustable-clip" points=3
check_exercise("adjustable-clip", my_clip)
### BEGIN HIDDEN TESTS
(cut,) = my_clip([torch.tensor([-2.0, 0.5, 2.0])], 0.1, 0.1)
assert torch.allclose(torch.as_tensor(cut), torch.tensor([-1.0, 0.5, 1.0]))
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The rival: clip the norm
#
# Most libraries clip differently: they look at the Euclidean norm of *all*
# gradients together, and if it is above $\theta$, multiply all of them by one
# factor, so that the direction stays. Short gradients are left alone.


# %% task="norm-clip"
def my_norm_clip(gradients, theta):
    """Return the gradients, scaled down together to a norm of theta at most.

    gradients: list of tensors of any shape; they are not changed.
    """
    ### BEGIN SOLUTION
    norm = sum(gradient.square().sum() for gradient in gradients).sqrt()
    factor = min(1.0, theta / float(norm))
    return [factor * gradient for gradient in gradients]
    ### END SOLUTION


# %% test="norm-clip" points=3
check_exercise("norm-clip", my_norm_clip)
### BEGIN HIDDEN TESTS
one, two = my_norm_clip([torch.tensor([3.0]), torch.tensor([-4.0])], 1)
assert abs(float(one) - 0.6) < 1e-6
assert abs(float(two) + 0.8) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## 4. How far momentum carries
#
# "At most $\theta$ a step" holds before momentum. With momentum $\mu$, the
# speed after each step is $\mu$ times the old speed plus the new push. Let
# every push be cut at the limit, always in one direction, and the speed begin
# at zero. How far does the weight get?


# %% task="longest-way"
def my_way(theta, momentum, steps):
    """Return how far a weight has moved after that many steps."""
    ### BEGIN SOLUTION
    speed = way = 0.0
    for _ in range(steps):
        speed = momentum * speed + theta
        way += speed
    return way
    ### END SOLUTION


# %% test="longest-way" points=3
check_exercise("longest-way", my_way)
### BEGIN HIDDEN TESTS
late = my_way(1e-4, 0.9, 201) - my_way(1e-4, 0.9, 200)
assert abs(late - 1e-3) < 1e-6  # ten times theta, once it is up to speed
### END HIDDEN TESTS

# %% [markdown]
# ## 5. One step, in the authors' order
#
# 1. Clip the gradient by element, with $\theta = 10^{-4}$. 2. Add the weight
# decay, $10^{-4}$ times the weight: it stands *outside* the clip. 3. The
# momentum becomes 0.9 times itself plus that sum. 4. The weight moves against
# the momentum, times the rate.


# %% task="update"
def my_update(weight, gradient, momentum, rate):
    """Return the new weight and the new momentum.

    weight, gradient, momentum: tensors of one shape; they are not changed.
    """
    ### BEGIN SOLUTION
    (clipped,) = my_clip([gradient], 1e-4, rate)
    momentum = 0.9 * momentum + clipped + 1e-4 * weight
    return weight - rate * momentum, momentum
    ### END SOLUTION


# %% test="update" points=4
check_exercise("update", my_update)
### BEGIN HIDDEN TESTS
still = torch.tensor(0.0)
moved, speed = my_update(still, still + 5, still.clone(), 0.1)
assert abs(float(moved) + 1e-4) < 1e-9
assert abs(float(speed) - 1e-3) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# ## 6. The network that stays at bicubic
#
# Here is a training step as it stands in many a repository. It runs, the loss
# is a small number that goes down a little, and nothing seems wrong. (The
# weight decay is left out.) `error_curve` trains a small network with it on
# the 8 patches, and measures its error every 5 steps, as a share of
# bicubic's.


# %%
def stuck_step(network, ilr, hr, velocity, rate=0.1, theta=1e-4):
    """Take a step; velocity is a list of tensors that is changed."""
    weights = list(network.parameters())
    loss = torch.nn.functional.mse_loss(network(ilr), hr)
    slopes = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for w, slope, speed in zip(weights, slopes, velocity, strict=True):
            speed.mul_(0.9).add_(slope.clamp(-theta / rate, theta / rate))
            w.sub_(rate * speed)


stuck = error_curve(stuck_step)
print(f"error after 30 steps: {stuck[-1]:.3f} of bicubic's")

# %% [markdown]
# After 30 steps it is still the bicubic picture. Find the one wrong line and
# write the step as it should be. Clip, rate and momentum are right.


# %% task="training-loop"
def my_step(network, ilr, hr, velocity, rate=0.1, theta=1e-4):
    """Take the paper's step; velocity is a list of tensors that is changed."""
    ### BEGIN SOLUTION
    weights = list(network.parameters())
    loss = (network(ilr) - hr).square().sum() / len(hr)
    slopes = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for w, slope, speed in zip(weights, slopes, velocity, strict=True):
            speed.mul_(0.9).add_(slope.clamp(-theta / rate, theta / rate))
            w.sub_(rate * speed)
    ### END SOLUTION


# %% test="training-loop" points=5
check_exercise("training-loop", my_step)
### BEGIN HIDDEN TESTS
repaired = error_curve(my_step, steps=20)
assert repaired[-1] < 0.95, "after 20 steps the error is still bicubic's"
### END HIDDEN TESTS

# %%
curves = {"stuck": stuck, "repaired": error_curve(my_step)}
drawn = {name: (range(0, 31, 5), c) for name, c in curves.items()}
figures.show(
    figures.panels(
        {"the same network, twice": drawn},
        xlabel="step",
        ylabel="error, as a share of bicubic's",
    ),
    alt="""The stuck network's error stays at one; the repaired one's falls
    more and more steeply.""",
)

# %% [markdown]
# ## 7. Three numbers
#
# For the `theta`, `rate` and `patch` of this notebook, write down: the limit
# on an element of the gradient; the longest first step of a weight; and how
# many times smaller PyTorch's `MSELoss` makes the gradient than the paper's
# loss.


# %% task="three-numbers"
def my_numbers():
    """Return (limit on the gradient, longest first step, times smaller)."""
    ### BEGIN SOLUTION
    return my_bound(theta, rate), theta, patch**2
    ### END SOLUTION


# %% test="three-numbers" points=3
check_exercise("three-numbers", my_numbers, given=(theta, rate, patch))
### BEGIN HIDDEN TESTS
assert len(my_numbers()) == 3
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Read the signs (graded by hand)
#
# Four trainings at rate 0.1 report, after 100 steps: A, PSNR at bicubic's,
# 0 % of the gradient's elements clipped. B, the loss is NaN since step 3. C,
# PSNR above bicubic, 40 % clipped. D, PSNR at bicubic's, and every step,
# before momentum, has exactly the norm $10^{-4} \cdot 0.1$. Say for each what
# its clipping rule and its loss probably are, and from which sign you can
# tell. Which of the failed ones would *not* be repaired by a higher rate, and
# why?

# %% [markdown] answer="signs" points=5
# ### BEGIN SOLUTION
# A: the adjustable clip never acts because gradients are too small: the loss
# is averaged over the pixels (1,681 times smaller at 41 x 41). B: no clip, or
# far too wide a one; 0.1 diverges at once. C: the paper's rule with the summed
# loss; a large share clipped and yet progress is what it looks like. D: the
# norm is clipped with theta = 1e-4, so that all weights together move by
# 1e-5, where the paper lets each of them move by 1e-4. A higher rate helps D
# (its step grows with the rate) but makes B worse. A is helped in part: with
# the adjustable clip a higher rate lowers the limit too, but as the clip does
# not act, steps do grow; the weight decay, however, then acts more strongly,
# and the recipe means something else. So B is the one that is not repaired.
#
# Rubric: one point for each training with its sign, one for the argument
# about the rate.
# ### END SOLUTION

# %% [markdown]
# **Sources.** J. Kim et al., CVPR 2016, https://arxiv.org/abs/1511.04587,
# section 3.2 (the clip; the paper gives no theta); theta, loss and order of
# the step are those of the authors' public code.
