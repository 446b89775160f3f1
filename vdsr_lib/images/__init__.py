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
from vdsr_lib.images.picture import Picture
from vdsr_lib.images.reading import MAX_PIXELS, read_picture
from vdsr_lib.images.writing import check_target, write_picture

__all__ = [
    "LUMA_RANGE",
    "MAX_PIXELS",
    "Picture",
    "check_scale",
    "check_target",
    "crop_to_multiple",
    "degrade",
    "read_picture",
    "restore_colour",
    "rgb_to_luma",
    "rgb_to_ycbcr",
    "to_luma",
    "to_uint8",
    "write_picture",
    "ycbcr_to_rgb",
]
