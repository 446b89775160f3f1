"""A film strip: the frames of a watched detail side by side in one PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from vdsr_lib._files import write_atomically
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.frames import Frames

__all__ = ["read_strip", "some_frames", "write_strip"]

_FIXED = 2  # the true detail and bicubic's stand before the frames


def some_frames(frames: Frames, steps: Iterable[int]) -> Frames:
    """Return those frames that were taken after some numbers of steps.

    Parameters
    ----------
    frames : Frames
        All of them.
    steps : iterable of int
        Numbers at which no frame was taken are passed over; the first frame and the
        last are always among those returned.

    Returns
    -------
    Frames
    """
    wanted = {*steps, frames.steps[0], frames.steps[-1]}
    places = [n for n, step in enumerate(frames.steps) if step in wanted]
    chosen = tuple(frames.steps[n] for n in places)
    return Frames(chosen, frames.pictures[places], frames.reference, frames.bicubic)


def write_strip(frames: Frames, path: str | os.PathLike[str]) -> Path:
    """Write frames as one grey PNG: original, bicubic, then frame after frame.

    Parameters
    ----------
    frames : Frames
        Of any number.
    path : path-like
        Ends in ``.png``.

    Returns
    -------
    pathlib.Path
        `path`. Its steps are not in the file.
    """
    from PIL import Image

    row = np.hstack([frames.reference, frames.bicubic, *frames.pictures])  # (h, n * w)
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "PNG", optimize=True)
    return write_atomically(path, stream.getvalue())


def read_strip(path: str | os.PathLike[str], steps: Sequence[int]) -> Frames:
    """Read what `write_strip` wrote.

    Parameters
    ----------
    path : path-like
        The PNG.
    steps : sequence of int
        Training steps made before each frame.

    Returns
    -------
    Frames

    Raises
    ------
    RunError
        If the file is absent, no picture, or has not as many frames as `steps`.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            row = np.asarray(picture.convert("L"))
        count = len(steps) + _FIXED
        if not steps or row.shape[1] % count:
            raise ValueError(f"{row.shape[1]} columns do not hold {count} pictures")
        reference, bicubic, *frames = np.split(row, count, axis=1)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} holds no frames: {error}") from error
    return Frames(tuple(steps), np.stack(frames), reference, bicubic)
