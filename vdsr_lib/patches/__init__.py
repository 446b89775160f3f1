"""Pairs of patches to train on: two tensors on the training device, and no files.

Other ports of VDSR write gigabytes of patches to HDF5 and read them back through
worker processes. All patches of the paper's 291 pictures are 0.7 GB of float32: they
fit in memory, a batch is one indexing operation, and flips and rotations are made
when a batch is drawn.
"""

from vdsr_lib.patches.orientations import Augmentation, orientation_count
from vdsr_lib.patches.patch_set import PatchSet

__all__ = ["Augmentation", "PatchSet", "orientation_count"]
