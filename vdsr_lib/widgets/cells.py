"""Which cell runs, whether somebody looks at it, and in which kernel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["kernel_id", "running_cell", "someone_looks"]


def running_cell() -> str:
    """Return the id of the request that the kernel works on.

    Returns
    -------
    str
        Empty outside a kernel.
    """
    return str(_request().get("header", {}).get("msg_id", ""))


def someone_looks() -> bool:
    """Return whether a person runs the present cell.

    Returns
    -------
    bool
        True where the one who asked for the cell would also answer a prompt: in
        JupyterLab and Notebook. False under papermill and nbconvert, in a terminal
        and in a script.
    """
    return bool(_request().get("content", {}).get("allow_stdin", False))


def kernel_id() -> str:
    """Return the id under which a Jupyter server knows this kernel.

    Returns
    -------
    str
        Empty outside a kernel, and where the kernel's connection file is not named
        as a server names it.
    """
    try:
        from ipykernel.connect import get_connection_file

        name = Path(get_connection_file()).stem
    except (ImportError, RuntimeError):
        return ""
    return name.removeprefix("kernel-") if name.startswith("kernel-") else ""


def _request() -> dict[str, Any]:
    """Return the message that runs the present cell; empty outside a kernel."""
    if "IPython" not in sys.modules:
        return {}
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return dict(kernel.get_parent("shell") or {}) if kernel is not None else {}
