"""Data sets: embedded pictures, checked downloads, and any folder."""

from vdsr_lib.datasets.catalogue import (
    Composite,
    Source,
    SourceFile,
    composites,
    sources,
)
from vdsr_lib.datasets.checking import presence, verify
from vdsr_lib.datasets.download import fetch
from vdsr_lib.datasets.embedded import EMBEDDED, EmbeddedPicture
from vdsr_lib.datasets.loading import dataset_names, load_images

__all__ = [
    "EMBEDDED",
    "Composite",
    "EmbeddedPicture",
    "Source",
    "SourceFile",
    "composites",
    "dataset_names",
    "fetch",
    "load_images",
    "presence",
    "sources",
    "verify",
]
