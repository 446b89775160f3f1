"""A detail of a picture as a network renders it, kept at each validation."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from vdsr_lib._files import DAMAGED_ARCHIVE, from_home, write_atomically
from vdsr_lib.errors import RunError
from vdsr_lib.images import crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vdsr_lib.experiments.declare import Watch

__all__ = ["Camera", "Frames"]


@dataclass(frozen=True)
class Frames:
    """What a watched detail looked like as a network learnt.

    Parameters
    ----------
    steps : tuple of int
        Training steps made before each frame, from 0.
    pictures : (n, h, w) array of uint8
        The network's output at each of these steps, 8-bit luma.
    reference : (h, w) array of uint8
        The true detail.
    bicubic : (h, w) array of uint8
        What the network was given.
    """

    steps: tuple[int, ...]
    pictures: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    bicubic: NDArray[np.uint8]

    def strip(
        self, count: int = 5
    ) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str]]:
        """Return some frames and the true detail, as `figures.filmstrip` takes them.

        Parameters
        ----------
        count : int
            How many frames, at least 2: the first, the last, and those between whose
            steps double (where there are such).

        Returns
        -------
        pictures : dict of str to (h, w) array of uint8
            ``{"step 0": ..., "step 200": ..., "original": ...}``.
        captions : dict of str to str
            The PSNR of each frame, in dB.

        Raises
        ------
        ValueError
            If `count` is below 2.
        """
        if count < 2:
            raise ValueError(f"count must be at least 2, got {count}")
        last = self.steps[-1]
        wanted = [0.0, *(last / 2**power for power in range(count - 2, -1, -1))]
        places = np.searchsorted(self.steps, wanted)
        pictures: dict[str, NDArray[np.uint8]] = {}
        captions: dict[str, str] = {}
        for place in sorted(set(places.tolist())):
            title = f"step {self.steps[place]:,}"
            pictures[title] = self.pictures[place]
            captions[title] = f"{psnr(self.reference, self.pictures[place]):.2f} dB"
        return pictures | {"original": self.reference}, captions

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the frames as NumPy's compressed archive, whole or not at all.

        Parameters
        ----------
        path : path-like
            Ends in ``.npz``.

        Returns
        -------
        pathlib.Path
            `path`.
        """
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            steps=np.asarray(self.steps, dtype=np.int64),
            pictures=self.pictures,
            reference=self.reference,
            bicubic=self.bicubic,
        )
        return write_atomically(path, stream.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Frames:
        """Read what `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        Frames

        Raises
        ------
        RunError
            If the file is absent or holds something else.
        """
        try:
            with np.load(from_home(path, RunError), allow_pickle=False) as archive:
                steps = tuple(int(step) for step in archive["steps"])
                rest = (archive[n] for n in ("pictures", "reference", "bicubic"))
                return cls(steps, *rest)
        except DAMAGED_ARCHIVE as error:
            raise RunError(f"{path} holds no frames: {error}") from error


class Camera:
    """Takes a frame of a watched detail whenever a network is shown to it.

    Parameters
    ----------
    watch : Watch
        Which detail.
    picture : (H, W, 3) or (H, W) array of uint8
        The whole picture.
    halo : int
        Pixels around the detail that the network sees too; with half the receptive
        field the frame is exactly what the whole picture would give.
    folder : path-like
        Where frames are kept until the run is over. A frame that is there stays, so
        that an interrupted run keeps those that it took.

    Attributes
    ----------
    reference, bicubic, latest : (h, w) array of uint8
        The true detail, what the network is given, and the last frame taken (bicubic
        before the first).

    Raises
    ------
    ValueError
        If the detail leaves the picture.
    """

    def __init__(
        self,
        watch: Watch,
        picture: NDArray[np.uint8],
        *,
        halo: int,
        folder: str | os.PathLike[str],
    ) -> None:
        luma = crop_to_multiple(to_luma(picture), watch.scale)  # (H, W)
        ilr = degrade(luma, watch.scale)  # (H, W)
        rows, columns = luma.shape
        box = top, left, height, width = watch.box
        bottom, right = top + height, left + width
        if not (0 <= top < bottom <= rows and 0 <= left < right <= columns):
            raise ValueError(
                f"the detail {box} (top, left, height, width) leaves {watch.picture}, "
                f"which has {rows} x {columns} pixels"
            )
        first, before = max(0, top - halo), max(0, left - halo)
        seen = ilr[first : bottom + halo, before : right + halo]
        inner = np.s_[top - first : bottom - first, left - before : right - before]
        self._input = torch.from_numpy(seen)[None, None].float()  # (1, 1, h', w')
        self._inner = inner
        self.reference: NDArray[np.uint8] = luma[top:bottom, left:right]
        self.bicubic: NDArray[np.uint8] = to_uint8(seen[inner])
        self.folder = Path(folder)
        self.latest: NDArray[np.uint8] = self.bicubic

    def render(self, model: nn.Module) -> NDArray[np.uint8]:
        """Return what a network makes of the detail.

        Parameters
        ----------
        model : torch.nn.Module
            (1, 1, h, w) to the same.

        Returns
        -------
        (h, w) array of uint8
            8-bit luma.
        """
        luma = super_resolve(model, self._input)[0, 0]  # (h', w')
        return to_uint8(luma.nan_to_num(0).clamp(0, 1).numpy())[self._inner]

    def take(self, model: nn.Module) -> int:
        """Keep what the network makes of the detail, and call it the latest.

        Parameters
        ----------
        model : torch.nn.Module
            (1, 1, h, w) to the same.

        Returns
        -------
        int
            The frame's number, to find it by.
        """
        pixels = self.latest = self.render(model)
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self.folder.glob("*.npy")))
        stream = io.BytesIO()
        np.save(stream, pixels)
        write_atomically(self.folder / f"{number}.npy", stream.getvalue())
        return number

    def develop(self, taken: dict[int, int]) -> Frames:
        """Return the frames in order.

        Parameters
        ----------
        taken : dict of int to int
            Training step -> number of the frame taken then.

        Returns
        -------
        Frames
        """
        steps = tuple(sorted(taken))
        pictures = [np.load(self.folder / f"{taken[step]}.npy") for step in steps]
        return Frames(steps, np.stack(pictures), self.reference, self.bicubic)
