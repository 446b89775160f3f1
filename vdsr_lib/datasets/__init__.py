"""Data sets: embedded pictures, checked downloads, and any folder."""

from vdsr_lib.datasets.catalogue import (
    Composite,
    Source,
    SourceFile,
    composites,
    sources,
)
from vdsr_lib.datasets.checking import packed_parts, presence, verify
from vdsr_lib.datasets.download import fetch
from vdsr_lib.datasets.embedded import EMBEDDED, EmbeddedPicture
from vdsr_lib.datasets.loading import dataset_names, identify, load_images
from vdsr_lib.datasets.packing import pack

__all__ = [
    "EMBEDDED",
    "Composite",
    "EmbeddedPicture",
    "Source",
    "SourceFile",
    "composites",
    "dataset_names",
    "fetch",
    "identify",
    "load_images",
    "pack",
    "packed_parts",
    "presence",
    "sources",
    "verify",
]
