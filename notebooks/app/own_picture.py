# %% [markdown]
# # Your own picture, enlarged
#
# Choose a picture, a scale and a network, and compare the result with bicubic
# interpolation, at any magnification. Everything happens on this computer: the
# picture is sent nowhere. A network sharpens what bicubic leaves blurred; it
# does not know what was there, and lesson 08 shows when not to trust it.

# %%
import json
import os

from vdsr_lib import load_model
from vdsr_lib.widgets import own_picture

files = json.loads(os.environ.get("VDSR_APP_WEIGHTS", "{}"))
own_picture(models={name: load_model(file) for name, file in files.items()})
