# %% [markdown]
# # Start here: make a small picture large
#
# **You will do** the whole thing once, in small: shrink a photograph, make
# it large again in the ordinary way, train a network of your own that does
# it better, and look at the two with a magnifying glass.
#
# **You will learn** what the course is about, what your machine can do, how
# a lesson is run at three sizes, and how the course checks itself: what it
# states about its experiments is measured as you watch.
#
# **You need** nothing but curiosity and a little Python. Reading takes about
# 15 minutes. At `quick` the cells take about 15 seconds of one CPU core that
# has bfloat16 arithmetic (the first table below tells), and a few times as
# long on another one. A GPU is not needed.

# %% [markdown]
# A lesson is run from top to bottom: press Shift and Enter in each cell, or
# choose "Run All Cells" in the menu "Run". The next cell is the only one
# that you may want to change. `profile` is the size of the experiments; we
# come back to it below. `device` may be `"cpu"` or `"cuda"`, and `"auto"`
# takes a GPU if there is one. `seed` decides everything that is left to
# chance. `output_dir` is the folder for what the lesson writes down.

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

from vdsr_lib import VDSR, PatchSet, compare, figures, upscale
from vdsr_lib.claims import ClaimBook, judge
from vdsr_lib.datasets import load_images
from vdsr_lib.devices import choose_precision, describe_machine
from vdsr_lib.evaluation import evaluate
from vdsr_lib.experiments import get_experiment, run_cost
from vdsr_lib.images import crop_to_multiple, rgb_to_luma
from vdsr_lib.resize import imresize
from vdsr_lib.training import TrainingConfig, train
from vdsr_lib.training.randomness import own_randomness
from vdsr_lib.weights import available_models
from vdsr_lib.widgets import LiveMonitor

book = ClaimBook("00", profile, output_dir)

# %% [markdown]
# ## What this machine can do
#
# First we look at what we are working with. The last line is the arithmetic
# that the library has chosen for training the networks. Where it says
# `bfloat16`, the processor multiplies numbers of 16 bits in place of 32,
# which is a few times as fast and exact enough for training. The words after
# it name the order of the numbers in memory and the processor's own
# instructions, if any. You need not choose anything.

# %%
machine = describe_machine(device)
machine["arithmetic"] = str(choose_precision(device))
machine["memory (GiB)"] = machine["memory"]
facts = ["cpu", "cores", "memory (GiB)", "device", "torch", "arithmetic"]
pd.Series(machine)[facts].to_frame("this machine")

# %% [markdown]
# ## One picture, small and large again
#
# Here is our photograph. It comes with the library scikit-image, like all
# pictures of the lessons at `quick`, so nothing is downloaded.
#
# **Predict.** We make it three times smaller in each direction. What part of
# its pixels is left?

# %%
original = load_images("embedded-test")["astronaut"]
photo = crop_to_multiple(original, 3)  # (H, W, 3)
small = imresize(photo, 1 / 3)  # (H/3, W/3, 3)
print(
    f"{photo.shape[1]} x {photo.shape[0]} pixels, shrunk to "
    f"{small.shape[1]} x {small.shape[0]}"
)
share = small.size / photo.size
book.record("few-pixels-are-left", share)

# %% [markdown]
# Three times in each direction, so a ninth, as you may have predicted: eight
# pixels of nine are gone. The line with the coloured bar is a *claim*: a
# sentence that was written down before this notebook ran, with a rule, and
# has just been judged by the number that we measured. Most lessons have
# about ten of them.
#
# *Super-resolution* is the attempt to get the large picture back from the
# small one. Image programs do that with *bicubic interpolation*: each new
# pixel is a weighted mean of the 16 small ones around it. That is quick, and
# it invents nothing.
#
# **Predict.** Where will the enlarged picture be wrong: everywhere a little,
# in the face, in the dark background, or along edges and fine lines?

# %%
bicubic = upscale(small, 3, model="bicubic")  # (H, W, 3)
true, ours = (rgb_to_luma(p).astype(float) for p in (photo, bicubic))
error = ours - true
figures.show(
    figures.difference(true / 255, {"enlarged minus original": ours / 255}),
    alt="""Errors of the enlargement: red and blue lines along the outline of
    the face, hair, collar and flag; the smooth background is white.""",
)

# %% [markdown]
# White means "right", red "too bright" and blue "too dark", in levels: a
# pixel of 8 bits has 256 of them, 0 to 255. The smooth parts are right. What
# is lost lies along edges, in hair and in cloth: there brightness changes
# faster than the few remaining pixels can follow. How uneven is it? We take
# the tenth of the pixels that are most wrong, and ask how much of the whole
# squared error is theirs.

# %%
squared = np.sort((error**2).ravel())[::-1]
worst = squared[: squared.size // 10].sum() / squared.sum()
print(f"a tenth of the pixels has {worst:.0%} of the squared error")
book.record("errors-are-at-edges", worst)

# %% [markdown]
# Nearly nine tenths of the error sit in one tenth of the pixels. One number
# for the whole picture is the *PSNR*, the peak signal-to-noise ratio, in
# decibels (dB). It is the squared error on a scale where more is better:
# 30 dB is a mediocre enlargement, 40 dB can hardly be told from the
# original, and half a decibel is a difference that people publish. Lesson 01
# builds it by hand. Here it is for bicubic, on the five test pictures.

# %%
test_pictures = load_images("embedded-test")
plain = evaluate("bicubic", test_pictures, (3,)).set_index("image").psnr
plain.round(2).to_frame("PSNR of bicubic at scale 3 (dB)")

# %% [markdown]
# ## A network that adds what is missing
#
# A network can learn what usually belongs at such an edge. It looks at the
# bicubic picture, predicts what is missing, and adds it. The one below is
# VDSR, the "very deep" network for super-resolution of Kim, Lee and Lee
# (2016), with 5 layers in place of 20. Each number in it is a *weight* (or
# parameter), and training means to adjust these weights until the
# predictions fit. The network sees only brightness; colour stays bicubic,
# because the eye hardly notices the detail of colour. The weights begin at
# random, and the first line of the cell makes this chance repeatable.

# %%
with own_randomness(seed, torch.device("cpu")):
    network = VDSR(depth=5, width=32)
print(network)
numbers = network.parameter_count / photo[..., 0].size
book.record("fewer-weights-than-pixels", numbers)

# %% [markdown]
# The network has a ninth as many weights as the photograph has pixels. (Its
# receptive field is how many pixels wide it looks; lesson 02 measures it.)
# It learns from pairs of *patches*, small squares cut from ten other
# photographs: the square as bicubic enlarges it, and as it should look. The
# five test pictures are not among the ten. A network that only knew its own
# examples by heart would be of no use.

# %%
pictures = load_images("embedded-train")
patches = PatchSet.from_images(pictures, (3,), patch_size=21)
patches

# %% [markdown]
# **Predict.** Training makes a few hundred steps; in each, 64 patches are
# looked at and all weights are changed a little. Will that be enough to beat
# bicubic on photographs that the network never saw? By how many decibels on
# average: a tenth, a half, two?
#
# The next cell trains. In JupyterLab you see the error on the patches, the
# *loss*, which jumps because each step sees other patches, and the PSNR of a
# detail, which climbs past bicubic's, the dotted line, with setbacks. An
# *epoch* is one pass through all patches. The recipe is the paper's, made for
# 80 epochs; we stop far earlier. The lower two panels belong to lesson 05.
# The button "Stop" ends the training after the current step, and nothing is
# lost: the next cell then goes on with what was learnt so far.

# %%
steps = {"quick": 400, "classroom": 1600, "paper": 6400}[profile]
recipe = TrainingConfig.paper(max_steps=steps, validate_every=25, seed=seed)
eye = (90, 190, 96, 96)  # top, left, height, width
monitor = LiveMonitor(photo, scale=3, box=eye)
train(network, patches, recipe, monitor=monitor, device=device)

# %% [markdown]
# Now the five test pictures again. The last column says by how much the
# network is ahead of bicubic, and the first claim below has the mean.

# %%
learnt = evaluate(network, test_pictures, (3,), device=device)
learnt = learnt.set_index("image").psnr
table = pd.DataFrame({"bicubic": plain, "network": learnt})
table["gain (dB)"] = table.network - table.bicubic
display(table.round(2))
display(book.record("small-network-beats-bicubic", table["gain (dB)"].mean()))
book.record("it-helps-every-picture", table["gain (dB)"].min())

# %% [markdown]
# That mean is the answer to compare with your prediction: at `quick` a few
# tenths of a decibel, after 400 steps. (Beside it stands what the paper
# printed for the network of full depth on Set5, five photographs on which
# methods are usually compared.) Some pictures gain much and some little. The
# network has seen none of them: what it learnt is not these photographs but
# how edges look in photographs.

# %% [markdown]
# ## Look, don't read
#
# Decibels are not what we want; we want a better picture. Below, bicubic's
# enlargement and the network's lie over one another. Drag the divider; turn
# the wheel to zoom after a click; the loupe shows the same place in each
# picture, with its PSNR and SSIM (explained below). The menus above choose
# other pictures. One of them is by a network of full depth that was trained at
# full scale and ships with the course. The printed line says on what: T91 is a
# set of 91 photographs, BSD200 one of 200. (The scores differ by some
# hundredths from the table above: `evaluate` shrinks the brightness alone and
# keeps its fractions, while this small picture has colours of 8 bits, as in a
# file.)

# %%
shown = {"original": photo, "bicubic": bicubic}
shown["our network"] = upscale(small, 3, model=network, device=device)
for ship in available_models().query("short == 'vdsr'").itertuples():
    print(f"{ship.name}: {ship.network}, trained on {ship.data}")
    shown[ship.name] = upscale(small, 3, model=ship.name, device=device)
sides = {"left": "bicubic", "right": "our network"}
compare(shown, reference="original", border=3, **sides)

# %% [markdown]
# Look at the eyes and at the badges on the suit. The network's lines are a
# little narrower than bicubic's, and those of the deep network clearly so.
# What neither can do is bring back letters that the small picture no longer
# holds: a network adds what is likely, not what was there. Whoever
# identifies faces or number plates should remember that.
#
# Is it an improvement in another measure too? SSIM compares the structure of
# small windows; 1 means "the same".

# %%
others = [
    evaluate(model, test_pictures, (3,), device=device)
    for model in ("bicubic", network)
]
gain = others[1].ssim - others[0].ssim
print(f"SSIM: {others[0].ssim.mean():.4f} to {others[1].ssim.mean():.4f}")
book.record("structure-is-better-too", gain.mean())

# %% [markdown]
# ## The course
#
# In 2016 VDSR had the best scores of all methods in its paper, by four ideas
# that are simple to say: learn only what is missing; make the network deep;
# take large steps, held in check; and use one network for all scales. Each
# has its lesson, in which you take the idea away and watch what changes.
#
# | no. | lesson | what you will see |
# |---|---|---|
# | 00 | Start here | you are here |
# | 01 | [Pose the problem][01] | what each mistake in measuring costs |
# | 02 | [SRCNN and VDSR side by side][02] | the forerunner, at equal steps |
# | 03 | [Learn the residual][03] | the network without its first idea |
# | 04 | [See further with depth][04] | how far a network looks |
# | 05 | [Take bigger steps, clipped][05] | training that explodes, repaired |
# | 06 | [One network for all scales][06] | scale 2.75, which nobody trained |
# | 07 | [Measure against the paper][07] | our numbers beside the printed |
# | 08 | [Your own picture][08] | upload, enlarge, download |
#
# [01]: 01_what_super_resolution_asks.ipynb
# [02]: 02_srcnn_and_vdsr_side_by_side.ipynb
# [03]: 03_learn_the_residual.ipynb
# [04]: 04_see_further_with_depth.ipynb
# [05]: 05_take_bigger_steps_clipped.ipynb
# [06]: 06_one_network_for_all_scales.ipynb
# [07]: 07_measure_against_the_paper.ipynb
# [08]: 08_your_own_picture.ipynb
#
# They build on one another; each says at its top which others it needs. From
# 01 on, each takes 30 to 40 minutes of reading.

# %% [markdown]
# ## Three sizes of every experiment
#
# The paper trained for hours on a graphics card. So each experiment exists
# at three sizes, called *profiles*. `quick` shows the effect with small
# networks and few steps, in minutes; `classroom` is several times as long;
# `paper` is what the paper did, on its own pictures. Here is what the six
# trainings of lesson 03 would take on your machine, as fast or as busy as it
# is at this moment. It is reckoned from one second of training.

# %%
rows = {}
for size in ("quick", "classroom", "paper"):
    costs = [run_cost(run) for run in get_experiment("table1").runs(size)]
    minutes = sum(cost.seconds(device) for cost in costs) / 60
    steps = sum(cost.steps for cost in costs)
    rows[size] = {"training steps": f"{steps:,}", "minutes": f"{minutes:.1f}"}
pd.DataFrame(rows).T

# %% [markdown]
# To run a lesson at another size, change `profile` in its first cell, or
# write `vdsr reproduce --lesson 03 --profile classroom` in a terminal. Some
# of the longest runs have been made already. Their results ship with the
# course, and a lesson shows them next to yours, labelled with the machine
# and the time they took; what was not run is named as such, with its cost.
#
# ## How the claims work
#
# You have met six claims. Each is a table in the file `data/claims.toml`:
# the sentence, where it comes from, the rule, and at which profiles it is
# judged. Its source may be a table or section of the paper; the *protocol*,
# which is the exact way of measuring that lesson 01 builds; the *review*, a
# summary of the paper from which this course began and which lesson 02
# checks line by line; or "ours", where it is this course that says it. Let
# us take one out and judge it by an invented number.

# %%
claim = book.claims["00.small-network-beats-bicubic"]
print(f"{claim.sentence}\nSource: {claim.source}")
judge(claim, -0.4, profile, note="an invented number")

# %% [markdown]
# So that is how a failure looks. It stops nothing: the lesson goes on, and
# `vdsr reproduce`, which runs all lessons and collects the verdicts, ends
# with an error and a report of all claims. If a claim fails on your machine,
# you have found out something, about the claim or about your machine. What
# this notebook has recorded is here.

# %%
book

# %% [markdown]
# > **Note: how strong is this evidence?** Five photographs are few, and one
# > seed is one throw of the dice. The thresholds of the claims leave room
# > for that: they were chosen so that each holds for three seeds. A gain of
# > a few tenths of a decibel on five pictures says that the idea works, not
# > how good VDSR is. The paper measures that on 219 pictures, to which
# > lesson 07 comes.

# %% [markdown]
# ## Summary
#
# Shrinking a picture by three keeps one pixel in nine. Bicubic interpolation
# fills the gaps smoothly, and most of its error sits in few pixels, along
# edges. A network with fewer weights than the picture has pixels learns from
# other photographs what edges look like, and after a short training it is
# closer to the original on pictures that it never saw. The numbers behind
# these sentences were measured above.
#
# Lesson 01 asks what exactly was measured, and how easily one fools oneself.

# %% [markdown]
# ## Exercises
#
# 1. Which picture gains least? Change `"astronaut"` to `"chelsea"`, run the
#    lesson again and look at her in the comparison: can you see why? One of
#    the claims fails now. What does it tell you about fur?
# 2. Train with ten times as many steps: change `400` in the cell that
#    trains, and run again from the cell that makes the network. Does the gain
#    grow tenfold? Where would you have stopped the training with the button?
#    (After 20 epochs the recipe divides its rate by ten.)
# 3. Call `evaluate` with the scale 4 in place of 3, for bicubic and for the
#    network that was trained for 3. Is it still better? Lesson 06 is about
#    that.
# 4. Set `seed = 1` and run again. Which digits of the table change?

# %% [markdown]
# ## Sources
#
# - J. Kim, J. K. Lee, K. M. Lee, "Accurate Image Super-Resolution Using Very
#   Deep Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587.
# - The photograph is NASA's portrait of Eileen Collins, in the public domain;
#   it comes with scikit-image (S. van der Walt et al., "scikit-image: image
#   processing in Python", PeerJ 2014, https://doi.org/10.7717/peerj.453).
