"""The two networks of the course: VDSR, and SRCNN that it is measured against.

Both take the bicubic-interpolated low-resolution luma (ILR) and return a picture of
the same size, (B, 1, H, W) to (B, 1, H, W). Weights are drawn from the generator
that is given, or from torch's global one; nothing here sets a seed.
"""

from vdsr_lib.models._layers import receptive_field
from vdsr_lib.models.building import build
from vdsr_lib.models.srcnn import SRCNN
from vdsr_lib.models.vdsr import VDSR

__all__ = ["SRCNN", "VDSR", "build", "receptive_field"]
