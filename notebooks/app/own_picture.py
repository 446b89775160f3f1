# %% [markdown]
# # Your own picture, enlarged
#
# Choose a picture, a scale and a network, and compare the result with bicubic
# interpolation, at any magnification. Everything happens on this computer: the
# picture is sent nowhere. A network sharpens what bicubic leaves blurred; it
# does not know what was there, and lesson 08 shows when not to trust it.

# %%
import os
from pathlib import Path

from vdsr_lib import load_model
from vdsr_lib.widgets import own_picture

files = [f for f in os.environ.get("VDSR_APP_WEIGHTS", "").split(os.pathsep) if f]
networks = {Path(f).stem: load_model(f) for f in files}
own_picture(models=networks)
