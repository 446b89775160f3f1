"""Start a kernel that cannot take the whole machine: for grading other people's code.

``python -m vdsr_lib.suite.limited_kernel -f FILE`` works on a copy of its folder, sets
limits, and becomes the usual kernel. The limits come from the environment; 0 sets none.
This bounds accidents. It is no sandbox: the code still has all rights of its user.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["LIMITS", "OUTPUT", "WALL", "limit", "main", "own_folder", "setting"]

LIMITS: dict[str, tuple[str, int]] = {
    "VDSR_KERNEL_MEMORY": ("RLIMIT_DATA", 3 * 1024**3),
    "VDSR_KERNEL_SECONDS": ("RLIMIT_CPU", 300),
    "VDSR_KERNEL_FILE": ("RLIMIT_FSIZE", 64 * 1024**2),
}
"""Environment variable -> limit of the operating system, and its default.

Bytes of private memory, seconds of processor time, bytes of one file. The memory is
what Linux counts as data: libraries do not count, of which a torch with CUDA has
gigabytes. macOS does not enforce it.
"""

WALL = ("VDSR_KERNEL_WALL", 1800)
"""Environment variable and default: seconds after which the kernel is ended."""

OUTPUT = ("VDSR_KERNEL_OUTPUT", 200_000)
"""Environment variable and default: characters that may be printed in all."""


def setting(variable: tuple[str, int]) -> int:
    """Return what the environment says of a limit.

    Parameters
    ----------
    variable : tuple
        Name and default, such as `WALL` or `OUTPUT`.

    Returns
    -------
    int
        The default, where it says nothing.
    """
    name, default = variable
    return int(os.environ.get(name, default))


def limit() -> dict[str, int]:
    """Set the limits on this process and what it starts.

    Returns
    -------
    dict of str to int
        What was set, by the name of the limit. Empty on Windows, which has none.
    """
    try:
        import resource
    except ImportError:
        return {}
    done = {}
    for variable, (name, default) in LIMITS.items():
        value = int(os.environ.get(variable, default))
        if value > 0:
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
            with suppress(OSError, ValueError):  # not every system has every limit
                resource.setrlimit(kind, (lowest, lowest))
                done[name] = lowest
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no gigabytes left by a crash
    return done


def own_folder() -> str:
    """Copy the working directory to a new temporary folder, and go there.

    What the code writes, or deletes, is the copy; files that are larger than it may
    write are left out. A second process waits until this one has ended, or ends it
    after `WALL` seconds, with everything it started that still belongs to its process
    group; then it removes the folder.

    Returns
    -------
    str
        The folder; empty where processes cannot be forked (Windows), and nothing
        was done.
    """
    if not hasattr(os, "fork"):
        return ""
    outer = Path(tempfile.mkdtemp(prefix="vdsr-graded-"))
    folder = outer / "course" / "work"  # a removed ".." is still in here
    shutil.copytree(".", folder, symlinks=True, ignore=_too_large)
    _leave_a_guard(outer, setting(WALL))
    os.chdir(folder)
    return str(folder)


def main() -> None:
    """Take a folder of its own, set the limits, and become an IPython kernel."""
    own_folder()
    limit()
    from vdsr_lib.suite.limited_output import LimitedKernelApp

    LimitedKernelApp.launch_instance(log_level=40)  # errors only


def _too_large(folder: str, names: list[str]) -> list[str]:
    """Return the files of a folder that are not copied."""
    most = setting(("VDSR_KERNEL_FILE", LIMITS["VDSR_KERNEL_FILE"][1]))
    return [n for n in names if 0 < most < (Path(folder) / n).lstat().st_size]


def _leave_a_guard(folder: Path, seconds: int) -> None:
    """Fork a process that outlives this one, and cleans up after it."""
    kernel, leads = os.getpid(), os.getpgid(0) == os.getpid()
    ended, held = os.pipe()  # `held` closes when this process ends, however it ends
    if os.fork():
        os.close(ended)
        return
    os.setsid()
    os.close(held)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    select.select([ended], [], [], seconds or None)
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if leads else os.kill)(kernel, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
