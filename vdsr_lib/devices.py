"""Which device computes, in which precision, and on what machine a number was made.

The library chooses, and says what it chose in one line: `choose_precision` prints as
``bfloat16, channels_last, AMX-BF16`` on one CPU, and as ``float32: this CPU has no
bfloat16 instructions`` on another. Weights stay float32 everywhere: bfloat16 is only
the arithmetic inside the convolutions (mixed precision by autocast).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "AMX",
    "Precision",
    "as_current",
    "choose_precision",
    "describe_machine",
    "exact_convolutions",
    "resolve_device",
]

AMX = "AMX-BF16"
"""The `Precision.reason` of a CPU that multiplies whole tiles of matrices at once."""

_SUPPORTED = ("cpu", "cuda", "mps")
_OVERRIDES = ("auto", "bfloat16", "float32")
_switching = threading.Lock()
_found: list[Any] = []  # by each context of `exact_convolutions` that is open


@dataclass(frozen=True)
class Precision:
    """How convolutions are computed on a device; ``str()`` says it in one line.

    Parameters
    ----------
    dtype : torch.dtype
        ``torch.bfloat16`` (by autocast, on float32 weights) or ``torch.float32``.
    memory_format : torch.memory_format
        The layout in which activations and weights are kept.
    reason : str
        Why: the instructions found, what is missing, or "asked for".
    device_type : str
        "cpu", "cuda" or "mps".
    """

    dtype: torch.dtype
    memory_format: torch.memory_format
    reason: str
    device_type: str = "cpu"

    def __str__(self) -> str:
        """Return for example ``bfloat16, channels_last, AMX-BF16``."""
        if self.dtype is torch.float32:
            return f"float32: {self.reason}"
        layout = str(self.memory_format).removeprefix("torch.")
        return f"{str(self.dtype).removeprefix('torch.')}, {layout}, {self.reason}"

    def autocast(self, *, reuse: bool = True) -> AbstractContextManager[None]:
        """Return the context in which a forward pass runs in this precision.

        In float32 the context switches autocast off, also inside an outer one.

        Parameters
        ----------
        reuse : bool
            Whether weights that were rounded once are kept until the outermost
            context ends. Work that is recorded must round them each time.
        """
        enabled = self.dtype is not torch.float32
        dtype = self.dtype if enabled else torch.bfloat16
        return torch.autocast(
            self.device_type, dtype=dtype, enabled=enabled, cache_enabled=reuse
        )


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Return the torch device that a name stands for, and check that it is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" takes the first CUDA GPU if torch sees one, else the CPU; or "cpu",
        "cuda", "cuda:1", "mps".

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the name is unknown or torch sees no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = None
    if resolved is None or resolved.type not in _SUPPORTED:
        raise ValueError(
            f"device must be auto, cpu, cuda, cuda:N or mps, got {device!r}"
        )
    _check_present(resolved)
    return resolved


def _check_present(device: torch.device) -> None:
    """Raise ValueError where torch cannot use `device`."""
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ValueError(
                f"device '{device}' was asked for, but torch {torch.__version__} sees "
                f"{count} CUDA devices here; use device='auto' or 'cpu'"
            )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' needs an Apple GPU; use device='auto' or 'cpu'")


def as_current(device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which new streams and events are those of a device.

    Without it they are the first GPU's, and work on ``cuda:1`` would neither be
    recorded nor waited for.

    Parameters
    ----------
    device : torch.device
        Of any kind; only with a CUDA GPU the context does anything.

    Returns
    -------
    context manager
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Switch TF32 off inside the context: it rounds what a GPU multiplies to 10 bits.

    Torch has it on in convolutions: what is called float32 there is not, by default.
    The switch is the whole process's: of contexts that overlap, as those of several
    threads do, the last one to end puts it back.

    Yields
    ------
    None
    """
    cudnn = torch.backends.cudnn
    switch: tuple[Any, str, Any] = (cudnn, "allow_tf32", False)
    if hasattr(cudnn, "conv"):  # torch 2.9 and later
        switch = (cudnn.conv, "fp32_precision", "ieee")
    owner, name, exact = switch
    with _switching:
        _found.append(getattr(owner, name))
        setattr(owner, name, exact)
    try:
        yield
    finally:
        with _switching:
            before = _found.pop()
            if not _found:
                setattr(owner, name, before)


def choose_precision(
    device: str | torch.device = "auto", override: str = "auto"
) -> Precision:
    """Choose the arithmetic that is fastest on a device without moving the results.

    A CPU with AMX or AVX512-BF16 instructions, and a GPU of compute capability 8.0 or
    more, get bfloat16 autocast in the channels-last layout; everything else float32.

    Parameters
    ----------
    device : str or torch.device
        As for `resolve_device`.
    override : {"auto", "bfloat16", "float32"}
        Anything but "auto" is obeyed, also where it is slow.

    Returns
    -------
    Precision

    Raises
    ------
    ValueError
        If `override` is none of the three, or the device is not there.
    """
    resolved = resolve_device(device)
    if override not in _OVERRIDES:
        allowed = ", ".join(_OVERRIDES)
        raise ValueError(f"precision must be one of {allowed}, got {override!r}")
    found = _bfloat16_support(resolved)
    if override == "float32" or (override == "auto" and found is None):
        absent = f"this {_kind(resolved)} has no bfloat16 instructions"
        reason = "asked for" if override == "float32" else absent
        return Precision(
            torch.float32, _float32_layout(resolved), reason, resolved.type
        )
    reason = (
        found or f"asked for, though this {_kind(resolved)} has no such instructions"
    )
    return Precision(torch.bfloat16, torch.channels_last, reason, resolved.type)


def _kind(device: torch.device) -> str:
    return "CPU" if device.type == "cpu" else "GPU"


def _float32_layout(device: torch.device) -> torch.memory_format:
    """Return the faster layout for float32: oneDNN on a CPU blocks its own way."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def _bfloat16_support(device: torch.device) -> str | None:
    """Return the name of the bfloat16 hardware of `device`, or None."""
    if device.type == "cpu":
        return _cpu_bfloat16()
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.cuda.get_device_name(device)
    return None


@cache
def _cpu_bfloat16() -> str | None:
    """Return AMX, "AVX512-BF16" or None: torch's answer, else the kernel's."""
    flags = _cpu_flags()
    for label, flag, probe in (
        (AMX, "amx_bf16", "_is_amx_tile_supported"),
        ("AVX512-BF16", "avx512_bf16", "_is_avx512_bf16_supported"),
    ):
        ask = getattr(torch.cpu, probe, None)
        if ask() if ask is not None else flag in flags:
            return label
    return None


def _cpu_flags() -> frozenset[str]:
    """Return the instruction-set flags that Linux lists; empty elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def _cpuinfo(field: str) -> str:
    """Return the first value of a field of /proc/cpuinfo, or an empty string."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = (
        line.partition(":")[2].strip() for line in lines if line.startswith(field)
    )
    return next(values, "")


def describe_machine(
    device: str | torch.device | None = None,
) -> dict[str, str | int | float | None]:
    """Describe this machine, as provenance beside every number that is recorded.

    Parameters
    ----------
    device : str or torch.device, optional
        The device that computed; None is the same as "auto".

    Returns
    -------
    dict
        ``cpu`` (model name), ``cores`` (usable by this process), ``memory`` (GiB, None
        if unknown), ``device`` (name of the GPU, or "cpu"), ``torch``, ``python``,
        ``platform``, and ``commit`` (of this checkout, ending in ``-dirty`` when
        files of the package differ from it; the environment variable ``VDSR_COMMIT``
        where the files came without their checkout, else None). JSON-ready.
    """
    resolved = resolve_device("auto" if device is None else device)
    on_gpu = resolved.type == "cuda"
    return {
        "cpu": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": _usable_cores(),
        "memory": _memory_gib(),
        "device": torch.cuda.get_device_name(resolved) if on_gpu else resolved.type,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "commit": _commit(Path(__file__).resolve().parents[1]),
    }


def _usable_cores() -> int:
    """Return how many cores this process may use (a container may have fewer)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    """Return the machine's memory in GiB to one decimal, or None if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None
    return round(total / 2**30, 1)


def _commit(root: Path) -> str | None:
    """Return the commit of the checkout at `root`, or what we are told it is.

    It is marked where a tracked file of the package differs; others compute nothing.
    """
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return os.environ.get("VDSR_COMMIT") or None
    status = ["status", "--porcelain", "--untracked-files=no", "--", "vdsr_lib"]
    try:
        head, changed = (
            subprocess.run(  # noqa: S603
                [git, *arguments],
                cwd=root,
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], status)
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("-dirty" if changed else "")
