"""What runs work with: pictures, patches and validators, each made once and shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from vdsr_lib._files import user_data_dir
from vdsr_lib.datasets import EMBEDDED, dataset_names, identify, load_images, verify
from vdsr_lib.datasets.loading import fetch_command
from vdsr_lib.errors import DataError
from vdsr_lib.evaluation import Validator, evaluate, validator
from vdsr_lib.patches import PatchSet

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from vdsr_lib.experiments.declare import Pictures, Run

__all__ = ["Material", "middle"]


def middle(image: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    """Return the square in the middle of a picture.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array
        The picture.
    side : int or None
        Side of the square in pixels. None, or more than the picture has, keeps all.

    Returns
    -------
    array
        A view, not a copy.
    """
    if side is None:
        return image
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


class Material:
    """Pictures, patches and validators for the runs of one experiment.

    Parameters
    ----------
    device : torch.device
        Where patches and validation pictures are kept.
    verified : bool
        Whether the files of known sets are compared with their checksums first, as
        they must be where scores are published.
    """

    def __init__(self, device: torch.device, *, verified: bool = False) -> None:
        self.device, self.verified = device, verified
        self._images: dict[str, dict[str, NDArray[np.uint8]]] = {}
        self._validators: dict[tuple[Pictures, str], Validator] = {}
        self._bicubic: dict[tuple[Pictures, str], pd.DataFrame] = {}
        self._patches: tuple[tuple[object, ...], PatchSet] | None = None

    def require(self, runs: tuple[Run, ...], *, tests: bool = True) -> None:
        """Read every data set that some runs need, before any of them begins.

        Parameters
        ----------
        runs : tuple of Run
            The runs to come.
        tests : bool
            Whether their test pictures are needed too.

        Raises
        ------
        DataError
            If a set is absent; the text says how to get it.
        """
        for run in runs:
            tested = [each.dataset for each in run.test] if tests else []
            watched = [run.watch.dataset] if run.watch else []
            for dataset in (*run.train_on, run.validate.dataset, *tested, *watched):
                self.images(dataset)

    def images(self, dataset: str) -> dict[str, NDArray[np.uint8]]:
        """Return a data set's pictures by name, uint8; of a folder those of now."""
        known = identify(dataset)
        if known not in self._images:
            if self.verified:
                _refuse_altered(dataset)
            self._images[known] = load_images(dataset)
        return self._images[known]

    def patches(self, run: Run) -> PatchSet:
        """Return a run's training patches; those of the run before are forgotten."""
        sources = tuple(map(identify, run.train_on))
        wanted = (sources, run.scales, run.patch_size, run.stride, run.augment)
        if self._patches is None or self._patches[0] != wanted:
            self._patches = None  # the old ones go before the new ones come
            pictures = [i for name in run.train_on for i in self.images(name).values()]
            made = PatchSet.from_images(
                pictures,
                run.scales,
                patch_size=run.patch_size,
                stride=run.stride,
                augment=run.augment,
                device=self.device,
            )
            self._patches = wanted, made
        return self._patches[1]

    def validator(self, pictures: Pictures) -> Validator:
        """Return the call that measures a network on some pictures."""
        known = pictures, identify(pictures.dataset)
        if known not in self._validators:
            images = self.measured(pictures)
            made = validator(images, pictures.scales, self.device)
            self._validators[known] = made
        return self._validators[known]

    def bicubic(self, pictures: Pictures) -> pd.DataFrame:
        """Return bicubic interpolation's scores on some pictures."""
        known = pictures, identify(pictures.dataset)
        if known not in self._bicubic:
            images = self.measured(pictures)
            self._bicubic[known] = evaluate("bicubic", images, pictures.scales)
        return self._bicubic[known]

    def measured(self, pictures: Pictures) -> Mapping[str, NDArray[np.uint8]]:
        """Return those pictures that are measured: whole, or their middle."""
        images = pictures.chosen(list(self.images(pictures.dataset).items()))
        return {name: middle(image, pictures.crop) for name, image in images}


def _refuse_altered(dataset: str) -> None:
    """Raise DataError if files of a downloadable set are not those it is made of."""
    name = dataset.lower()
    if name in EMBEDDED or name not in dataset_names():
        return
    if wrong := verify(name)["wrong"]:
        more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
        raise DataError(
            f"{wrong[0]}{more}: not the published file (its sha256 differs), so no "
            f"score of it is recorded; '{fetch_command(name, user_data_dir())}' gets it"
        )
