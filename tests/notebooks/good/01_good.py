# %% [markdown]
# # A lesson that holds

# %%
import sys

from matplotlib.figure import Figure

from vdsr_lib import figures
from vdsr_lib.claims import ClaimBook

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
book = ClaimBook("01", profile, output_dir)

# %%
book.record("two-and-two", 2 + 2)

# %% [markdown]
# The learning rate is $\gamma$, and the clip lies at
#
# $$\left[-\frac{\theta}{\gamma}, \frac{\theta}{\gamma}\right].$$

# %%
print(sys.executable)
print(profile, device, seed)

# %%
figure = Figure()
figure.subplots().plot([1, 2], [3, 4])
figures.show(figure, alt="A straight line that rises from 3 to 4.")
