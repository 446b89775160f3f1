# %% [markdown]
# # A cell that takes too long

# %%
import time

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

# %%
time.sleep(600)

# %%
print("never reached")
