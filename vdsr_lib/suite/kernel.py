"""One Jupyter kernel for one lesson: this very interpreter, untouched by the user's.

A ``python3`` kernelspec in the user's Jupyter folder may start another Python, and
files in ``~/.ipython`` may change what the kernel does. So each kernel gets fresh
Jupyter and IPython folders and a kernelspec of its own. It runs in a session of its
own: Ctrl-C does not reach it, and it ends with all its children, those in a session
of their own, too. A daemon, whose parent has ended, is nobody's child, and stays.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Kernel"]

_PROFILE = """\
c.IPKernelApp.log_level = 40  # ipykernel 7 warns about TCP at each start
"""


class Kernel:
    """A kernel of the running interpreter, started and ended by hand.

    Parameters
    ----------
    cwd : path-like
        The kernel's working directory.
    environment : mapping, optional
        Variables added to this process's own.

    Attributes
    ----------
    manager : jupyter_client.AsyncKernelManager
        What papermill is given.
    pid : int
        The kernel's process id, once `start` has returned.
    peak_memory : int
        Bytes; the highest resident memory that `sample` has seen.
    cpu_seconds : float
        Processor time that the kernel and its children had taken at the last `sample`.
    last_words : str
        The last line that the process itself wrote, known after `close`.
    """

    def __init__(
        self,
        cwd: str | os.PathLike[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        from jupyter_client import AsyncKernelManager
        from jupyter_client.kernelspec import KernelSpecManager

        self._folder = tempfile.TemporaryDirectory(
            prefix="vdsr-kernel-", ignore_cleanup_errors=True
        )
        folder = Path(self._folder.name)
        _write_kernelspec(folder, environment or {})
        self._cwd = str(cwd)
        self._log_file = folder / "kernel.log"
        self.manager: Any = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(
                kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False
            ),
            connection_file=str(folder / "connection.json"),
        )
        self.pid = 0
        self.peak_memory = 0
        self.cpu_seconds = 0.0
        self.last_words = ""
        self._killed = False

    def start(self) -> None:
        """Start the process; that it answers is for papermill to find out."""
        from jupyter_core.utils import run_sync

        with self._log_file.open("wb") as log:
            run_sync(self.manager.start_kernel)(
                cwd=self._cwd,
                extra_arguments=["--HistoryManager.hist_file=:memory:"],
                stdout=log,
                stderr=log,
            )
        self.pid = self.manager.provisioner.pid
        if self._killed:  # while the process was starting
            self.kill()

    def sample(self) -> None:
        """Take note of the resident memory and processor time of the process."""
        if self.pid:
            self.peak_memory = max(self.peak_memory, _resident(self.pid))
            self.cpu_seconds = max(self.cpu_seconds, _processor_time(self.pid))

    def kill(self) -> None:
        """End the process and its children at once; may be called at any time."""
        import psutil

        self._killed = True
        if not self.pid:
            return
        try:
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=5)

    def close(self) -> None:
        """Shut the kernel down and remove its folders; call from `start`'s thread."""
        from jupyter_core.utils import run_sync

        self.sample()
        try:
            self.kill()  # first: whose children they were, nobody knows afterwards
            if self.manager.has_kernel:
                run_sync(self.manager.shutdown_kernel)(now=True)
        finally:
            self.last_words = _last_line(self._log_file)
            self._folder.cleanup()


def _write_kernelspec(folder: Path, environment: Mapping[str, str]) -> None:
    """Write a kernelspec for this interpreter and an IPython profile, both fresh."""
    spec = folder / "kernels" / "python3"
    profile = folder / "ipython" / "profile_default"
    for path in (spec, profile):
        path.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text(_PROFILE)
    own = {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_PATH": ""}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        own[f"JUPYTER_{name}_DIR"] = str(folder / name.lower())
    own |= _python_path()
    kernel = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "env": own | dict(environment),
    }
    (spec / "kernel.json").write_text(json.dumps(kernel))


def _last_line(log: Path) -> str:
    """Return the last line of a log, empty if there is none."""
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def _python_path() -> dict[str, str]:
    """Return a PYTHONPATH with this very copy of the library, where it needs one."""
    here = Path(__file__).resolve().parents[2]
    if here.name in ("site-packages", "dist-packages"):
        return {}
    rest = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{here}{os.pathsep}{rest}" if rest else str(here)}


def _resident(pid: int) -> int:
    """Return a process's highest resident memory so far, in bytes (0: it is gone).

    Linux and Windows keep the peak; elsewhere it is the memory of this moment.
    """
    import psutil

    try:
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        info = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(getattr(info, "peak_wset", info.rss))


def _processor_time(pid: int) -> float:
    """Return the seconds that a process and its ended children took (0: it is gone)."""
    import psutil

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    parts = ("user", "system", "children_user", "children_system")
    return float(sum(getattr(times, part, 0.0) for part in parts))
