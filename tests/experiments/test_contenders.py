"""Who competes: shipped weights where both are there, else what is trained here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vdsr_lib.evaluation import evaluate
from vdsr_lib.experiments import contenders as module
from vdsr_lib.experiments.contenders import contenders
from vdsr_lib.images import degrade, to_uint8
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.weights import save_model, shipped

SCALES = (2, 3, 4)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the shipped weights."""
    monkeypatch.setattr(shipped, "data_file", tmp_path.joinpath)
    return tmp_path / "weights"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """A `run_experiment` that only notes how it was called."""
    calls: list[dict[str, object]] = []

    def pretended(name: str, profile: str, **options: object) -> SimpleNamespace:
        calls.append({"name": name, "profile": profile} | options)
        models = {f"SRCNN 9-1-5, x{scale}": network(scale) for scale in SCALES}
        record = {"runs": {name: {"outcome": "finished"} for name in models}}
        return SimpleNamespace(models=models, record=record)

    monkeypatch.setattr(module, "run_experiment", pretended)
    return calls


def network(scale: int) -> SRCNN:
    """An SRCNN that is told from others by its brightness."""
    net = SRCNN((3, 1, 3), (4, 2), generator=torch.Generator().manual_seed(scale))
    with torch.no_grad():
        list(net.parameters())[-1].fill_(scale / 10)
    return net.eval()


def ship(folder: Path) -> None:
    for scale in SCALES:
        card = {"scales": [float(scale)], "validation": {"psnr": {f"x{scale}": 30.0}}}
        save_model(
            network(scale), folder / f"srcnn-915-x{scale}.safetensors", card=card
        )
    card = {"scales": [2.0, 3.0, 4.0], "validation": {"psnr": {"x2": 31.0}}}
    save_model(VDSR(3, 8), folder / "vdsr-t91.safetensors", card=card)


@pytest.fixture
def images() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    sides = {"a": (36, 40), "b": (30, 33)}
    return {n: rng.integers(16, 236, side, dtype=np.uint8) for n, side in sides.items()}


def test_shipped_weights_compete_and_nothing_is_trained(shelf: Path, trained):
    ship(shelf)
    own = VDSR(4, 8)
    found = contenders("quick", vdsr=own, device="cpu")
    assert trained == []
    assert list(found.networks) == ["bicubic", "SRCNN", "VDSR"]
    assert found.networks["bicubic"] == dict.fromkeys(SCALES)
    assert found.networks["VDSR"][2].architecture["depth"] == 3
    assert "full scale: srcnn-915-x2, " in repr(found)
    assert found.names == (*(f"srcnn-915-x{scale}" for scale in SCALES), "vdsr-t91")
    for scale in SCALES:
        bias = list(found.networks["SRCNN"][scale].parameters())[-1]
        assert float(bias.detach()) == pytest.approx(scale / 10)


def test_better_weights_from_more_pictures_do_not_race(shelf: Path, trained):
    ship(shelf)
    card = {"scales": [2.0, 3.0, 4.0], "validation": {"psnr": {"x2": 99.0}}}
    save_model(VDSR(5, 8), shelf / "vdsr-291.safetensors", card=card)
    found = contenders("quick", vdsr=VDSR(4, 8), device="cpu")
    assert found.networks["VDSR"][2].architecture["depth"] == 3
    assert "vdsr-291" not in found.names


def test_without_both_kinds_of_weights_small_networks_are_trained(shelf, trained):
    ship(shelf)
    (shelf / "vdsr-t91.safetensors").unlink()
    own = VDSR(4, 8)
    found = contenders("classroom", vdsr=own, device="cpu", seed=3)
    (call,) = trained
    assert (call["name"], call["profile"], call["seed"]) == ("srcnn", "classroom", 3)
    assert call["only"] == "SRCNN 9-1-5*"
    assert all(found.networks["VDSR"][scale] is own for scale in SCALES)
    assert repr(found).endswith("# trained here, profile classroom")


def test_at_paper_size_what_this_machine_trained_counts(shelf: Path, trained):
    ship(shelf)
    own = VDSR(4, 8)
    found = contenders("paper", vdsr=own, device="cpu")
    assert len(trained) == 1
    assert found.networks["VDSR"][2] is own


def test_each_is_measured_by_its_network_of_the_scale(shelf, trained, images):
    found = contenders("quick", vdsr=VDSR(3, 8).eval(), device="cpu")
    table = found.measure(images, (2, 4), device="cpu")
    assert list(table.columns)[:3] == ["method", "image", "scale"]
    assert len(table) == 3 * 2 * 2
    for method, model in (("bicubic", "bicubic"), ("SRCNN", network(4))):
        expected = evaluate(model, images, (4,), device="cpu")
        rows = table[(table.method == method) & (table.scale == 4)]
        np.testing.assert_allclose(rows.psnr, expected.psnr, atol=1e-9)
        np.testing.assert_allclose(rows.ssim, expected.ssim, atol=1e-9)


def test_a_contender_that_diverged_scores_nan_and_shows_black(
    shelf, monkeypatch, images, capsys
):
    """Of three SRCNN the one for scale 3 has no weights; the others race on."""

    def run_experiment(*_: Any, **__: Any) -> SimpleNamespace:
        names = [f"SRCNN 9-1-5, x{scale}" for scale in SCALES]
        lost = {"outcome": "diverged", "message": "training diverged at step 3"}
        lost["declaration"] = {"architecture": SRCNN().architecture}
        runs = {name: {"outcome": "finished"} for name in names} | {names[1]: lost}
        models = {names[0]: network(2), names[2]: network(4)}
        return SimpleNamespace(record={"runs": runs}, models=models)

    monkeypatch.setattr(module, "run_experiment", run_experiment)
    found = contenders("quick", vdsr=VDSR(3, 8).eval(), device="cpu")
    assert "The run 'SRCNN 9-1-5, x3' diverged at step 3." in capsys.readouterr().out
    table = found.measure(images, device="cpu").query("method == 'SRCNN'")
    assert table.psnr.isna().tolist() == (table.scale == 3).tolist()
    ilr = degrade(images["a"][:36, :39], 3)
    assert not found.render(ilr, 3)["SRCNN"].any()


def test_pictures_are_what_the_networks_give(shelf, trained, images):
    own = VDSR(3, 8).eval()
    found = contenders("quick", vdsr=own, device="cpu")
    ilr = degrade(images["a"][:36, :39], 3)
    made = found.render(ilr, 3)
    np.testing.assert_array_equal(made["bicubic"], to_uint8(np.float32(ilr)))
    batch = torch.tensor(ilr, dtype=torch.float32)[None, None]
    with torch.no_grad():
        for name, net in (("VDSR", own), ("SRCNN", network(3))):
            expected = to_uint8(net(batch)[0, 0].clamp(0, 1).numpy())
            difference = np.abs(made[name].astype(int) - expected.astype(int))
            assert difference.max() <= 1
    assert not np.array_equal(made["SRCNN"], made["bicubic"])
