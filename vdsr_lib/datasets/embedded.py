"""The pictures that need no download: scikit-image's own, in two fixed sets.

The files are read straight from the installed package, never through functions that
could start a download, and each is checked against its sha256, so that the two sets
are the same pixels under every version of scikit-image. ``data/README.md`` gives the
reasons for the split; the tests measure that no scene is in both sets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.errors import DataError
from vdsr_lib.images import read_picture

__all__ = ["EMBEDDED", "EmbeddedPicture", "load_embedded"]


@dataclass(frozen=True)
class EmbeddedPicture:
    """One picture of scikit-image's wheel.

    Parameters
    ----------
    file : str
        Its name in ``skimage/data``.
    scene : str
        What is in front of the camera. Two pictures of one scene belong to one set.
    terms : str
        As scikit-image's documentation states them.
    sha256 : str
        The file's checksum, equal in scikit-image 0.25.0, 0.25.2 and 0.26.0.
    window : tuple of int, optional
        (top, left, height, width) of the part that is used; None for all of it.
    """

    file: str
    scene: str
    terms: str
    sha256: str
    window: tuple[int, int, int, int] | None = None

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.file.partition(".")[0]


_CC0 = "CC0"
_FREE = "no known copyright restrictions"
_PUBLIC = "public domain"

EMBEDDED: dict[str, tuple[EmbeddedPicture, ...]] = {
    "embedded-train": (
        EmbeddedPicture(
            "brick.png",
            "a brick wall",
            _CC0,
            "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        ),
        EmbeddedPicture(
            "grass.png",
            "a lawn from above",
            _CC0,
            "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
        ),
        EmbeddedPicture(
            "gravel.png",
            "gravel from above",
            _CC0,
            "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
        ),
        EmbeddedPicture(
            "hubble_deep_field.jpg",
            "galaxies, by the Hubble telescope",
            _PUBLIC,
            "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        ),
        EmbeddedPicture(
            "ihc.png",
            "stained tissue under a microscope",
            _FREE,
            "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
        ),
        EmbeddedPicture(
            "moon.png",
            "the surface of the Moon",
            "none stated",
            "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577",
        ),
        EmbeddedPicture(
            "motorcycle_left.png",
            "a motorcycle in a garage",
            "none stated",
            "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        ),
        EmbeddedPicture(
            "motorcycle_right.png",
            "a motorcycle in a garage",
            "none stated",
            "5fc913ae870e42a4b662314bc904d1786bcad8e2f0b9b67dba5a229406357797",
        ),
        EmbeddedPicture(
            "retina.jpg",
            "the back of a human eye",
            _CC0,
            "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
            window=(216, 216, 980, 980),
        ),
        EmbeddedPicture(
            "rocket.jpg",
            "a rocket on its pad",
            _PUBLIC,
            "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        ),
    ),
    "embedded-test": (
        EmbeddedPicture(
            "astronaut.png",
            "a woman in a space suit",
            _PUBLIC,
            "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        ),
        EmbeddedPicture(
            "camera.png",
            "a man with a camera on a lawn",
            _CC0,
            "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
        ),
        EmbeddedPicture(
            "chelsea.png",
            "a cat's face",
            _CC0,
            "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        ),
        EmbeddedPicture(
            "coffee.png",
            "a cup of coffee on a table",
            _CC0,
            "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        ),
        EmbeddedPicture(
            "coins.png",
            "ancient coins on a dark ground",
            _FREE,
            "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
        ),
    ),
}
"""The two embedded sets by name."""


def load_embedded(name: str) -> dict[str, NDArray[np.uint8]]:
    """Return one of the two embedded sets; nothing is downloaded.

    Parameters
    ----------
    name : str
        ``"embedded-train"`` or ``"embedded-test"``.

    Returns
    -------
    dict of str to (H, W, 3) array of uint8
        RGB in [0, 255]. A grey photograph comes with three equal channels: its luma
        then lies in [16, 235] as that of a colour picture does, the range to which
        the paper's protocol clamps what a network sees.

    Raises
    ------
    DataError
        If a file is absent or differs from what scikit-image's wheel ships.
    """
    return {picture.name: _load(picture) for picture in EMBEDDED[name]}


def _load(picture: EmbeddedPicture) -> NDArray[np.uint8]:
    """Read, check, cut out and colour one picture."""
    path = embedded_path(picture)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read, though scikit-image's wheel ships it "
            f"({error.strerror}): install scikit-image again"
        ) from error
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise DataError(
            f"{path} is not the picture that scikit-image 0.25 and 0.26 ship (its "
            "sha256 differs): install scikit-image again"
        )
    pixels = read_picture(content, name=picture.name).pixels
    if picture.window is not None:
        top, left, height, width = picture.window
        pixels = pixels[top : top + height, left : left + width].copy()
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, 2)


def embedded_path(picture: EmbeddedPicture) -> Path:
    """Return where the installed scikit-image keeps a picture, importing nothing."""
    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise DataError("scikit-image is not installed: pip install scikit-image")
    return Path(found.submodule_search_locations[0], "data", picture.file)
