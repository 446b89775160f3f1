"""The benchmark sets of Table 3, as far as this machine has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from vdsr_lib.datasets import EMBEDDED, fetch, load_images, packed_parts, presence
from vdsr_lib.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images: TypeAlias = dict[str, NDArray[Any]]

__all__ = ["load_benchmarks"]


def load_benchmarks(
    names: str | Iterable[str] = ("Set5", "Set14", "B100", "Urban100"),
    *,
    download: bool = False,
    explain: Callable[[str], object] = print,
) -> dict[str, Images]:
    """Load the data sets that can be had, and say what is missing.

    Parameters
    ----------
    names : str or iterable of str
        Data sets as the paper writes them; by default those of Table 3.
    download : bool
        Whether to fetch a set that is not here. What is here is not fetched again,
        also where it is here as a pack.
    explain : callable
        Called with a sentence for each set that is missing: what it is, and how to
        get it.

    Returns
    -------
    dict of str to (dict of str to array of uint8)
        Name as given -> its pictures by name, without the sets that are missing.
    """
    found = {}
    for name in [names] if isinstance(names, str) else names:
        try:
            if download and not _is_here_packed(name):
                fetch(name)
            found[name] = load_images(name)
        except DataError as missing:
            explain(f"{name} is not measured: {missing}")
    return found


def _is_here_packed(name: str) -> bool:
    """Tell whether `fetch` would get the pictures of a set whose packs are here."""
    if name.lower() in EMBEDDED:
        return False
    here, count = presence(name)
    return here == count and bool(packed_parts(name))
