"""Pictures: luma and chroma, the paper's degradation, and files in and out."""

from vdsr_lib.images.colour import (
    restore_colour,
    rgb_to_luma,
    rgb_to_ycbcr,
    to_luma,
    to_uint8,
    ycbcr_to_rgb,
)
from vdsr_lib.images.degradation import (
    LUMA_RANGE,
    check_scale,
    crop_to_multiple,
    degrade,
)

__all__ = [
    "LUMA_RANGE",
    "check_scale",
    "crop_to_multiple",
    "degrade",
    "restore_colour",
    "rgb_to_luma",
    "rgb_to_ycbcr",
    "to_luma",
    "to_uint8",
    "ycbcr_to_rgb",
]
