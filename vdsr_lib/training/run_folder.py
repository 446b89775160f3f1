"""The folder of a run, from which it goes on after any interruption.

``config.json`` says what determines the run. ``checkpoint.safetensors`` holds weights,
momentum, random states, the position in the epoch and the history so far: no pickle,
written aside, flushed to the disk and renamed, with a checksum of its own.
``history.jsonl`` is the log to read, a line an epoch; the checkpoint is what counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vdsr_lib._files import PARTIAL, from_home, write_atomically
from vdsr_lib.errors import RunError
from vdsr_lib.training.history import Row

__all__ = ["CONFIG", "Checkpoint", "RunFolder", "holds_run"]

CONFIG = "config.json"
"""The first file of a run."""

_CHECKPOINT = "checkpoint.safetensors"
_FORMAT = "vdsr-lib training checkpoint 1"
_AGAIN = "choose another run_dir, or delete this one to start again"


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a training run.

    Parameters
    ----------
    tensors : dict of str to torch.Tensor
        Weights, momentum, random states, running sums.
    state : dict
        JSON-ready: position, history, learning rate.
    """

    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


def holds_run(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder holds a run, begun or finished.

    Parameters
    ----------
    path : path-like
        The folder; it may be absent.

    Returns
    -------
    bool
    """
    return any(
        (from_home(path, RunError) / name).exists() for name in (CONFIG, _CHECKPOINT)
    )


class RunFolder:
    """One run's folder, held by one process at a time; use it as a context.

    Parameters
    ----------
    path : path-like
        The folder; made when absent.
    identity : dict
        JSON-ready: what determines the run. A checkpoint of another is refused.

    Raises
    ------
    RunError
        On entering: if another process holds the folder, or it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.path = from_home(path, RunError)
        self._identity = json.loads(json.dumps(identity))
        self._lock = FileLock(self.path / ".lock")
        self._saved_step: int | None = None

    @property
    def checkpoint_path(self) -> Path:
        """The file that holds the last checkpoint."""
        return self.path / _CHECKPOINT

    def __enter__(self) -> RunFolder:
        """Take hold of the folder and clear away what a killed writer left."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RunError(
                f"another process is training in {self.path}: wait for it, stop it, or "
                "choose another run_dir"
            ) from None
        except OSError as error:
            raise RunError(f"cannot use {self.path} as run_dir: {error}") from error
        for leftover in self.path.glob(f"{PARTIAL}*"):
            leftover.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the folder go."""
        self._lock.release()

    def begin(
        self, *, resume: bool, provenance: Mapping[str, Any]
    ) -> Checkpoint | None:
        """Return the checkpoint to go on from, or note down a new run.

        Parameters
        ----------
        resume : bool
            Whether to go on with a run that is there; without one, begin.
        provenance : mapping
            JSON-ready: machine and precision, written beside the config.

        Returns
        -------
        Checkpoint or None
            None at the beginning of a run.

        Raises
        ------
        RunError
            If there is a run and `resume` is False, or its checkpoint is damaged,
            foreign, or of another config, network or set of patches.
        """
        if not resume and holds_run(self.path):
            raise RunError(
                f"{self.path} holds a run already: pass resume=True to go on with it, "
                "or choose another run_dir"
            )
        if self.checkpoint_path.exists():
            checkpoint = self._read()
            self._write_log(checkpoint.state["history"]["epochs"])
            return checkpoint
        text = json.dumps({**self._identity, **provenance}, indent=1) + "\n"
        self._write(self.path / CONFIG, text)
        self._write_log([])
        return None

    def append(self, row: Row) -> None:
        """Add a line to the log, and make sure that it is on the disk.

        Parameters
        ----------
        row : dict
            JSON-ready.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        path = self.path / "history.jsonl"
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise self._unwritten(path, error) from error

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint in one step, flushed to the disk.

        Parameters
        ----------
        checkpoint : Checkpoint
            ``state["step"]`` is named in errors.

        Raises
        ------
        RunError
            If it cannot be written, for instance on a full disk; the checkpoint
            before is then still there.
        """
        tensors = {  # copies: safetensors refuses two names of one memory
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in checkpoint.tensors.items()
        }
        state = json.dumps({"identity": self._identity, **checkpoint.state})
        metadata = {
            "format": _FORMAT,
            "state": state,
            "sha256": _checksum(tensors, state),
        }
        self._write(self.checkpoint_path, save(tensors, metadata))
        self._saved_step = checkpoint.state["step"]

    def _read(self) -> Checkpoint:
        """Return the checkpoint, or refuse it and say why."""
        path = self.checkpoint_path
        try:
            with safe_open(path, framework="pt") as stream:
                metadata = stream.metadata() or {}
                names = list(stream.keys())
                # Copies: the originals may be windows into the file itself.
                tensors = {name: stream.get_tensor(name).clone() for name in names}
        except (SafetensorError, OSError, ValueError) as error:
            raise RunError(f"{path} is damaged ({error}): {_AGAIN}") from error
        if metadata.get("format") != _FORMAT:
            raise RunError(f"{path} is no checkpoint of a training run: {_AGAIN}")
        text = metadata.get("state", "")
        if metadata.get("sha256") != _checksum(tensors, text):
            raise RunError(f"{path} is damaged (its checksum is wrong): {_AGAIN}")
        state = json.loads(text)
        self._check_identity(state.pop("identity"))
        self._saved_step = state["step"]
        return Checkpoint(tensors, state)

    def _check_identity(self, found: dict[str, Any]) -> None:
        """Refuse the checkpoint of a run that is determined by something else."""
        before, now = _flat(found), _flat(self._identity)
        differing = [
            f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differing:
            raise RunError(
                f"{self.checkpoint_path} is of another run: {'; '.join(differing)}. "
                "Resume with what it began with, or choose another run_dir"
            )

    def _write_log(self, rows: list[Row]) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self._write(self.path / "history.jsonl", lines)

    def _write(self, path: Path, content: bytes | str) -> None:
        try:
            write_atomically(path, content)
            _flush_folder(self.path)
        except OSError as error:
            raise self._unwritten(path, error) from error

    def _unwritten(self, path: Path, error: OSError) -> RunError:
        """Say what could not be written, and what is still good."""
        good = (
            "no checkpoint was written yet"
            if self._saved_step is None
            else f"the checkpoint of step {self._saved_step} is intact"
        )
        return RunError(
            f"{path} could not be written ({error.strerror or error}): training "
            f"stopped, {good}. Make room, then call again with resume=True"
        )


def _checksum(tensors: Mapping[str, torch.Tensor], state: str) -> str:
    """Return the sha256 over all that a checkpoint holds."""
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _flush_folder(path: Path) -> None:
    """Make a rename in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
