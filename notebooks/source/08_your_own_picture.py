# %% [markdown]
# # Enlarge your own picture
#
# **You will do** what the network is for: upload a picture of your own,
# enlarge it by any scale, compare it with bicubic and save it as PNG. Then
# you will give the network pictures that it was not made for.
#
# **You will learn** why only the luma goes through the network; what happens
# between and beyond the scales it was trained for; how a large picture is
# cut into tiles without a seam; and when not to trust the result.
#
# **You need** lesson 01 (luma, bicubic, PSNR) and, for the tiles, the
# receptive field of lesson 02. Reading takes about 30 minutes. At `quick` the
# cells take about 15 seconds of one CPU core with bfloat16 arithmetic (lesson
# 00 tells whether yours has it); on a GPU nobody has timed them yet.

# %% [markdown]
# > **Words.** *The paper* is that of Kim, Lee and Lee (2016), and VDSR its
# > network. It gets the *ILR*: brightness (*luma*) of the small picture after
# > bicubic has enlarged it to full size. A *pair* is an ILR and the original;
# > training sees pairs in small squares, *patches*, and an *epoch* uses each
# > once. PSNR, in decibels (dB), measures quality, and more is better. A line
# > with a coloured bar is a *claim*, judged by what was just measured.
#
# `quick` trains a small network, of depth 5, in front of you. `classroom` and
# `paper` train VDSR for Table 3 of the paper, at their size: depth 10 for a
# quarter of an hour of one CPU core, the paper's own for days of it. For your
# own pictures you need neither, since a network of full depth ships with
# the course, and the tool below offers it.

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

from vdsr_lib import compare, degrade, figures, images, imresize, psnr
from vdsr_lib.claims import ClaimBook
from vdsr_lib.datasets import load_images
from vdsr_lib.experiments import Experiment, get_experiment, run_experiment
from vdsr_lib.experiments.sizes import SIZES
from vdsr_lib.inference import super_resolve
from vdsr_lib.protocol.damage import DAMAGES, shrink_otherwise
from vdsr_lib.training import TrainingConfig
from vdsr_lib.widgets import own_picture
from vdsr_lib.widgets.samples import letters

book = ClaimBook("08", profile, output_dir)

# %% [markdown]
# ## A network for every scale
#
# Lesson 06 shows that one network can serve several scales. So we train one
# on pairs of scale 2, 3 and 4 mixed, as section 3.2 of the paper describes.
# An experiment is plain data, and you can declare one of your own: here it
# has a single run, on patches of 21 x 21 for five epochs. Adam, an optimiser
# that finds a step size for each weight, takes the place of the paper's
# clipped descent, because a shallow network gets further in a few hundred
# steps with it.

# %%
gentle = {"optimiser": "adam", "learning_rate": 1e-3, "clipping": "none"}
recipe = TrainingConfig(epochs=5, drop_every=4, weight_decay=0.0, **gentle)
net = {"name": "VDSR", "depth": 5, "width": 32, "residual": True}
patches = {"patch_size": 21, "stride": 42}
made = patches | {"architecture": net, "training": recipe}
quick = SIZES["quick"].vdsr("network", {}, **made)
table3 = get_experiment("table3").sizes
own = Experiment("own", "One net", "ours", {**table3, "quick": (quick,)})
result = run_experiment(own, profile, device=device, seed=seed)
[network] = result.models.values()
print(network)

# %% [markdown]
# Is it any good? On pictures that it has not seen, at the three scales that
# it was trained for, the table says by how many decibels it beats bicubic.

# %%
table = result.table.set_index(["dataset", "scale"])[["psnr", "bicubic"]]
table.assign(gain=table.psnr - table.bicubic).round(2).add_suffix(" (dB)")

# %% [markdown]
# Some tenths of a decibel at each scale: a small network, but a working one.
#
# ## Your turn
#
# Here is the tool of this lesson. Drop a picture on it, or choose a file, or
# take one of the samples. Change the scale, look closely with the loupe, and
# save the result. The menu "Model" has the network that we just trained,
# bicubic, and those that ship. "Shrink first, then restore" makes your
# picture small and enlarges it again: then there is an original, and the
# result has a score.
#
# **Predict.** Before you look: in which kind of place is the network furthest
# ahead of bicubic, in smooth areas, on edges, or in fine texture?

# %%
mine = {"network": network}
own_picture(models=mine, scale=3, task="restore", device=device)

# %% [markdown]
# Where no kernel runs you see a still picture: a sample, shrunk by 3 and
# restored. The gain lies on edges. Smooth areas leave nothing to do, and
# texture finer than the small picture's pixels is gone; the network does not
# invent it.
#
# Under `make app` the same page runs as a small application, without a
# notebook around it; on the site that `make site` makes, the browser itself
# runs the networks. Your picture never leaves this computer.
#
# ## Colour: why the luma alone
#
# The network has one input channel. A colour picture is split into luma $Y$
# and two colour differences, $C_b$ and $C_r$. The luma goes through the
# network, the other two are enlarged bicubically, and all three are put
# together again. Is that a loss? Look at the three planes.

# %%
pictures = load_images("embedded-test")
cat = pictures["chelsea"][:240, 90:330]
planes = images.rgb_to_ycbcr(cat / 255)
split = {n: planes[..., k] for k, n in enumerate(["luma", "Cb", "Cr"])}
figures.show(
    figures.comparison(split, crops=[(75, 15, 64, 64)]),
    alt="""The luma of a cat's face shows every hair. Cb and Cr are nearly even
    grey: a soft blot where the eye is green, and no hair at all.""",
)

# %% [markdown]
# The colour differences are soft. What is soft survives shrinking, and
# bicubic brings it back. We count what bicubic loses of each plane at scale
# 3, and then ask a sharper question: of the error of the whole RGB picture,
# how much is left if the *luma* were perfect, and how much if the *colour*
# were?


# %%
def there_and_back(planes):
    """Shrink each plane by 3 and enlarge it bicubically."""
    return imresize(imresize(planes, 1 / 3), shape=planes.shape[:2])


names = ["Y (dB)", "Cb (dB)", "Cr (dB)", "luma perfect", "colour perfect"]
colour = pd.DataFrame(columns=names)
for name in ("astronaut", "chelsea", "coffee"):
    whole = images.crop_to_multiple(pictures[name], 3)
    true = images.rgb_to_ycbcr(whole / 255)
    back = there_and_back(true)
    luma_perfect = np.dstack([true[..., :1], back[..., 1:]])
    colour_perfect = np.dstack([back[..., :1], true[..., 1:]])
    mixed = true, back, luma_perfect, colour_perfect
    rgb = [images.ycbcr_to_rgb(each) for each in mixed]
    error, *left = [np.square(p - rgb[0]).mean() for p in rgb[1:]]
    decibels = [psnr(true[..., k], back[..., k]) for k in range(3)]
    colour.loc[name] = [*decibels, left[0] / error, left[1] / error]
colour.round(2)

# %% [markdown]
# Bicubic's colour is many decibels closer to the truth than its luma. The
# last two columns are shares of the error: with a perfect luma a few per cent
# are left, with perfect colour nearly all of it. So the network is spent
# where the error is, at a third of what it would cost to run it on all three
# planes. The eye agrees: it sees fine detail in brightness and hardly any in
# colour, which JPEG and television use as well.

# %%
lead = colour[["Cb (dB)", "Cr (dB)"]].min(axis=1) - colour["Y (dB)"]
display(book.record("chroma-loses-less", lead.min()))
book.record("luma-holds-the-error", colour["colour perfect"].min())

# %% [markdown]
# ## Any scale
#
# The network sees the picture at its final size; the scale is in the blur of
# what it gets. So nothing keeps us from asking for 2.5, for which it has
# never seen a pair, or for 8.
#
# **Predict.** The gain is known at 2, 3 and 4. Sketch the curve from 1.1 to
# 8: will it dip between the three, and what happens beyond them?


# %%
def middle(picture, side=192):
    """Cut the luma of the middle out of a picture."""
    top, left = [(length - side) // 2 for length in picture.shape[:2]]
    return images.to_luma(picture[top : top + side, left : left + side])


def restored(ilr):
    """Send a luma picture through the network."""
    batch = torch.tensor(ilr, dtype=torch.float32)[None, None]  # (1, 1, H, W)
    return super_resolve(network, batch)[0, 0].numpy().clip(0, 1)  # (H, W)


def gain(luma, ilr, scale):
    """Return how many dB the network is better than its input."""
    border, after = int(np.ceil(scale)), images.to_uint8(restored(ilr))
    before = psnr(luma, images.to_uint8(ilr), border=border)
    return psnr(luma, after, border=border) - before


# %% [markdown]
# Five test pictures, twelve scales. The paper's protocol holds for each: the
# picture is shrunk by the scale and enlarged to its own size again.

# %%
lumas = {name: middle(picture) for name, picture in pictures.items()}
scales = [1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 8]
gains = {}
for s in scales:
    cropped = [images.crop_to_multiple(luma, s) for luma in lumas.values()]
    gains[s] = np.mean([gain(luma, degrade(luma, s), s) for luma in cropped])
print("largest gain at scale", max(gains, key=gains.get))
axes = {"xlabel": "scale (times)", "ylabel": "gain over bicubic (dB)"}
figures.show(
    figures.convergence({"network": (scales, list(gains.values()))}, **axes),
    alt="""The gain against the scale: several decibels below zero at 1.1, zero
    near 1.8, largest at 2.5 or 3, slowly falling to nearly zero at 8.""",
)

# %% [markdown]
# So the gain is largest in the middle of the scales it was trained for.
# Between 2 and 4 the curve is smooth: 2.5, of which it has never seen a pair,
# does as well as its neighbours, because that blur lies between two that it
# knows. Beyond 4 the gain fades: at 8 the detail is gone, and the network
# sharpens as it learnt to at 4, which is too little.
#
# Below 2 comes the surprise. If you predicted that easier means better, look
# again: at 1.1 the input is nearly perfect, and the network sharpens it all
# the same. Nobody tells it the scale, and no pair that it learnt from was
# sharp enough to be left alone. The slider of the tool goes down to 1.1, so
# now you know what not to do there.

# %%
trained = np.mean([gains[s] for s in (2, 3, 4)])
between = np.mean([gains[s] for s in (2.5, 3.5)])
display(book.record("gains-at-trained-scales", min(gains[s] for s in (2, 3))))
display(book.record("gains-between-scales", between / trained))
display(book.record("little-gain-far-above", gains[8] / trained))
book.record("harm-far-below", gains[1.25])

# %% [markdown]
# ## Large pictures: tiles with a halo
#
# A network of width 64 keeps 64 numbers of four bytes for each pixel, and
# the next layer's beside them: half a kilobyte a pixel, 25 gigabytes for a
# picture of 48 megapixels. So a large picture is cut into tiles. But a pixel
# near a tile's edge looks at pixels of the next tile. Without them the
# network sees zeros there, and a seam appears.
#
# A network of depth $D$ sees exactly $D$ pixels to each side (its receptive
# field is $2D+1$). Give each tile a *halo* of $D$ pixels, throw the halo's
# output away, and nothing is lost: the pixels that are kept have seen all
# that they would have seen. The library does so by itself for pictures above
# half a megapixel (two on a GPU), and on some processors for smaller ones,
# where it is faster.
#
# **Predict.** How large an error, in 8-bit levels, do you expect without a
# halo, with half of it, and with all of it?


# %%
class Shortsighted(torch.nn.Module):
    """The same network, which claims to see `halo` pixels to each side."""

    def __init__(self, halo):
        super().__init__()
        self.network, self.receptive_field = network, 2 * halo + 1

    def forward(self, ilr):
        """Return what the network returns."""
        return self.network(ilr)  # (1, 1, h, w)


# %% [markdown]
# `super_resolve` trusts the attribute `receptive_field`. So we lie to it, and
# compare with the picture that was never cut. We ask for float32, because on
# some processors the library calculates in bfloat16, which rounds after three
# digits: that would drown the smaller errors here.

# %%
enough = network.receptive_field // 2
given = torch.tensor(degrade(lumas["camera"], 3), dtype=torch.float32)
given = given[None, None]  # (1, 1, 192, 192)
fine = {"precision": "float32"}
whole = super_resolve(network, given, tile=0, **fine)  # (1, 1, 192, 192)
errors = {}
for halo in sorted({0, 1, enough // 2, enough - 1, enough}):
    tiled = super_resolve(Shortsighted(halo), given, tile=64, **fine)
    errors[halo] = float((tiled - whole).abs().max())
levels = pd.Series(errors, name="largest error (levels)").mul(255).round(3)
levels.rename_axis("halo").to_frame()

# %% [markdown]
# Without a halo the seam is many levels high, plain to see in a smooth sky.
# Half a halo is not enough; even one pixel too few leaves an error, since
# the zeros at the tile's rim reach a little further in with each layer. With
# all $D$ pixels what remains is the rounding of float32, whose order of
# summation depends on the shape of a tile. "Exact" is something that can be
# tested.

# %%
display(book.record("tiles-are-exact", errors[enough]))
book.record("no-halo-leaves-seams", 255 * errors[0])

# %% [markdown]
# And the memory? Each layer reads one stack of planes and writes another. At
# `quick` the network is half as wide as the paper's, so it needs half of the
# 25 gigabytes.

# %%
width = network.architecture["width"]
for what, pixels in {"48 megapixels": 48e6, "a tile": 512**2}.items():
    print(f"{what}: {2 * 4 * width * pixels / 1e9:.2f} GB for a layer")

# %% [markdown]
# The tile's memory does not grow with the picture. What does grow is the
# picture itself: about 20 bytes for each pixel of the result, which is why
# the tool above states a limit before you choose a file.
#
# ## When not to trust it
#
# The network has learnt to undo one thing: bicubic shrinking, without loss.
# Your pictures have been through other things. A lens blurred them, a sensor
# added noise, a program kept every third pixel, a phone stored them as JPEG.
#
# **Predict.** Put these six ways to shrink by 3 in order, from the largest
# gain over bicubic to the largest loss: bicubic, an average over squares of
# pixels, a soft lens before that average, the nearest pixel alone, bicubic
# with noise of 5 levels, bicubic stored as JPEG of quality 40.


# %%
def another_ilr(luma, damage):
    """Shrink by 3 in another way than bicubically, and enlarge bicubically."""
    small = shrink_otherwise(luma, 3, damage, seed=seed)
    return imresize(small / 255, shape=luma.shape).clip(16 / 255, 235 / 255)


every = {**lumas, "letters": images.to_luma(letters())}
damages = pd.DataFrame(columns=list(every), index=list(DAMAGES), dtype=float)
for name, luma in every.items():
    for kind in DAMAGES:
        damages.loc[kind, name] = gain(luma, another_ilr(luma, kind), 3)
damages["photographs"] = damages[list(lumas)].mean(axis=1)
damages.sort_values("photographs", ascending=False).round(2)

# %% [markdown]
# The numbers are gains in dB, and the last column, the mean of the five
# photographs, orders the rows. How many of the six had you in the right
# place? Only "bicubic" is what papers report. Averages over squares are
# nearly the same blur, and cost little. After a soft lens the picture is
# blurrier than bicubic shrinking leaves it; the network sharpens some of that
# and leaves the rest. Noise and JPEG eat most of the gain: a grain or the
# border of a block is detail to the network, and it makes detail stronger.
# Look at the cat, Chelsea, whose fur is soft: there both turn the gain into a
# loss. And where pixels were merely picked, jagged edges become crisp jagged
# edges.

# %%
views = {"original": lumas["astronaut"] / 255}
kinds = {"clean": "bicubic", "noise": "noise", "JPEG": "JPEG"}
for said, kind in kinds.items():
    ilr = another_ilr(lumas["astronaut"], kind)
    views |= {f"bicubic, {said}": ilr, f"net, {said}": restored(ilr)}
pair = {"left": "bicubic, JPEG", "right": "net, JPEG"}
compare(views, reference="original", border=3, **pair)

# %% [markdown]
# Compare "bicubic, JPEG" with "net, JPEG" at a high zoom. The network has
# drawn the borders of the blocks along with the edges of the collar. The
# score has hardly moved: what the network won at edges it lost at blocks.

# %%
mean = damages["photographs"]
share = mean / mean["bicubic"]
display(book.record("noise-eats-the-gain", share["noise"]))
display(book.record("jpeg-eats-the-gain", share["JPEG"]))
display(book.record("soft-lens-gains-less", share["soft lens"]))
book.record("picked-pixels-turn-it-into-loss", mean["nearest pixel"])

# %% [markdown]
# The third of these is judged at `quick` only. The longer trained network of
# `classroom` kept 96 % of its mean gain after a soft lens: it lost on the
# sharp photographs, and won on the cat.
#
# Even when shrunk cleanly, drawn letters gain less than the mean photograph,
# though they are all edges. Here is why.

# %%
ilr = degrade(every["letters"], 3)
read = {"original": every["letters"] / 255, "bicubic": ilr}
read["network"], crops = restored(ilr), [(2, 4, 60, 60), (110, 4, 34, 60)]
figures.show(
    figures.comparison(read, "original", crops=crops),
    alt="Large letters are crisper; the smallest line is mush in both.",
)

# %% [markdown]
# The large letters are crisper. The smallest line can hardly be read in
# either picture: its strokes are thinner than a small pixel, so the small
# picture no longer holds them, and the network makes the mush crisp. Never
# read a number plate, a face, or a medical finding from such a picture: what
# looks like detail is what the training pictures had in such places.
#
# > **Caution.** A network trained to look convincing, and not to be close,
# > may write clean letters here, and wrong ones. The squared error of VDSR at
# > least makes it hedge: where it does not know, it blurs.
#
# ## Summary
#
# One network on the luma, bicubic on the colour: the luma holds most of the
# error. It works between the scales it was trained for, fails softly above
# them, and does harm below them. Tiles with a halo of $D$ pixels give the
# very same picture in bounded memory. And the gain belongs to the way the
# picture was made small: blur, noise and compression shrink it or turn it
# into a loss.
#
# | the picture was | what the network does |
# |---|---|
# | shrunk bicubically or by averages | sharpens edges: use it |
# | taken with a soft lens | sharpens too little |
# | noisy | sharpens the noise too: denoise first |
# | stored as JPEG at low quality | draws the blocks: take the original file |
# | shrunk by picking pixels | makes it worse than bicubic does |
# | enlarged by much less than 2 | spoils it: take bicubic |
# | text smaller than its pixels | makes mush crisp: do not read it |

# %% [markdown]
# ## Exercises
#
# 1. Take a photograph with your phone. With "Shrink first, then restore",
#    restore a part of it at scale 2 as it is, and once more after halving the
#    whole in another program. Which of the two gains more, and why?
# 2. Use `Shortsighted` with a halo *larger* than needed. Is the result closer
#    to the whole picture? What does it cost?
# 3. Shrink with `shrink_otherwise(luma, 3, "JPEG")` and blur the small
#    picture slightly (`scipy.ndimage.gaussian_filter`) before it is enlarged.
#    Can you find a blur with which the network gains more over bicubic? Over
#    bicubic of the blurred picture, or of the one that was given?
# 4. Send $C_b$ and $C_r$ through the network as well. By how much does the
#    error of the RGB picture change? Mind the range: the planes are centred
#    on 0.5.
# 5. Make a `PatchSet` as in lesson 03, add noise of 5 levels to its `ilr`, and
#    train a network like this one on it with `train`. What happens to its
#    gain on noisy pictures, and on clean ones?

# %% [markdown]
# ## Sources
#
# - J. Kim, J. K. Lee, K. M. Lee, "Accurate Image Super-Resolution Using Very
#   Deep Convolutional Networks", CVPR 2016, https://arxiv.org/abs/1511.04587:
#   sections 3.2 and 4.3 (one network for several scales), section 5.3 (luma
#   alone, colour bicubic).
# - C. Dong et al., "Image Super-Resolution Using Deep Convolutional
#   Networks", TPAMI 2016, https://arxiv.org/abs/1501.00092: section 4.5,
#   networks for colour.
# - T. Michaeli, M. Irani, "Nonparametric Blind Super-Resolution", ICCV 2013,
#   https://doi.org/10.1109/ICCV.2013.121: why the blur that was assumed
#   matters more than the method.
# - ITU-R BT.601: luma and colour differences.
