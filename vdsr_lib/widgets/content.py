"""What a comparison holds: pictures checked, scored, and packed as PNG bytes.

Nothing here needs Jupyter. Pictures of one size come in as arrays, alone or in series
(one for each epoch, depth or scale); what goes out are plain lists and dictionaries,
the values of the widget's traits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.crops import differing_boxes, to_8bit
from vdsr_lib.images import to_luma
from vdsr_lib.metrics import psnr_and_ssim
from vdsr_lib.widgets.frames import Frames, packed_frames

__all__ = ["Pictures", "decoded", "first_view", "most_different", "pack", "png_bytes"]

Picture: TypeAlias = NDArray[Any]
Pictures: TypeAlias = Mapping[str, Picture | Sequence[Picture]]
Series: TypeAlias = dict[str, list[NDArray[np.uint8]]]


def pack(
    pictures: Pictures,
    *,
    reference: str | None = None,
    frames: Frames | None = None,
    border: int = 0,
) -> dict[str, Any]:
    """Check pictures and return the traits that hold them and their scores.

    Parameters
    ----------
    pictures : mapping of str to ndarray, or to a series of ndarray
        Name -> picture; all of one size, uint8 or float in [0, 1], luma (H, W) or
        colour (H, W, 3). A series has a picture for each frame.
    reference : str, optional
        The name of the true picture.
    frames : sequence, or mapping of one str to a sequence, optional
        The frames' labels, and what they are: ``{"epoch": [0, 1, 5]}``.
    border : int, default 0
        Pixels shaved from each side before scoring.

    Returns
    -------
    dict
        ``names``; ``pixels``, each different picture once, as PNG bytes; ``colour``,
        whether each of these is a colour picture; ``series``, for each name the
        indices into ``pixels``, one a frame; ``size`` [H, W]; ``reference`` (the name
        or ""); ``border``; and ``scores``, for each name and frame [PSNR in dB, SSIM]
        of the 8-bit luma, None for the PSNR of identical pictures.

    Raises
    ------
    ValueError
        If there are fewer than two pictures, one is empty, not finite, out of range
        or of another size, a series has not one picture a frame, the reference is
        not among the pictures, or the border leaves nothing.
    TypeError
        If `pictures` is not a mapping.
    """
    titles = packed_frames(frames)
    series = _checked(pictures, titles["frame_labels"], titles["frame_title"])
    names = list(series)
    if reference is not None and reference not in series:
        raise ValueError(
            f"the reference {reference!r} is not among the pictures: {', '.join(names)}"
        )
    size = next(iter(series.values()))[0].shape[:2]
    if isinstance(border, bool) or not 0 <= 2 * border < min(size):
        raise ValueError(
            f"border must be at least 0 and leave a pixel of {size[0]} x {size[1]}, "
            f"got {border}"
        )
    pixels, colour, indices = _encoded(series)
    return {
        "names": names,
        "pixels": pixels,
        "colour": colour,
        "series": [indices[name] for name in names],
        "size": list(size),
        "reference": reference or "",
        "border": int(border),
        "scores": _scores(series, reference, border),
        **titles,
    }


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture losslessly.

    Parameters
    ----------
    picture : (H, W) or (H, W, 3) array of uint8
        Luma or RGB.

    Returns
    -------
    bytes
        A PNG file of the same levels, without a colour profile.
    """
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def most_different(content: Mapping[str, Any]) -> tuple[int, int]:
    """Find where the pictures differ most, at the last frame.

    Parameters
    ----------
    content : mapping
        What `pack` returned.

    Returns
    -------
    (int, int)
        Row and column of the middle of that place, a little inward where it lies at
        the picture's edge.
    """
    names = content["names"]
    shown = {
        name: decoded(content["pixels"][frames[-1]])
        for name, frames in zip(names, content["series"], strict=True)
    }
    reference = shown.pop(content["reference"], None)
    [box] = differing_boxes(list(shown.values()), reference, size=24)
    rows, columns = content["size"]
    row, column = box.top + box.height // 2, box.left + box.width // 2
    return _inward(row, rows), _inward(column, columns)


def first_view(content: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the pair, the centre and the loupe's point to begin with.

    Parameters
    ----------
    content : mapping
        What `pack` returned.

    Returns
    -------
    dict
        ``left``, ``right``, ``centre`` and ``point``, as `Compare` has them.
    """
    names, reference = content["names"], content["reference"]
    others = [name for name in names if name != reference]
    rows, columns = content["size"]
    return {
        "left": others[0] if len(others) > 1 else reference,
        "right": others[-1],
        "centre": (columns / 2, rows / 2),
        "point": most_different(content),
    }


def _inward(place: int, length: int, margin: int = 24) -> int:
    """Keep a place away from the ends of an axis, as far as it is long enough."""
    margin = min(margin, length // 2)
    return min(max(place, margin), length - 1 - min(margin, length - 1 - margin))


def decoded(png: bytes) -> NDArray[np.uint8]:
    """Decode what `png_bytes` encoded.

    Parameters
    ----------
    png : bytes
        A PNG file of our own.

    Returns
    -------
    (H, W) or (H, W, 3) array of uint8
    """
    from PIL import Image

    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture)


def _checked(pictures: Pictures, labels: list[str], title: str) -> Series:
    """Return the pictures as lists of uint8 arrays: one each, or one a frame."""
    if not isinstance(pictures, Mapping):
        raise TypeError(
            "pictures must be a mapping of name to array, such as "
            f'{{"bicubic": ilr, "VDSR": sr}}, got {type(pictures).__name__}'
        )
    if len(pictures) < 2:
        raise ValueError(
            f"a comparison needs at least two pictures, got {len(pictures)}"
        )
    captions: dict[tuple[str, int], str] = {}
    flat: dict[str, Picture] = {}
    for name, value in pictures.items():
        members = _members(str(name), value, len(labels))
        for i, member in enumerate(members):
            caption = f"{name}, {title} {labels[i]}" if len(members) > 1 else str(name)
            if caption in flat:  # only where names look like captions
                caption = f"{caption} ({i})"
            if np.size(member) == 0:
                raise ValueError(
                    f"picture {caption!r} is empty: its shape is {np.shape(member)}"
                )
            captions[str(name), i], flat[caption] = caption, member
    shown = to_8bit(flat)
    series: Series = {}
    for (name, _), caption in captions.items():
        series.setdefault(name, []).append(shown[caption])
    if labels and all(len(members) == 1 for members in series.values()) and labels[1:]:
        raise ValueError(
            f"frames names {len(labels)} frames, but every picture is a single one: "
            "give at least one as a list of pictures"
        )
    return series


def _members(name: str, value: Any, frames: int) -> list[Picture]:
    """Return a single picture, or the pictures of a series."""
    if hasattr(value, "detach"):
        raise TypeError(
            f"picture {name!r} is a tensor: give a NumPy array, "
            "tensor.squeeze().cpu().numpy()"
        )
    if isinstance(value, np.ndarray):
        is_picture = value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3)
        if is_picture or value.ndim not in (3, 4) or len(value) != frames:
            return [value]  # a wrong shape is refused with the others' rules
    members = [np.asarray(member) for member in value]
    if len(members) != frames:
        what = f"frames names {frames}" if frames else "frames names none"
        raise ValueError(
            f"picture {name!r} is a series of {len(members)}, but {what}: give one "
            "picture for each frame"
        )
    return members


def _encoded(series: Series) -> tuple[list[bytes], list[bool], dict[str, list[int]]]:
    """Encode each different picture once; return them and where each name's are."""
    known: dict[bytes, int] = {}
    colour: list[bool] = []
    indices: dict[str, list[int]] = {}
    for name, members in series.items():
        indices[name] = []
        for member in members:
            png = png_bytes(member)
            if png not in known:
                known[png] = len(known)
                colour.append(member.ndim == 3)
            indices[name].append(known[png])
    return list(known), colour, indices


def _scores(
    series: Series, reference: str | None, border: int
) -> list[list[list[float | None]]]:
    """Return [PSNR, SSIM] for each name and frame, or nothing without a reference."""
    if reference is None:
        return []
    truths = [to_luma(member) for member in series[reference]]
    scores = []
    for members in series.values():
        lumas = [to_luma(member) for member in members]
        pairs = [
            (truths[min(i, len(truths) - 1)], lumas[min(i, len(lumas) - 1)])
            for i in range(max(len(truths), len(lumas)))
        ]
        scores.append([list(psnr_and_ssim(*pair, border=border)) for pair in pairs])
    return scores
