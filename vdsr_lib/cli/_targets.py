"""Files that a command writes, and that may be there already."""

from __future__ import annotations

from pathlib import Path

from vdsr_lib._files import require_writable

__all__ = ["require_target"]


def require_target(path: Path, *, replace: bool) -> None:
    """Refuse a file that cannot be written or must not be: before the work.

    Parameters
    ----------
    path : pathlib.Path
        The file that is to be written later.
    replace : bool
        Whether a file that is there may go: ``--force``.

    Raises
    ------
    ValueError
        If `path` exists, and may not be replaced.
    LabError
        If `path` is a folder, or nothing can be written there.
    """
    require_writable(path)
    if path.exists() and not replace:
        raise ValueError(f"{path} exists: choose another name, or pass --force")
