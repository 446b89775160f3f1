# %% [markdown]
# # A lesson that stops half-way

# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"

# %%
from vdsr_lib.claims import ClaimBook

book = ClaimBook("01", profile, output_dir)

# %%
book.record("two-and-two", 2 + 2)

# %%
import sys

sys.exit(0)

# %%
print("never reached")
