"""Scores that a card lacks are measured from what ships, and added."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from vdsr_lib import VDSR
from vdsr_lib.cli import app
from vdsr_lib.errors import LabError, WeightsError
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import completing
from vdsr_lib.experiments.completing import complete_card
from vdsr_lib.weights import load_model, read_card, save_model


@pytest.fixture
def sets(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four benchmark sets one is not on this machine; "Old" stands in the card."""
    names = {
        str(pictures): "First",
        "old": "Old",  # never read
        str(tmp_path / "absent"): "Elsewhere",
        f"{pictures}/": "Last",
    }
    monkeypatch.setattr(completing, "MEASURED_SETS", names)


@pytest.fixture(params=[True, False], ids=["float16", "float32"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A network of depth 3 that is not bicubic, with one score in its card."""
    model = VDSR(3, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        list(model.parameters())[-2].mul_(300)
    card = {
        "data": "two pictures",
        "scales": [2.0, 3.0],
        "scores": {"Old": {"x2": 12.0, "x3": 11.0}},
        "ssim": {"Old": {"x2": 0.1, "x3": 0.1}},
        "float16": {"used": request.param},
    }
    dtype = torch.float16 if request.param else torch.float32
    return save_model(model, tmp_path / "net.safetensors", card=card, dtype=dtype)


def stored(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_what_is_here_is_added_in_order_and_the_rest_kept(weights, sets, material):
    before = read_card(weights)
    added, refused = complete_card(weights, material)
    card = read_card(weights)
    assert list(added) == ["First", "Last"]
    assert list(refused) == ["Elsewhere"]
    assert list(card["scores"]) == list(card["ssim"]) == ["First", "Old", "Last"]
    assert card["scores"]["Old"] == {"x2": 12.0, "x3": 11.0}
    others = {"scores", "ssim"}
    assert {n: v for n, v in card.items() if n not in others} == {
        n: v for n, v in before.items() if n not in others
    }


def test_the_scores_are_those_of_the_file(weights, sets, material, pictures):
    complete_card(weights, material)
    card, images = read_card(weights), material.images(str(pictures))
    wanted = means(evaluate(load_model(weights), images, (2, 3), precision="float32"))
    for scale in (2, 3):
        found = card["scores"]["First"][f"x{scale}"]
        assert found == pytest.approx(wanted.psnr[scale], abs=5e-5)
        found = card["ssim"]["Last"][f"x{scale}"]
        assert found == pytest.approx(wanted.ssim[scale], abs=5e-5)


def test_the_weights_stay_as_they_are(weights, sets, material):
    before = stored(weights)
    complete_card(weights, material)
    after = stored(weights)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name], tensor)


def test_a_complete_card_is_not_written_again(weights, sets, material):
    complete_card(weights, material)
    content = weights.read_bytes()
    assert complete_card(weights, material)[0] == {}
    assert weights.read_bytes() == content


def test_what_another_process_adds_meanwhile_is_kept(
    weights, sets, material, monkeypatch
):
    """It measures the second set while the first is measured here."""
    measured, other = completing.measure, []

    def beside(model, pictures, material):
        if not other:
            other.append(pictures)
            card = read_card(weights)
            card["scores"]["Elsewhere"] = card["ssim"]["Elsewhere"] = {"x2": 1.0}
            dtype = next(iter(stored(weights).values())).dtype
            save_model(load_model(weights), weights, card=card, dtype=dtype)
        return measured(model, pictures, material)

    monkeypatch.setattr(completing, "measure", beside)
    complete_card(weights, material)
    names = ["First", "Old", "Elsewhere", "Last"]
    assert list(read_card(weights)["scores"]) == names


def test_weights_replaced_while_they_are_measured_are_left_alone(
    weights, sets, material, monkeypatch
):
    def replaced(*_):
        save_model(VDSR(3, 8), weights, card=read_card(weights))

    monkeypatch.setattr(completing, "measure", replaced)
    monkeypatch.setattr(completing, "means", lambda _: None)
    with pytest.raises(WeightsError, match=r"net\.safetensors was replaced while"):
        complete_card(weights, material)


def test_another_card_is_refused_by_name(tmp_path, sets, material):
    path = save_model(VDSR(3, 8), tmp_path / "own.safetensors", card={"scores": {}})
    with pytest.raises(WeightsError, match=r"own\.safetensors: .*float16, scales"):
        complete_card(path, material)


def test_the_command_says_what_it_added(weights, sets, pictures):
    def call(*names: str):
        folder = str(weights.parent)
        return CliRunner().invoke(
            app, ["experiments", "score", *names, "--weights", folder]
        )

    first = call()
    assert first.exit_code == 0, first.output
    scores = read_card(weights)["scores"]["First"]
    assert f"net: First x2 {scores['x2']:.2f}, x3 {scores['x3']:.2f}" in first.output
    unknown = call("other")
    assert isinstance(unknown.exception, WeightsError)
    assert "other.safetensors" in str(unknown.exception)


def test_weights_in_the_home_are_found(weights, sets, tmp_path, monkeypatch):
    """A shell leaves the tilde in ``--weights=~/own`` alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for names in ([], ["net"]):
        found = CliRunner().invoke(
            app, ["experiments", "score", *names, "--weights", "~"]
        )
        assert found.exit_code == 0, found.exception


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be measured: of a deep network that takes hours."""
    monkeypatch.setattr(completing, "measure", lambda *_: pytest.fail("measured"))


def test_a_card_that_cannot_be_written_is_refused_before_the_work(
    weights, sets, material, monkeypatch, unmeasured
):
    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(LabError, match=r"net.safetensors cannot be written"):
        complete_card(weights, material)


def test_a_wrong_name_is_refused_before_the_work(weights, sets, unmeasured):
    folder = ["--weights", str(weights.parent)]
    found = CliRunner().invoke(app, ["experiments", "score", "net", "nett", *folder])
    assert isinstance(found.exception, WeightsError)
    assert "nett.safetensors does not exist" in str(found.exception)


def test_the_command_names_what_a_card_still_lacks_and_why(weights, sets, tmp_path):
    """Pictures that are absent are no damaged ones: each has a sentence of its own."""
    folder = ["--weights", str(weights.parent)]
    for _ in range(2):  # once with scores to add, once without
        said = CliRunner().invoke(app, ["experiments", "score", *folder]).output
        assert "net: Elsewhere is still lacking: there is no data set or" in said
        assert "First is still" not in said
    assert "nothing to add" not in said
    broken = tmp_path / "absent" / "half.png"
    broken.parent.mkdir()
    broken.write_bytes(b"\x89PNG\r\n\x1a\n half a picture")
    said = CliRunner().invoke(app, ["experiments", "score", *folder]).output
    assert f"net: Elsewhere is still lacking: {broken}" in said


def test_the_command_says_that_a_card_is_complete(weights, monkeypatch):
    monkeypatch.setattr(completing, "MEASURED_SETS", {"old": "Old"})
    folder = ["--weights", str(weights.parent)]
    found = CliRunner().invoke(app, ["experiments", "score", *folder])
    assert found.output.strip() == "net: nothing to add"


def test_a_folder_without_weights_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        found = CliRunner().invoke(
            app, ["experiments", "score", "--weights", str(folder)]
        )
        assert isinstance(found.exception, WeightsError)
        assert str(folder) in str(found.exception)
