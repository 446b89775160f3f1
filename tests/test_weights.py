"""Weights files: written whole or not at all, read without trust."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from scipy.io import savemat
from torch import nn

from vdsr_lib.errors import WeightsError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.weights import (
    available_models,
    import_matconvnet,
    import_srcnn,
    load_model,
    network_on,
    read_card,
    save_model,
    shipped,
)
from vdsr_lib.weights.saving import METADATA_KEY, pack

CARD = {
    "recipe": {"epochs": 80, "learning_rate": 0.1},
    "data": "T91",
    "scores": {"Set5": {"x2": 37.062, "x3": 33.27}, "steps": 9960},
    "commit": "0123abc",
}


@pytest.fixture
def model() -> VDSR:
    return VDSR(3, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def saved(model: VDSR, tmp_path: Path) -> Path:
    return save_model(model, tmp_path / "small.safetensors", card=CARD)


def _same(first: nn.Module, second: nn.Module) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[key], theirs[key]) for key in ours
    )


# --- saved and loaded -----------------------------------------------------------------


@pytest.mark.parametrize(
    "original",
    [VDSR(3, 8), VDSR(2, 4, residual=False), SRCNN((9, 3, 5), (8, 4))],
    ids=repr,
)
def test_a_saved_network_comes_back_to_the_bit(
    original: VDSR | SRCNN, tmp_path: Path
) -> None:
    path = save_model(original, tmp_path / "net.safetensors")
    loaded = load_model(path)
    assert repr(loaded) == repr(original)
    assert not loaded.training
    assert _same(loaded, original)
    image = torch.rand(1, 1, 12, 12)
    assert torch.equal(loaded(image), original(image))


def test_a_loaded_network_can_be_trained_further(saved: Path) -> None:
    loaded = load_model(str(saved))
    loaded(torch.rand(1, 1, 9, 9)).sum().backward()
    assert all(p.grad is not None for p in loaded.parameters())


def test_loading_draws_no_random_number(saved: Path) -> None:
    before = torch.random.get_rng_state()
    load_model(saved)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_loaded_network_no_longer_needs_its_file(saved: Path, model: VDSR) -> None:
    loaded = load_model(saved)
    saved.write_bytes(bytes(saved.stat().st_size))
    assert _same(loaded, model)


def test_the_card_comes_back(saved: Path, model: VDSR) -> None:
    assert read_card(saved) == {**CARD, "architecture": model.architecture}


def test_numpy_and_torch_numbers_fit_into_a_card(model: VDSR, tmp_path: Path) -> None:
    scores = {"x2": np.float32(37.5), "x3": torch.tensor(33.5), "n": np.int64(5)}
    path = save_model(model, tmp_path / "n.safetensors", card={"scores": scores})
    assert read_card(path)["scores"] == {"x2": 37.5, "x3": 33.5, "n": 5}


def test_the_same_network_gives_the_same_file(saved: Path, model: VDSR) -> None:
    again = save_model(model, saved.with_name("again.safetensors"), card=CARD)
    assert again.read_bytes() == saved.read_bytes()


def test_float16_halves_the_file_and_keeps_11_bits(tmp_path: Path) -> None:
    original = VDSR(4, 16)
    whole = save_model(original, tmp_path / "f32.safetensors")
    half = save_model(original, tmp_path / "f16.safetensors", dtype=torch.float16)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loaded = load_model(half)
    for ours, theirs in zip(loaded.parameters(), original.parameters(), strict=True):
        assert ours.dtype is torch.float32
        assert torch.equal(ours, theirs.to(torch.float16).float())


def test_the_memory_layout_does_not_matter(model: VDSR, saved: Path) -> None:
    turned = model.to(memory_format=torch.channels_last)
    again = save_model(turned, saved.with_name("again.safetensors"), card=CARD)
    assert again.read_bytes() == saved.read_bytes()


def test_a_failed_save_leaves_the_old_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(VDSR(2, 4), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


class Halved(VDSR):
    """A network that the layers of a plain one do not make again."""

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        return super().forward(ilr) / 2


def _parametrized() -> VDSR:
    network = VDSR(2, 2)
    nn.utils.parametrizations.weight_norm(network.body[0])
    return network


def _wider() -> VDSR:
    network = VDSR(2, 2)
    network.body[0] = nn.Conv2d(1, 3, 3)
    return network


def _dilated() -> VDSR:
    network = VDSR(3, 2)
    network.body[2].dilation = network.body[2].padding = (2, 2)
    return network


def _leaky() -> VDSR:
    network = VDSR(2, 2)
    network.body[1] = nn.LeakyReLU(0.1)
    return network


@pytest.mark.parametrize(
    ("make", "options", "error", "sentence"),
    [
        (
            lambda: nn.Conv2d(1, 1, 3),
            {},
            TypeError,
            r"got Conv2d; save its state_dict\(\)",
        ),
        (lambda: Halved(2, 2), {}, TypeError, "a plain VDSR or SRCNN, got Halved"),
        (_parametrized, {}, TypeError, r"plain VDSR, .* changed: .*body\.0\.weight"),
        (_wider, {}, TypeError, r"changed: body\.0, body\.0\.bias, body\.0\.weight"),
        (_dilated, {}, TypeError, r"changed: body\.2; save its state_dict\(\)"),
        (_leaky, {}, TypeError, r"changed: body\.1; save its state_dict\(\)"),
        (
            lambda: nn.DataParallel(VDSR(2, 2)),
            {},
            TypeError,
            "a plain VDSR or SRCNN, got DataParallel",
        ),
        (lambda: VDSR(2, 2), {"dtype": torch.int8}, ValueError, "got torch.int8"),
        (lambda: VDSR(2, 2), {"card": {"x": {1, 2}}}, ValueError, "fit into JSON"),
        (lambda: VDSR(2, 2), {"card": {"x": float("nan")}}, ValueError, "into JSON"),
        (lambda: VDSR(2, 2), {"card": "T91"}, TypeError, "must be a mapping, got 'T91"),
        (
            lambda: VDSR(2, 2),
            {"card": {"architecture": {"name": "SRCNN"}}},
            ValueError,
            "the model card says .*SRCNN.*, the model is .*VDSR",
        ),
    ],
)
def test_save_refuses_with_a_sentence(make, options, error, sentence, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=sentence):
        save_model(make(), tmp_path / "net.safetensors", **options)
    assert not list(tmp_path.iterdir())


def test_a_relu_that_keeps_its_input_is_a_plain_one(tmp_path: Path) -> None:
    network = VDSR(2, 2)
    network.body[1].inplace = False
    assert _same(load_model(save_model(network, tmp_path / "net.safetensors")), network)


def test_save_wants_the_suffix(model: VDSR, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.safetensors, got .*net\.pth"):
        save_model(model, tmp_path / "net.pth")


@pytest.mark.parametrize(("value", "dtype"), [(np.nan, "32"), (1e6, "16")])
def test_save_refuses_values_that_are_not_finite(
    model: VDSR, tmp_path: Path, value: float, dtype: str
) -> None:
    nn.init.constant_(model.body[2].bias, value)
    with pytest.raises(WeightsError, match=rf"body\.2\.bias holds NaN .* float{dtype}"):
        save_model(
            model, tmp_path / "n.safetensors", dtype=getattr(torch, f"float{dtype}")
        )
    assert not list(tmp_path.iterdir())


# --- refused: one fixture a cause -----------------------------------------------------


class _Malicious:
    """A pickle that creates a file when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.witness,)


def _malicious_pickle(path: Path, witness: Path) -> None:
    path.write_bytes(pickle.dumps(_Malicious(witness)))


def _malicious_archive(path: Path, witness: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # as torch.save lays it out
        archive.writestr("net/data.pkl", pickle.dumps(_Malicious(witness), protocol=2))
        archive.writestr("net/version", "3\n")


@pytest.mark.parametrize("reader", [load_model, import_matconvnet, import_srcnn])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".mat"])
@pytest.mark.parametrize("write", [_malicious_pickle, _malicious_archive])
def test_a_pickle_is_refused_and_never_run(
    write: Callable[[Path, Path], None],
    suffix: str,
    reader: Callable[[Path], object],
    tmp_path: Path,
) -> None:
    path, witness = tmp_path / f"net{suffix}", tmp_path / "executed"
    write(path, witness)
    with pytest.raises(WeightsError, match=rf"net\{suffix} .*pickle.*nothing was run"):
        reader(path)
    assert not witness.exists()


def test_the_malicious_pickle_would_have_run(tmp_path: Path) -> None:
    """Without this, the test above could pass with a harmless fixture."""
    path, witness = tmp_path / "net.pt", tmp_path / "executed"
    _malicious_pickle(path, witness)
    pickle.loads(path.read_bytes())
    assert witness.exists()


def _like_a_pickle(model: VDSR) -> bytes:
    """A safetensors file may begin with 0x80 0x05, a pickle's first two bytes."""
    for padding in range(2000):
        card = {"architecture": model.architecture, "pad": "x" * padding}
        content = pack(model.state_dict(), card)
        if content[:2] == pickle.dumps(None, protocol=5)[:2]:
            return content
    raise AssertionError("no header of that length")


def test_a_header_that_looks_like_a_pickle_is_read(model: VDSR, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(_like_a_pickle(model))
    assert _same(load_model(path), model)


@pytest.mark.parametrize("lost", [7, 1000])
def test_a_truncated_file_is_not_called_a_pickle(
    model: VDSR, tmp_path: Path, lost: int
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(_like_a_pickle(model)[:-lost])
    with pytest.raises(WeightsError, match="no safetensors file, or a truncated one"):
        load_model(path)
    with pytest.raises(WeightsError, match="is no MATLAB file"):
        import_matconvnet(path)


def _rewrite(path: Path, card: object, tensors: dict[str, torch.Tensor]) -> None:
    """Write a file whose checksum is right, whatever else is wrong."""
    path.write_bytes(pack(tensors, card))  # type: ignore[arg-type]


def _with(model: VDSR, **changed: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """Return the weights with some replaced (body_0_weight=...) or dropped (None)."""
    state: dict[str, Any] = dict(model.state_dict())
    state |= {key.replace("_", "."): value for key, value in changed.items()}
    return {key: value for key, value in state.items() if value is not None}


def _card(**changed: object) -> dict[str, object]:
    architecture = {"name": "VDSR", "depth": 3, "width": 8, "residual": True}
    return {"architecture": architecture | changed}


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)


def _replace_metadata(path: Path, metadata: dict[str, str] | None) -> None:
    tensors = safetensors.torch.load(path.read_bytes())
    path.write_bytes(safetensors.torch.save(tensors, metadata))


DAMAGE: dict[str, tuple[Callable[[Path, VDSR], object], str]] = {
    "empty": (lambda p, m: p.write_bytes(b""), "is empty"),
    "text": (lambda p, m: p.write_text("hello, hello, hello"), "is no safetensors"),
    "truncated": (lambda p, m: p.write_bytes(p.read_bytes()[:-7]), "or a truncated"),
    "header cut": (lambda p, m: p.write_bytes(p.read_bytes()[:90]), "or a truncated"),
    "extended": (
        lambda p, m: p.write_bytes(p.read_bytes() + b"\0\0"),
        "is no safetensors",
    ),
    "a flipped bit": (lambda p, m: _flip_a_bit(p), "is damaged: its weights are not"),
    "hdf5": (lambda p, m: p.write_bytes(b"\x89HDF\r\n" + bytes(99)), "is an HDF5 file"),
    "matlab": (
        lambda p, m: savemat(p, {"model": 1.0}, appendmat=False),
        "is a MATLAB file: read it with import_matconvnet or import_srcnn",
    ),
    "numpy": (
        lambda p, m: p.write_bytes(b"\x93NUMPY\x01\x00" + bytes(99)),
        "is a NumPy array",
    ),
    "gone": (lambda p, m: p.unlink(), "does not exist"),
    "no metadata": (lambda p, m: _replace_metadata(p, None), "has no model card"),
    "foreign": (
        lambda p, m: _replace_metadata(p, {"format": "pt"}),
        "has no model card",
    ),
    "card is no json": (
        lambda p, m: _replace_metadata(p, {METADATA_KEY: "{"}),
        "its model card is not JSON",
    ),
    "card is too deep": (
        lambda p, m: _replace_metadata(p, {METADATA_KEY: "[" * 100_000}),
        "its model card is not JSON",
    ),
    "newer format": (
        lambda p, m: _replace_metadata(p, {METADATA_KEY: json.dumps({"format": 2})}),
        "a format that this version does not know",
    ),
    "no architecture": (
        lambda p, m: _rewrite(p, {"data": "T91"}, _with(m)),
        "names no architecture",
    ),
    "no checksum": (
        lambda p, m: _replace_metadata(
            p, {METADATA_KEY: json.dumps({"format": 1, "card": _card()})}
        ),
        "is damaged",
    ),
    "unknown network": (
        lambda p, m: _rewrite(p, _card(name="EDSR"), _with(m)),
        "describes no network of this library: .*EDSR",
    ),
    "a depth to fill the memory": (
        lambda p, m: _rewrite(p, _card(depth=10**12), _with(m)),
        "holds 6 tensors, but its model card .* 1000000000000 layers",
    ),
    "a width to fill the memory": (
        lambda p, m: _rewrite(p, _card(width=10**8), _with(m)),
        r"body\.0\.weight has shape \(8, 1, 3, 3\), VDSR.* needs \(100000000, 1, 3, 3",
    ),
    "a width beyond torch": (
        lambda p, m: _rewrite(p, _card(width=10**30), _with(m)),
        "describes no network",
    ),
    "a depth that is text": (
        lambda p, m: _rewrite(p, _card(depth="3"), _with(m)),
        "depth must be an integer, got '3'",
    ),
    "wrong shape": (
        lambda p, m: _rewrite(p, _card(), _with(m, body_4_bias=torch.zeros(2))),
        r"body\.4\.bias has shape \(2,\), VDSR\(depth=3.*\) needs \(1,\)",
    ),
    "wrong key": (
        lambda p, m: _rewrite(
            p, _card(), _with(m, body_4_bias=None, body_5_bias=torch.zeros(1))
        ),
        r"does not fit VDSR.*lacks body\.4\.bias, body\.5\.bias",
    ),
    "missing key": (
        lambda p, m: _rewrite(p, _card(), _with(m, body_4_bias=None)),
        "holds 5 tensors",
    ),
    "wrong type": (
        lambda p, m: _rewrite(
            p, _card(), _with(m, body_4_bias=torch.zeros(1, dtype=torch.int32))
        ),
        r"body\.4\.bias is stored as I32, not as F32 or F16",
    ),
    "nan": (
        lambda p, m: _rewrite(
            p, _card(), _with(m, body_4_bias=torch.tensor([float("nan")]))
        ),
        r"body\.4\.bias holds NaN or infinite values in float32; refused",
    ),
    "infinity in float16": (
        lambda p, m: _rewrite(
            p, _card(), _with(m, body_4_bias=torch.tensor([np.inf]).half())
        ),
        r"body\.4\.bias holds NaN or infinite values in float16; refused",
    ),
}


@pytest.mark.parametrize("cause", DAMAGE)
def test_a_bad_file_is_refused_by_name_and_cause(
    cause: str, saved: Path, model: VDSR
) -> None:
    damage, sentence = DAMAGE[cause]
    damage(saved, model)
    with pytest.raises(WeightsError, match=rf"small\.safetensors.*{sentence}") as info:
        load_model(saved)
    assert "\n" not in str(info.value)


def test_a_rewritten_file_without_damage_is_taken(saved: Path, model: VDSR) -> None:
    """The fixtures above are refused for their damage, not for being rewritten."""
    _rewrite(saved, _card(), _with(model))
    assert _same(load_model(saved), model)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    for reader in (load_model, import_matconvnet, import_srcnn):
        with pytest.raises(WeightsError, match="is a folder"):
            reader(tmp_path)


# --- shipped weights ------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the one that ships."""
    monkeypatch.setattr(shipped, "data_file", tmp_path.joinpath)
    return tmp_path / "weights"


def test_without_shipped_weights_the_text_points_to_bicubic(shelf: Path) -> None:
    with pytest.raises(WeightsError, match=r"named 'vdsr'.*none yet.*bicubic"):
        load_model("vdsr")
    assert list(available_models().columns) == [
        "name",
        "short",
        "network",
        "parameters",
        "data",
        "scores",
    ]
    assert len(available_models()) == 0


def test_shipped_weights_are_known_by_name(shelf: Path, model: VDSR) -> None:
    save_model(model, shelf / "small.safetensors", card=CARD)
    save_model(SRCNN((9, 1, 5), (4, 2)), shelf / "b.safetensors")
    assert _same(load_model("small"), model)
    assert read_card("small")["commit"] == "0123abc"
    table = available_models()
    assert list(table["name"]) == ["b", "small"]
    row = table.iloc[1]
    assert row["network"] == "VDSR(depth=3, width=8, residual=True)"
    assert row["parameters"] == model.parameter_count
    assert row["data"] == "T91"
    assert row["scores"] == "Set5 x2 37.06, Set5 x3 33.27, steps 9960"
    with pytest.raises(WeightsError) as info:
        load_model("large")
    assert "small (Set5 x2 37.06" in str(info.value)
    assert "b (SRCNN(kernels=(9, 1, 5), widths=(4, 2)))" in str(info.value)


def test_a_name_does_not_leave_the_shelf(shelf: Path, model: VDSR) -> None:
    save_model(model, shelf.parent / "outside.safetensors")
    with pytest.raises(WeightsError, match="does not exist"):
        load_model("../outside")


def test_bicubic_is_no_network() -> None:
    with pytest.raises(WeightsError, match="bicubic is no network: give model='bicub"):
        load_model("bicubic")


def test_an_argument_model_is_a_network_a_file_or_bicubic(
    model: VDSR, saved: Path
) -> None:
    assert network_on("bicubic", "cpu") is None
    assert network_on(model, "cpu") is model
    loaded = network_on(saved, "cpu")
    assert loaded is not None
    assert _same(loaded, model)
    with pytest.raises(ValueError, match="cuda:99"):
        network_on("bicubic", "cuda:99")


@pytest.mark.parametrize("given", [None, VDSR, {}, lambda ilr: ilr])
def test_an_argument_model_of_another_kind_is_refused_in_a_sentence(given) -> None:  # type: ignore[no-untyped-def]
    kind = type(given).__name__
    with pytest.raises(TypeError, match=f"model must be a network, .* got {kind}"):
        network_on(given, "cpu")


@pytest.mark.parametrize(
    ("name", "meant"), [("VDSR", "vdsr"), ("Vdsr-T91", "vdsr-t91")]
)
def test_a_name_in_upper_case_is_near_too(name: str, meant: str) -> None:
    with pytest.raises(WeightsError, match=f"did you mean '{meant}'"):
        load_model(name)


def test_bicubic_in_upper_case_is_near_too() -> None:
    with pytest.raises(WeightsError, match="did you mean 'bicubic'"):
        network_on("Bicubic", "cpu")


def test_what_ships_can_be_loaded() -> None:
    """Holds for whatever lies in data/weights, none included."""
    for name in available_models()["name"]:
        assert load_model(name).parameter_count > 0


@pytest.mark.gpu
def test_weights_load_onto_a_gpu(saved: Path) -> None:
    assert load_model(saved, "cuda").body[0].weight.is_cuda


def test_an_absent_device_is_named(saved: Path) -> None:
    with pytest.raises(ValueError, match="cuda:99"):
        load_model(saved, "cuda:99")
