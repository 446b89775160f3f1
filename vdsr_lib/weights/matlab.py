"""Readers for the MATLAB weights files that the papers' authors published.

MATLAB's ``imfilter`` and MatConvNet correlate, as torch does, so no filter is turned;
only the order of the axes changes. The files are parsed as plain numbers: nothing in
them is unpickled or run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from vdsr_lib._files import from_home
from vdsr_lib.errors import WeightsError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.weights.loading import explain_foreign_file
from vdsr_lib.weights.matfile import parse_matlab

__all__ = ["import_matconvnet", "import_srcnn"]

Array = npt.NDArray[Any]
Network = TypeVar("Network", VDSR, SRCNN)


def import_matconvnet(path: str | os.PathLike[str], *, residual: bool = True) -> VDSR:
    """Read a VDSR from the .mat layout of its authors.

    Parameters
    ----------
    path : path-like
        A MATLAB file, version 7 or older, with a struct ``model`` of two cell arrays:
        ``model.weight``, one (3, 3, in, out) array a layer, and ``model.bias``.
    residual : bool
        Whether the layers predict the residual, as those of the published weights
        do; the file does not say.

    Returns
    -------
    VDSR
        Depth and width are the file's. float32, on the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is absent, not a MATLAB file, of version 7.3, or holds no chain of
        3x3 layers; the text says which.
    """
    path = from_home(path, WeightsError)
    model = _variable(_load(path), "model", path)
    weights = [_as_filters(each, path) for each in _cells(model, "weight", path)]
    biases = [np.ravel(each) for each in _cells(model, "bias", path)]
    if len(weights) != len(biases) or len(weights) < 2:
        raise WeightsError(
            f"{path}: a VDSR has a weight and a bias in each of two layers or more, "
            f"this file has {len(weights)} weights and {len(biases)} biases"
        )
    depth, width = len(weights), weights[0].shape[0]
    network = _blank(lambda: VDSR(depth, width, residual), path)
    _fill(network, weights, biases, path)
    return network


def import_srcnn(path: str | os.PathLike[str]) -> SRCNN:
    """Read an SRCNN from the .mat layout of its authors.

    Parameters
    ----------
    path : path-like
        A MATLAB file, version 7 or older, with ``weights_conv1`` (k1 * k1, n1),
        ``weights_conv2`` (n1, k2 * k2, n2), ``weights_conv3`` (n2, k3 * k3), each
        patch unrolled column by column, and ``biases_conv1`` to ``biases_conv3``.

    Returns
    -------
    SRCNN
        Kernels and widths are the file's. float32, on the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is absent, not a MATLAB file, of version 7.3, or does not hold
        these six arrays; the text says which.
    """
    path = from_home(path, WeightsError)
    content = _load(path)
    first, second, third, *biases = (
        _numbers(_variable(content, f"{kind}_conv{layer}", path), path)
        for kind in ("weights", "biases")
        for layer in (1, 2, 3)
    )
    if second.ndim == 2:  # MATLAB drops a last axis of 1
        second = second[..., None]
    if (first.ndim, second.ndim, third.ndim) != (2, 3, 2):
        raise WeightsError(
            f"{path}: weights_conv1 to 3 must have 2, 3 and 2 axes, got "
            f"{first.shape}, {second.shape} and {third.shape}"
        )
    weights = [
        _rolled(first.T[:, None], path),  # (n1, 1, k1, k1)
        _rolled(second.transpose(2, 0, 1), path),  # (n2, n1, k2, k2)
        _rolled(third[None], path),  # (1, n2, k3, k3)
    ]
    kernels = [array.shape[-1] for array in weights]
    widths = [array.shape[0] for array in weights[:-1]]
    network = _blank(lambda: SRCNN(kernels, widths), path)
    _fill(network, weights, [np.ravel(each) for each in biases], path)
    return network


def _load(path: Path) -> dict[str, Any]:
    """Parse a MATLAB file, or say in one sentence why that cannot be."""
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path} {problem}; a MATLAB weights file is wanted here")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if content[124:128] in (b"\x00\x02IM", b"\x02\x00MI"):
        raise WeightsError(
            f"{path} is a MATLAB file of version 7.3; save it again in MATLAB with "
            "save(file, '-v7')"
        )
    problem = explain_foreign_file(path) or ""
    if problem and "MATLAB" not in problem:
        raise WeightsError(f"{path} {problem}; refused, nothing was run")
    try:
        return parse_matlab(content)
    except ValueError as error:
        raise WeightsError(
            f"{path} is no MATLAB file, or a damaged one: {error}"
        ) from None


def _variable(content: dict[str, Any], name: str, path: Path) -> Any:
    if name not in content:
        raise WeightsError(f"{path} has no variable {name!r}: another layout")
    return content[name]


def _cells(model: Any, field: str, path: Path) -> list[Array]:
    """Return the arrays of a cell array that is a field of a 1x1 struct."""
    if not isinstance(model, dict) or field not in model:
        raise WeightsError(f"{path}: the variable model has no field {field!r}")
    if not isinstance(model[field], list):
        raise WeightsError(
            f"{path}: model.{field} must be a cell array, a cell a layer"
        )
    return [_numbers(each, path) for each in model[field]]


def _numbers(array: Any, path: Path) -> npt.NDArray[np.float32]:
    if not isinstance(array, np.ndarray):
        raise WeightsError(f"{path}: an array of weights or biases is not numeric")
    with np.errstate(over="ignore"):
        numbers: npt.NDArray[np.float32] = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise WeightsError(f"{path}: a weight or bias is NaN or infinite")
    return numbers


def _as_filters(array: Array, path: Path) -> Array:
    """Turn MatConvNet's (H, W, in, out) into torch's (out, in, H, W)."""
    while array.ndim < 4:  # MATLAB drops last axes of 1
        array = array[..., None]
    if array.ndim != 4 or array.shape[:2] != (3, 3):
        raise WeightsError(
            f"{path}: a layer of VDSR is (3, 3, in, out), this file has {array.shape}"
        )
    return array.transpose(3, 2, 0, 1)


def _rolled(unrolled: Array, path: Path) -> Array:
    """Turn (out, in, k * k), unrolled by columns, into (out, in, k, k)."""
    side = math.isqrt(unrolled.shape[-1])
    if side * side != unrolled.shape[-1]:
        raise WeightsError(f"{path}: {unrolled.shape[-1]} weights make no square patch")
    columns = unrolled.reshape(*unrolled.shape[:2], side, side)  # (out, in, W, H)
    return columns.swapaxes(2, 3)  # (out, in, H, W)


def _blank(make: Callable[[], Network], path: Path) -> Network:
    """Build a network without memory, until the shapes have been checked."""
    try:
        with torch.device("meta"):
            return make()
    except ValueError as error:
        raise WeightsError(f"{path} holds no such network: {error}") from None


def _fill(
    network: VDSR | SRCNN, weights: list[Array], biases: list[Array], path: Path
) -> None:
    """Give a network without memory its weights, after a check of their shapes."""
    found = [array for pair in zip(weights, biases, strict=True) for array in pair]
    wanted = network.state_dict()
    for number, (tensor, array) in enumerate(zip(wanted.values(), found, strict=True)):
        if array.shape != tuple(tensor.shape):
            raise WeightsError(
                f"{path}: the {('weight', 'bias')[number % 2]} of layer "
                f"{number // 2 + 1} has shape {array.shape}, where "
                f"{tuple(tensor.shape)} belongs"
            )
    tensors = [
        torch.from_numpy(np.array(array, np.float32, order="C")) for array in found
    ]
    network.load_state_dict(dict(zip(wanted, tensors, strict=True)), assign=True)
    network.eval()
