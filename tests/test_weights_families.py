"""Short names: "vdsr" and "srcnn" mean the best of several shipped weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vdsr_lib.errors import WeightsError
from vdsr_lib.evaluation import evaluate
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.upscaling import upscale
from vdsr_lib.weights import (
    available_models,
    load_model,
    network_on,
    networks_on,
    read_card,
    save_model,
    shipped,
)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three VDSR and five SRCNN with made-up validation scores."""
    monkeypatch.setattr(shipped, "data_file", tmp_path.joinpath)
    folder = tmp_path / "weights"
    for name, decibels in {
        "vdsr-t91": (31.0, 28.0),
        "vdsr-291": (31.4, 27.9),
        "vdsr-modern": (32.0, 29.0),
    }.items():
        card = {"scales": [2.0, 4.0], "validation": {"psnr": _psnr((2, 4), decibels)}}
        save_model(VDSR(3, 8), folder / f"{name}.safetensors", card=card)
    for name, scale, value in (
        ("srcnn-915-x2", 2, 30.0),
        ("srcnn-955-x2", 2, 30.5),
        ("srcnn-915-x3", 3, 28.6),
        ("srcnn-955-x3", 3, 28.5),
        ("srcnn-915-x4", 4, 27.0),
    ):
        card = {
            "scales": [float(scale)],
            "validation": {"psnr": _psnr((scale,), (value,))},
        }
        net = SRCNN((3, 1, 3), (4, 2))
        with torch.no_grad():  # untrained, all are black alike
            list(net.parameters())[-1].fill_(value / 60)
        save_model(net, folder / f"{name}.safetensors", card=card)
    return folder


def _psnr(scales, values) -> dict[str, float]:
    return {f"x{s}": v for s, v in zip(scales, values, strict=True)}


def _is(network: torch.nn.Module | None, name: str) -> bool:
    other = load_model(name)
    assert network is not None
    return all(
        torch.equal(a, b)
        for a, b in zip(network.parameters(), other.parameters(), strict=True)
    )


def test_vdsr_is_the_best_by_validation_of_the_papers_recipe(shelf: Path):
    """(31.4 + 27.9) / 2 > (31.0 + 28.0) / 2; the modern recipe is asked for by name."""
    assert _is(load_model("vdsr"), "vdsr-291")
    (shelf / "vdsr-291.safetensors").unlink()
    assert _is(load_model("vdsr"), "vdsr-t91")
    assert read_card("vdsr") == read_card("vdsr-t91")
    (shelf / "vdsr-t91.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"named 'vdsr'\. Shipped: .*vdsr-modern"):
        load_model("vdsr")


def test_a_name_that_nobody_has_gets_a_guess_and_a_short_list():
    """A typing error is answered in some lines: of each network one set's scores."""
    with pytest.raises(WeightsError) as caught:
        load_model("vdsr-modren")
    said = str(caught.value)
    assert said.startswith("no weights are named 'vdsr-modren' (did you mean 'vdsr-mod")
    assert "vdsr-modern (Set5 x2 37.26, Set5 x3 33.41, Set5 x4 31.13)" in said
    assert "Set14" not in said
    with pytest.raises(WeightsError, match=r"named 'vdsx' \(did you mean 'vdsr'\?\)"):
        load_model("vdsx")
    with pytest.raises(WeightsError, match=r"named 'unheard of'\. Shipped: srcnn-915"):
        load_model("unheard of")


def test_the_mean_over_scales_counts_however_many_there_are(shelf: Path):
    """A network of one more scale has a larger sum, and need not be better."""
    card = {"scales": [2.0, 3.0, 4.0]}
    card["validation"] = {"psnr": _psnr((2, 3, 4), (31.0, 29.0, 28.0))}
    save_model(VDSR(3, 8), shelf / "vdsr-wide.safetensors", card=card)
    assert _is(load_model("vdsr"), "vdsr-291")


@pytest.mark.parametrize(
    ("scale", "name"),
    [
        (2, "srcnn-955-x2"),
        (3, "srcnn-915-x3"),
        (4, "srcnn-915-x4"),
        (1.5, "srcnn-955-x2"),
        (2.4, "srcnn-955-x2"),
        (2.5, "srcnn-915-x3"),  # 2.5 / 2 > 3 / 2.5
        (8, "srcnn-915-x4"),
    ],
)
def test_srcnn_is_the_best_for_the_nearest_scale(shelf: Path, scale, name):
    assert _is(load_model("srcnn", scale=scale), name)
    assert _is(network_on("srcnn", "cpu", scale=scale), name)


def test_srcnn_without_a_scale_is_ambiguous(shelf: Path):
    with pytest.raises(
        WeightsError, match=r"one network for each scale: name one of srcnn-915-x2, "
    ):
        load_model("srcnn")


def test_one_network_for_several_scales_is_loaded_once(shelf: Path):
    networks = networks_on("vdsr-t91", (2, 3), "cpu")
    assert networks[2] is networks[3]
    assert networks_on("bicubic", (2, 3), "cpu") == {2: None, 3: None}
    best = networks_on("vdsr", (2, 3), "cpu")
    assert best[2] is best[3]
    several = networks_on("srcnn", (2, 2.4, 3), "cpu")
    assert several[2] is several[2.4]
    assert _is(several[2], "srcnn-955-x2")
    assert _is(several[3], "srcnn-915-x3")


def test_pictures_are_enlarged_and_measured_by_the_network_of_their_scale(shelf: Path):
    image = np.random.default_rng(0).integers(16, 236, (24, 24, 3), dtype=np.uint8)
    for scale, name in ((2, "srcnn-955-x2"), (3, "srcnn-915-x3")):
        large = upscale(image, scale, model="srcnn", device="cpu")
        same = upscale(image, scale, model=name, device="cpu")
        other = upscale(image, scale, model="srcnn-915-x4", device="cpu")
        np.testing.assert_array_equal(large, same)
        assert not np.array_equal(large, other)
    both = evaluate("srcnn", [image], (2, 3), device="cpu").psnr
    each = [
        evaluate(name, [image], (scale,), device="cpu").psnr[0]
        for scale, name in ((2, "srcnn-955-x2"), (3, "srcnn-915-x3"))
    ]
    np.testing.assert_array_equal(both, each)


def test_the_list_says_what_the_short_names_mean(shelf: Path):
    table = available_models()
    meant = table[table["short"] != ""]
    assert dict(zip(meant["name"], meant["short"], strict=True)) == {
        "srcnn-955-x2": "srcnn",
        "srcnn-915-x3": "srcnn",
        "srcnn-915-x4": "srcnn",
        "vdsr-291": "vdsr",
    }


def test_a_card_without_validation_comes_last(shelf: Path):
    save_model(VDSR(3, 8), shelf / "vdsr-none.safetensors", card={"scales": [2.0, 4.0]})
    assert _is(load_model("vdsr"), "vdsr-291")


def test_a_stray_file_in_the_working_folder_changes_nothing(shelf: Path, monkeypatch):
    """Such as the command itself, where its script lies: bin/vdsr."""
    (shelf.parent / "vdsr").write_text("#!/bin/sh\n", encoding="utf-8")
    monkeypatch.chdir(shelf.parent)
    assert _is(load_model("vdsr"), "vdsr-291")
    with pytest.raises(WeightsError, match="no safetensors file"):
        load_model("./vdsr")  # that is the file


def test_a_file_of_that_very_name_wins(shelf: Path):
    net = VDSR(4, 8)
    save_model(net, shelf / "vdsr.safetensors")
    assert load_model("vdsr").architecture == net.architecture


@pytest.mark.parametrize("scale", [0, -2.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["srcnn", "vdsr", "vdsr-t91"])
def test_a_scale_that_is_none_is_named(name: str, scale: float):
    with pytest.raises(ValueError, match="scale must be a number above 0, got"):
        load_model(name, scale=scale)
