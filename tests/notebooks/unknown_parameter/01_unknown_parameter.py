# %% [markdown]
# # A lesson without a seed

# %% tags=["parameters"]
profile = "quick"
device = "auto"
output_dir = "results"

# %%
from vdsr_lib.claims import ClaimBook

book = ClaimBook("01", profile, output_dir)

# %%
book.record("two-and-two", 2 + 2)
