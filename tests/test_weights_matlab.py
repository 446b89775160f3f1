"""The authors' MATLAB files: their layouts by measurement, their format by scipy."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat
from torch import nn

from vdsr_lib.errors import WeightsError
from vdsr_lib.images import crop_to_multiple, degrade, read_picture, to_luma
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.weights import (
    import_matconvnet,
    import_srcnn,
    load_model,
    matfile,
    save_model,
)
from vdsr_lib.weights.matfile import parse_matlab

# --- MATLAB's layouts -----------------------------------------------------------------


def _cells(arrays: list[np.ndarray]) -> np.ndarray:
    cells = np.empty((1, len(arrays)), dtype=object)
    cells[0, :] = arrays
    return cells


def _matconvnet_arrays(
    rng: np.random.Generator, depth: int = 3, width: int = 4
) -> dict[str, list[np.ndarray]]:
    channels = [1, *[width] * (depth - 1), 1]
    return {
        "weight": [
            rng.normal(size=(3, 3, channels[i], channels[i + 1])) for i in range(depth)
        ],
        "bias": [rng.normal(size=(channels[i + 1], 1)) for i in range(depth)],
    }


def _write_matconvnet(path: Path, arrays: dict[str, list[np.ndarray]]) -> Path:
    if arrays["weight"][-1].shape[-1] == 1:  # MATLAB drops a last axis of 1
        arrays["weight"][-1] = arrays["weight"][-1].squeeze(-1)
    savemat(path, {"model": {key: _cells(value) for key, value in arrays.items()}})
    return path


def _correlate(image: np.ndarray, filters: np.ndarray, mode: str) -> np.ndarray:
    """MATLAB's imfilter / vl_nnconv on (C, H, W) with (H, W, in, out), by loops."""
    side = filters.shape[0]
    padding = [(0, 0), (side // 2,) * 2, (side // 2,) * 2]
    padded = np.pad(image, padding, mode=mode)
    height, width = image.shape[1:]
    result = np.zeros((filters.shape[3], height, width))
    for row in range(side):
        for column in range(side):
            shifted = padded[:, row : row + height, column : column + width]
            result += np.einsum("ihw,io->ohw", shifted, filters[row, column])
    return result


def test_matconvnet_filters_are_correlated_unturned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = _matconvnet_arrays(rng)
    image = expected = rng.uniform(size=(1, 9, 11))
    for index in range(3):
        expected = _correlate(expected, arrays["weight"][index], "constant")
        expected = expected + arrays["bias"][index][:, :, None]
        expected = expected.clip(0) if index < 2 else expected
    path = _write_matconvnet(tmp_path / "net.mat", arrays)
    for residual in (True, False):
        network = import_matconvnet(path, residual=residual).double()
        output = network(torch.from_numpy(image)[None])[0].detach().numpy()
        wanted = expected + image if residual else expected
        np.testing.assert_allclose(output, wanted, rtol=1e-5, atol=1e-5)


def _srcnn_arrays(rng: np.random.Generator, kernel: int = 3) -> dict[str, np.ndarray]:
    """Return a random SRCNN 9-kernel-5 of widths 4 and 3, in the .mat layout."""
    sizes = {"weights_conv1": (81, 4), "weights_conv3": (3, 25)}
    sizes |= {"weights_conv2": (4, kernel**2, 3)}
    sizes |= {"biases_conv1": (4, 1), "biases_conv2": (3, 1), "biases_conv3": (1, 1)}
    return {name: 0.2 * rng.normal(size=size) for name, size in sizes.items()}


@pytest.mark.parametrize("kernel", [1, 3])
def test_srcnn_patches_are_rolled_by_columns(tmp_path: Path, kernel: int) -> None:
    """As in the authors' test code: reshape by columns, imfilter with replicate."""
    rng = np.random.default_rng(1)
    arrays = _srcnn_arrays(rng, kernel)
    savemat(tmp_path / "net.mat", arrays)
    filters = [
        arrays["weights_conv1"].reshape(9, 9, 1, 4, order="F"),
        np.stack(
            [
                arrays["weights_conv2"][i].reshape(kernel, kernel, 3, order="F")
                for i in range(4)
            ],
            axis=2,
        ),
        np.stack(
            [row.reshape(5, 5, 1, order="F") for row in arrays["weights_conv3"]], axis=2
        ),
    ]
    image = expected = rng.uniform(size=(1, 10, 12))
    for index, each in enumerate(filters, start=1):
        expected = _correlate(expected, each, "edge")
        expected = expected + arrays[f"biases_conv{index}"][:, :, None]
        expected = expected.clip(0) if index < 3 else expected
    network = import_srcnn(tmp_path / "net.mat").double()
    output = network(torch.from_numpy(image)[None])[0].detach().numpy()
    assert network.kernels == (9, kernel, 5)
    assert network.widths == (4, 3)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)


def _psnr(reference: np.ndarray, estimate: np.ndarray, border: int) -> float:
    """8-bit PSNR of luma in [0, 1], written out so as to lean on nothing of ours."""
    inner = slice(border, -border)
    error = np.rint(255 * reference) - np.rint(255 * estimate).clip(0, 255)
    return float(10 * np.log10(255**2 / np.mean(error[inner, inner] ** 2)))


def _butterfly(oracles: Path, network: nn.Module, part: slice) -> tuple[float, float]:
    """PSNR of the network and of bicubic on MATLAB's own butterfly, x2."""
    pictures = np.load(oracles / "matlab_imresize_butterfly.npz")
    truth, ilr = (pictures[f"butterfly_2_{kind}"][part, part] for kind in ("hr", "up"))
    ilr = ilr.clip(16 / 255, 235 / 255)
    with torch.no_grad():
        output = network(torch.from_numpy(ilr).float()[None, None])[0, 0]
    return _psnr(truth, output.double().numpy(), 2), _psnr(truth, ilr, 2)


def test_the_public_vdsr_is_read_the_right_way_round(oracles: Path) -> None:
    """The value is this reader's own, taken when it gave the published means.

    On Set5 those are 37.547, 33.665, 31.310 dB. Transposed filters give 34.537 dB
    here, filters turned by 180 degrees 34.583 dB.
    """
    network = import_matconvnet(oracles / "VDSR_Adam.mat")
    assert network.architecture == VDSR().architecture
    ours, bicubic = _butterfly(oracles, network, slice(None))
    assert bicubic == pytest.approx(27.432, abs=0.001)
    assert ours == pytest.approx(34.612, abs=0.005)


@pytest.mark.datasets
def test_the_authors_srcnn_scores_on_set5_what_it_should(
    oracles: Path, real_data: Path
) -> None:
    """36.342 dB, SSIM 0.9521: the published weights under the paper's protocol.

    Transposed filters give 36.338, turned ones 36.349, both 36.355 dB.
    """
    network = import_srcnn(oracles / "SRCNN_915_T91_x2.mat")
    assert network.architecture == SRCNN().architecture
    scores = []
    for path in sorted((real_data / "set5").glob("*_GT.bmp")):
        truth = crop_to_multiple(to_luma(read_picture(path).pixels), 2)
        ilr = torch.from_numpy(degrade(truth / 255, 2)).float()
        with torch.no_grad():
            output = 255 * network(ilr[None, None])[0, 0].double().numpy()
        estimate = np.rint(output).clip(0, 255).astype(np.uint8)
        scores.append(
            (psnr(truth, estimate, border=2), ssim(truth, estimate, border=2))
        )
    assert len(scores) == 5
    assert np.mean(scores, axis=0) == pytest.approx([36.342, 0.9521], abs=0.001)


def test_float16_storage_moves_the_public_vdsr_by_less_than_0_005_db(
    oracles: Path, tmp_path: Path
) -> None:
    network = import_matconvnet(oracles / "VDSR_Adam.mat")
    path = save_model(network, tmp_path / "n.safetensors", dtype=torch.float16)
    middle = slice(64, 160)
    whole, _ = _butterfly(oracles, network, middle)
    half, _ = _butterfly(oracles, load_model(path), middle)
    assert abs(whole - half) < 0.005
    assert path.stat().st_size < 1_350_000


# --- bad MATLAB files -----------------------------------------------------------------


def _without(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        arrays = _srcnn_arrays(np.random.default_rng(0))
        del arrays[name]
        savemat(path, arrays)

    return write


def _changed(name: str, value: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        savemat(path, _srcnn_arrays(np.random.default_rng(0)) | {name: value})

    return write


BAD_SRCNN = {
    "gone": (lambda p: None, "does not exist"),
    "text": (lambda p: p.write_text("weights " * 99), "header is none of MATLAB 5"),
    "version 7.3": (
        lambda p: p.write_bytes(
            b"MATLAB 7.3 MAT-file".ljust(124)
            + b"\x00\x02IM"
            + bytes(384)
            + b"\x89HDF\r\n\x1a\n"
        ),
        r"is a MATLAB file of version 7\.3; save it again .*'-v7'",
    ),
    "no conv2": (_without("weights_conv2"), "has no variable 'weights_conv2'"),
    "no bias": (_without("biases_conv3"), "has no variable 'biases_conv3'"),
    "text inside": (_changed("biases_conv1", "four"), "is not numeric"),
    "nan": (_changed("biases_conv1", np.full((4, 1), np.nan)), "is NaN or infinite"),
    "too large for float32": (
        _changed("biases_conv1", np.full((4, 1), 1e300)),
        "is NaN or infinite",
    ),
    "axes": (_changed("weights_conv1", np.ones((9, 9, 4))), "2, 3 and 2 axes, got"),
    "no square": (_changed("weights_conv1", np.ones((80, 4))), "80 weights make no sq"),
    "even": (_changed("weights_conv1", np.ones((64, 4))), "no such network: .* odd"),
    "bias": (
        _changed("biases_conv2", np.ones((5, 1))),
        r"the bias of layer 2 has shape \(5,\), where \(3,\) belongs",
    ),
    "chain": (
        _changed("weights_conv3", np.ones((7, 25))),
        r"the weight of layer 3 has shape \(1, 7, 5, 5\), where \(1, 3, 5, 5\) belongs",
    ),
}


@pytest.mark.parametrize("cause", BAD_SRCNN)
def test_a_bad_srcnn_file_is_refused(cause: str, tmp_path: Path) -> None:
    write, sentence = BAD_SRCNN[cause]
    write(tmp_path / "net.mat")
    with pytest.raises(WeightsError, match=rf"net\.mat.*{sentence}") as info:
        import_srcnn(tmp_path / "net.mat")
    assert "\n" not in str(info.value)


def _vdsr_with(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def write(path: Path) -> object:
        arrays = _matconvnet_arrays(np.random.default_rng(0))
        change(arrays)
        return _write_matconvnet(path, arrays)

    return write


BAD_VDSR = {
    "truncated": (
        lambda p: p.write_bytes(
            _write_matconvnet(
                p, _matconvnet_arrays(np.random.default_rng(0))
            ).read_bytes()[:-900]
        ),
        "or a damaged one",
    ),
    "srcnn": (
        lambda p: savemat(p, _srcnn_arrays(np.random.default_rng(0))),
        "has no variable 'model': another layout",
    ),
    "no struct": (lambda p: savemat(p, {"model": 1.0}), "has no field 'weight'"),
    "no field": (
        lambda p: savemat(p, {"model": {"weight": _cells([np.ones((3, 3))] * 2)}}),
        "has no field 'bias'",
    ),
    "no cells": (
        lambda p: savemat(p, {"model": {"weight": np.ones(3), "bias": np.ones(3)}}),
        "weight must be a cell array",
    ),
    "one bias too few": (
        _vdsr_with(lambda a: a["bias"].pop()),
        "this file has 3 weights and 2 biases",
    ),
    "one layer": (
        _vdsr_with(lambda a: a.update(weight=a["weight"][:1], bias=a["bias"][:1])),
        "two layers or more, this file has 1 weights",
    ),
    "5x5": (
        _vdsr_with(lambda a: a["weight"].__setitem__(1, np.ones((5, 5, 4, 4)))),
        r"is \(3, 3, in, out\), this file has \(5, 5, 4, 4\)",
    ),
    "five axes": (
        _vdsr_with(lambda a: a["weight"].__setitem__(1, np.ones((3, 3, 4, 4, 2)))),
        r"is \(3, 3, in, out\), this file has \(3, 3, 4, 4, 2\)",
    ),
    "chain": (
        _vdsr_with(lambda a: a["weight"].__setitem__(1, np.ones((3, 3, 4, 6)))),
        r"weight of layer 2 has shape \(6, 4, 3, 3\), where \(4, 4, 3, 3\) belongs",
    ),
    "no maps": (
        _vdsr_with(lambda a: a["weight"].__setitem__(0, np.ones((3, 3, 1, 0)))),
        "no such network: width must be at least 1, got 0",
    ),
    "text inside": (
        _vdsr_with(lambda a: a["bias"].__setitem__(1, "four")),
        "is not numeric",
    ),
}


@pytest.mark.parametrize("cause", BAD_VDSR)
def test_a_bad_vdsr_file_is_refused(cause: str, tmp_path: Path) -> None:
    write, sentence = BAD_VDSR[cause]
    write(tmp_path / "net.mat")
    with pytest.raises(WeightsError, match=rf"net\.mat.*{sentence}") as info:
        import_matconvnet(tmp_path / "net.mat")
    assert "\n" not in str(info.value)


def test_import_draws_no_random_number_and_gives_parameters(tmp_path: Path) -> None:
    path = _write_matconvnet(
        tmp_path / "net.mat", _matconvnet_arrays(np.random.default_rng(0))
    )
    before = torch.random.get_rng_state()
    network = import_matconvnet(path)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(p.requires_grad and p.is_contiguous() for p in network.parameters())
    assert not network.training
    stored = loadmat(path)["model"][0, 0]["weight"][0, 1]
    found = network.body[2].weight[3, 2, 0, 1].item()
    assert found == pytest.approx(float(stored[0, 1, 2, 3]))


# --- the file format ------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
)
def test_numbers_are_read_as_scipy_wrote_them(
    dtype: str, compressed: bool, tmp_path: Path
) -> None:
    for shape in [(1, 1), (3, 2), (2, 3, 4), (3, 3, 1, 5), (0, 3)]:
        array = (100 * np.random.default_rng(0).uniform(size=shape)).astype(dtype)
        savemat(tmp_path / "a.mat", {"array": array}, do_compression=compressed)
        found = parse_matlab((tmp_path / "a.mat").read_bytes())["array"]
        assert found.dtype == dtype
        assert found.shape == shape
        np.testing.assert_array_equal(found, array)


def test_structs_cells_and_what_is_none_of_them(tmp_path: Path) -> None:
    content = {
        "net": {
            "weight": _cells([np.eye(2), np.ones((1, 3))]),
            "name": "a longer text",
        },
        "true": np.array([[True, False]]),
        "complex": np.array([[1j]]),
        "many": np.array([(1,), (2,)], dtype=[("x", "f8")]),
        "empty": np.empty((0, 0), dtype=object),
    }
    savemat(tmp_path / "a.mat", content)
    found = parse_matlab((tmp_path / "a.mat").read_bytes())
    assert list(found) == list(content)
    np.testing.assert_array_equal(found["net"]["weight"][0], np.eye(2))
    np.testing.assert_array_equal(found["net"]["weight"][1], np.ones((1, 3)))
    np.testing.assert_array_equal(found["true"], [[1, 0]])
    assert found["net"]["name"] is found["complex"] is found["many"] is None
    assert found["empty"] == []


@pytest.mark.parametrize("name", ["VDSR_Adam.mat", "SRCNN_915_T91_x2.mat"])
def test_public_files_are_read_as_scipy_reads_them(oracles: Path, name: str) -> None:
    ours, theirs = parse_matlab((oracles / name).read_bytes()), loadmat(oracles / name)
    if "model" in ours:
        cells = theirs["model"][0, 0]
        pairs = [
            (each, other)
            for field in ("weight", "bias")
            for each, other in zip(
                ours["model"][field], cells[field].ravel(), strict=True
            )
        ]
    else:
        pairs = [(value, theirs[key]) for key, value in ours.items()]
    assert len(pairs) == (40 if "model" in ours else 6)
    for each, other in pairs:
        assert each.dtype == other.dtype
        np.testing.assert_array_equal(each, other)


def _element(kind: int, inner: bytes, order: str = ">") -> bytes:
    return struct.pack(f"{order}II", kind, len(inner)) + inner + bytes(-len(inner) % 8)


def _file(*elements: bytes, order: str = ">") -> bytes:
    mark = b"\x01\x00MI" if order == ">" else b"\x00\x01IM"
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(elements)


def _double(order: str, *shape: int, values: tuple[float, ...] = (1.5, -2.0)) -> bytes:
    """Return a double array named "a", written by hand after MathWorks' description."""
    return _element(
        14,
        _element(6, struct.pack(f"{order}II", 6, 0), order)
        + _element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + _element(1, b"a", order)
        + _element(9, struct.pack(f"{order}{len(values)}d", *values), order),
        order,
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    found = parse_matlab(_file(_double(order, 1, 2), order=order))
    assert found["a"].tolist() == [[1.5, -2.0]]


def _packed(content: bytes) -> bytes:
    """A compressed element, which is not padded."""
    return struct.pack(">II", 15, len(content)) + content


def _deep_cells(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = (
            _element(6, struct.pack(">II", 1, 0))
            + _element(5, struct.pack(">ii", 1, 1))
            + _element(1, b"")
            + _element(14, inner)
        )
    return _element(14, inner)


BROKEN = {
    "empty": (b"", "header is none of MATLAB 5 to 7"),
    "version 4": (struct.pack("<5I", 0, 2, 2, 0, 2) + b"a\0" + bytes(150), "header is"),
    "cut": (_file(_double(">", 1, 2)[:-5]), "it ends too early"),
    "a size beyond the end": (_file(struct.pack(">II", 14, 2**31)), "ends too early"),
    "too few numbers": (_file(_double(">", 3, 3)), r"2 numbers for the shape \[3, 3\]"),
    "a negative side": (_file(_double(">", -1, -2)), "impossible shape"),
    "one axis": (_file(_double(">", 2)), "impossible shape"),
    "sides to fill the memory": (
        _file(_double(">", *[2**31 - 1] * 9)),
        "2 numbers for the shape",
    ),
    "unknown numbers": (
        _file(_double(">", 1, 2).replace(struct.pack(">II", 9, 16),
                                         struct.pack(">II", 99, 16))),
        "unknown type of number, 99",
    ),
    "no flags": (_file(_element(14, _element(6, b""))), "lacks a number"),
    "endless cells": (_file(_deep_cells(5000)), "too deeply"),
    "packed garbage": (_file(_packed(b"garbage")), "compressed part is damaged"),
    "packed and cut": (
        _file(_packed(zlib.compress(_double(">", 1, 2))[:-9])),
        "compressed part is cut off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", BROKEN)
def test_a_broken_file_is_a_value_error(cause: str) -> None:
    content, sentence = BROKEN[cause]
    with pytest.raises(ValueError, match=sentence):
        parse_matlab(content)


def test_a_decompression_bomb_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matfile, "LARGEST", 10_000)
    bomb = _file(_packed(zlib.compress(bytes(1_000_000))))
    assert len(bomb) < 10_000
    with pytest.raises(ValueError, match="cut off, or too large"):
        parse_matlab(bomb)
    with pytest.raises(ValueError, match="it is larger than"):
        parse_matlab(bytes(10_001))


def test_depths_that_matlab_writes_are_read() -> None:
    assert parse_matlab(_file(_deep_cells(3)))[""][0][0][0].shape == (0, 0)


@pytest.mark.parametrize("reader", [import_matconvnet, import_srcnn])
def test_random_damage_is_refused_or_harmless(
    reader: Callable[[Path], nn.Module], tmp_path: Path
) -> None:
    """scipy's reader ends the whole process on some of such files."""
    rng = np.random.default_rng(0)
    path = tmp_path / "net.mat"
    if reader is import_srcnn:
        savemat(path, _srcnn_arrays(rng), do_compression=True)
    else:
        _write_matconvnet(path, _matconvnet_arrays(rng))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refusals = []
    for _ in range(300):
        damaged = whole.copy()
        places = rng.integers(120, rng.choice([900, damaged.size]), size=4)
        damaged[places] = rng.integers(256, size=4)
        path.write_bytes(damaged.tobytes())
        try:
            reader(path)
        except WeightsError as error:
            refusals.append(str(error))
    assert len(refusals) > 150
    assert all("net.mat" in text and "\n" not in text for text in refusals)
