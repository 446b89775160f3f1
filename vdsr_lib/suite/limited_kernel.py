"""Start a kernel that cannot take the whole machine: for grading other people's code.

``python -m vdsr_lib.suite.limited_kernel -f FILE`` sets limits on memory, processor
time and the size of files, then becomes the usual kernel. They come from the
environment: VDSR_KERNEL_MEMORY (bytes of address space), VDSR_KERNEL_SECONDS (of
processor time), VDSR_KERNEL_FILE (bytes of one file); 0 sets none. This bounds
accidents. It is no sandbox: the code still runs with its user's rights.
"""

from __future__ import annotations

import os

__all__ = ["LIMITS", "limit", "main"]

LIMITS: dict[str, tuple[str, int]] = {
    "VDSR_KERNEL_MEMORY": ("RLIMIT_AS", 6 * 1024**3),
    "VDSR_KERNEL_SECONDS": ("RLIMIT_CPU", 600),
    "VDSR_KERNEL_FILE": ("RLIMIT_FSIZE", 64 * 1024**2),
}
"""Environment variable -> limit of the operating system, and its default."""


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
            resource.setrlimit(kind, (lowest, lowest))
            done[name] = lowest
    return done


def main() -> None:
    """Set the limits, and become an IPython kernel."""
    limit()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
