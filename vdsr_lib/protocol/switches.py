"""The choices on which evaluations differ, and the usual mistakes among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

__all__ = ["MISTAKES", "PAPER", "Mistake", "Protocol"]

LumaRange: TypeAlias = Literal["studio", "full"]
Channels: TypeAlias = Literal["luma", "rgb"]
Resizer: TypeAlias = Literal["matlab", "matlab, no antialiasing", "opencv", "pillow"]


@dataclass(frozen=True)
class Protocol:
    """How bicubic interpolation is measured; the defaults are the paper's choices.

    Parameters
    ----------
    luma : {"studio", "full"}
        Range of the luma: BT.601's 16 to 235, as MATLAB's ``rgb2ycbcr`` and the
        paper have it, or the 0 to 255 of JPEG, Pillow and OpenCV.
    channels : {"luma", "rgb"}
        What PSNR and SSIM are taken over. For "rgb" the interpolated luma gets its
        colour back first: bicubic chroma, rounded to 8 bits.
    resize : {"matlab", "matlab, no antialiasing", "opencv", "pillow"}
        What shrinks the picture and enlarges it again. "opencv" does not antialias,
        has another cubic kernel (a = -3/4), and like "pillow" works on 8-bit pictures.
    low_resolution_8bit : bool
        Round the small picture to 8 bits, as a file would.
    clamp : bool
        Limit the interpolated luma to the range that a luma has.
    round_output : bool
        Round the estimate to 8 bits before it is measured.
    shave : bool
        Leave out `scale` pixels at each side.
    """

    luma: LumaRange = "studio"
    channels: Channels = "luma"
    resize: Resizer = "matlab"
    low_resolution_8bit: bool = False
    clamp: bool = True
    round_output: bool = True
    shave: bool = True

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                known = ", ".join(map(repr, choices))
                raise ValueError(
                    f"{name} must be one of {known}; got {getattr(self, name)!r}"
                )


_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "luma": get_args(LumaRange),
    "channels": get_args(Channels),
    "resize": get_args(Resizer),
}

PAPER: Final = Protocol()
"""The protocol of the paper (Kim et al. 2016, section 5, and the authors' code)."""


class Mistake(NamedTuple):
    """A usual deviation from the paper's protocol.

    Parameters
    ----------
    protocol : Protocol
        The paper's, but for the deviation.
    where : str
        Where one meets it.
    set5 : dict of int to float
        Scale -> what it changes on Set5, in dB of bicubic's mean PSNR, as an
        evaluator independent of this library measured it.
    """

    protocol: Protocol
    where: str
    set5: dict[int, float]


def _mistake(where: str, set5: tuple[float, float, float], **switches: Any) -> Mistake:
    """Return the paper's protocol with some switches turned."""
    return Mistake(Protocol(**switches), where, dict(zip((2, 3, 4), set5, strict=True)))


MISTAKES: Final[dict[str, Mistake]] = {
    "PSNR over RGB": _mistake(
        "metrics called on the colour pictures",
        (-1.86, -1.77, -1.73),
        channels="rgb",
    ),
    "full-range luma": _mistake(
        "Pillow's convert('L') or 'YCbCr', OpenCV's cvtColor, JPEG",
        (-1.31, -1.31, -1.31),
        luma="full",
    ),
    "no antialiasing": _mistake(
        "OpenCV's resize, torch's interpolate with its defaults",
        (+0.71, -0.79, -0.77),
        resize="opencv",
        clamp=False,
    ),
    "Pillow's bicubic": _mistake(
        "Image.resize on an 8-bit picture",
        (-0.028, -0.009, -0.007),
        resize="pillow",
        clamp=False,
    ),
    "low resolution stored as 8 bits": _mistake(
        "small pictures read from files",
        (-0.009, -0.004, -0.002),
        low_resolution_8bit=True,
    ),
    "no border crop": _mistake(
        "metrics called on whole pictures", (+0.007, +0.004, +0.008), shave=False
    ),
    "output not rounded": _mistake(
        "floats measured as the network gives them",
        (+0.015, +0.007, +0.005),
        round_output=False,
    ),
}
"""The usual deviations by name, the dearest first."""
