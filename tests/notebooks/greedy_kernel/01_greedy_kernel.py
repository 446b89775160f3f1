# %% [markdown]
# # A lesson that takes too much memory

# %%
from vdsr_lib.claims import ClaimBook

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
book = ClaimBook("01", profile, output_dir)

# %%
held = len(b"x" * 900_000_000)  # written to, so that it is held
book.record("two-and-two", 2 + 2)
