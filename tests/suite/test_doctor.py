"""The examination: well on this machine, and each question able to find a fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.experiments import RunStore
from vdsr_lib.suite import doctor
from vdsr_lib.training import loop, trainer
from vdsr_lib.training.steps import DeviceSteps

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def patient() -> doctor._Patient:
    """The CPU, with what the questions share."""
    return doctor._Patient(torch.device("cpu"))


def ask(patient: doctor._Patient, *names: str, **answers: Any) -> list[doctor.Finding]:
    """Return what some questions find."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "_Patient", lambda _: patient)
        kept = {name: doctor._QUESTIONS[name] for name in names}
        patch.setattr(doctor, "_QUESTIONS", kept | answers)
        found += doctor.examine("cpu")
    return found


@pytest.mark.slow
def test_this_machine_is_well():
    result = CliRunner().invoke(app, ["doctor", "--device", "cpu"])
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert [line[:7].strip() for line in lines] == ["ok"] * len(doctor._QUESTIONS)
    assert [line[7:25].strip() for line in lines] == list(doctor._QUESTIONS)
    assert "went on to weights 0e+00 apart" in result.output


def test_steps_from_tables_are_well_too(patient, monkeypatch):
    """As on a GPU: told in bursts of 16, and stopped some steps late."""

    def tables(step, processes, **shape):
        return DeviceSteps(step, device=processes.device, **shape)

    monkeypatch.setattr(loop, "steps_for", tables)
    (found,) = ask(patient, "stop and go on")
    assert found.is_well, found.trace
    made = int(found.text.split()[2])
    assert doctor._STOP < made < doctor._STEPS


def test_a_failure_is_told_and_the_next_question_asked(patient):
    def broken(_: doctor._Patient) -> str:
        raise RuntimeError("no kernel image is available\nand much more")

    first, second = ask(patient, odd=broken, even=lambda _: "fine")
    assert not first.is_well
    assert first.text == "RuntimeError: no kernel image is available"
    assert "in broken" in first.trace
    assert second.is_well
    assert (second.text, second.trace) == ("fine", "")


def test_the_command_says_that_something_failed(monkeypatch):
    bad = doctor.Finding("use", False, "RuntimeError: off", 0.1, "Traceback: there")
    monkeypatch.setattr(doctor, "examine", lambda _: iter([bad]))
    plain = CliRunner().invoke(app, ["doctor"])
    assert plain.exit_code == 1
    assert plain.output.startswith("FAILED use")
    assert "1 of these failed; --trace shows where" in plain.output
    assert "Traceback" not in plain.output
    assert "Traceback" in CliRunner().invoke(app, ["doctor", "--trace"]).output


def test_an_absent_device_is_a_mistake_not_a_finding():
    with pytest.raises(ValueError, match="cuda:99"):
        list(doctor.examine("cuda:99"))


def _other_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that computes something else at its first steps."""
    real = doctor._Patient.train

    def train(self, watch, **options):
        given = real(self, watch, **options)
        if "on" not in options:
            watch.values = [value * 1.01 for value in watch.values]
        return given

    monkeypatch.setattr(doctor._Patient, "train", train)


def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arithmetic in which little is learnt."""
    real = doctor._Patient.train

    def train(self, watch, **options):
        given = real(self, watch, **options)
        watch.values = [value * 1.1 for value in watch.values]
        return given

    monkeypatch.setattr(doctor._Patient, "train", train)


def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint from which nothing of Adam's comes back."""
    real = trainer.Loop.restore

    def restore(self, checkpoint):
        real(self, checkpoint)
        for each in self.step.update.tensors():
            each.zero_()

    monkeypatch.setattr(trainer.Loop, "restore", restore)


def _brighter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is measured on other pixels than training's validation."""
    from vdsr_lib import evaluation

    real = evaluation.evaluate
    monkeypatch.setattr(
        evaluation,
        "evaluate",
        lambda *given, **more: real(*given, **more).assign(psnr=30.0),
    )


def _seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that do not fit together."""
    real = doctor.super_resolve

    def spoilt(model, picture, *, tile=None, **more):
        return real(model, picture, tile=tile, **more) * (1.01 if tile else 1)

    monkeypatch.setattr(doctor, "super_resolve", spoilt)


def _wrong(number: int, factor: float) -> Any:
    """A device whose pictures are too bright at one use in four (1: the CPU)."""

    def fault(monkeypatch: pytest.MonkeyPatch) -> None:
        real, calls = doctor.super_resolve, []

        def spoilt(*given, **more):
            calls.append(given)
            return real(*given, **more) * (factor if len(calls) == number else 1)

        monkeypatch.setattr(doctor, "super_resolve", spoilt)

    return fault


def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that is asked to stop, and goes on to its end."""
    monkeypatch.setattr(
        doctor._Losses, "step", lambda self, record: self.values.append(record["loss"])
    )


def _stuttering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that makes one of its last steps twice."""
    real = doctor._Losses.step

    def step(self, record):
        real(self, record)
        if record["step"] == 120:
            self.values.append(record["loss"])

    monkeypatch.setattr(doctor._Losses, "step", step)


def _another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that gives back what nobody put there."""
    real = RunStore.load

    def load(self, key, declaration):
        found = real(self, key, declaration)
        found.record["outcome"] = "diverged"
        return found

    monkeypatch.setattr(RunStore, "load", load)


def _other_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that resizes otherwise: here, every second call."""
    from vdsr_lib import resize

    real, calls = resize.imresize, []

    def spoilt(*given, **more):
        calls.append(given)
        return real(*given, **more) + 1e-3 * (len(calls) % 2)

    monkeypatch.setattr(resize, "imresize", spoilt)


@pytest.mark.parametrize(
    ("name", "fault", "text"),
    [
        ("train in float32", _other_losses, "the first losses are 1.0e-02"),
        ("train as chosen", _coarse, "the last losses are"),
        ("train in float32", _stuttering, "151 of 150 steps told"),
        ("stop and go on", _forgetful, "the weights are"),
        ("stop and go on", _deaf, "the run did not stop when it was asked to"),
        ("stop and go on", _stuttering, "steps are missing, or made twice"),
        ("validate", _brighter, "PSNR differs by"),
        ("use", _seams, "tiles are"),
        ("use", _wrong(2, 1.01), "float32 is"),
        ("use", _wrong(4, 2.0), ""),  # begins with the arithmetic that was chosen
        ("keep a run", _another_run, "the run in the store is another"),
        ("resize", _other_pixels, "pictures part by"),
    ],
)
def test_each_question_finds_its_fault(patient, monkeypatch, name, fault, text):
    if name == "train as chosen":
        _, watch = doctor._Losses(), doctor._Losses()
        patient.train(watch, precision="float32")
        patient.found["float32"] = watch.values
    fault(monkeypatch)
    (found,) = ask(patient, name)
    assert not found.is_well
    assert found.text.startswith(f"RuntimeError: {text}")


def test_a_gpu_that_does_not_record_its_steps_is_not_well():
    from vdsr_lib.training import History

    gpu = doctor._Patient(torch.device("cuda"))
    slow = History(precision="bfloat16, channels_last, GPU; steps not captured (why)")
    with pytest.raises(RuntimeError, match=r"steps not captured \(why\)"):
        doctor._insist_on_capture(gpu, slow)
    fast = History(precision="float32: asked for; whole steps as a CUDA graph")
    doctor._insist_on_capture(gpu, fast)
    doctor._insist_on_capture(doctor._Patient(torch.device("cpu")), slow)


@pytest.mark.parametrize(("mebibytes", "is_well"), [(255, True), (257, False)])
def test_a_gpu_whose_memory_is_still_held_is_not_well(
    monkeypatch: pytest.MonkeyPatch, mebibytes: int, is_well: bool
) -> None:
    for name in ("memory_reserved", "max_memory_reserved"):
        monkeypatch.setattr(torch.cuda, name, lambda _: mebibytes * 2**20)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    (found,) = ask(doctor._Patient(torch.device("cuda")), "memory")
    assert found.is_well == is_well
    assert f"{mebibytes} MiB" in found.text


def test_missing_packages_are_named(patient, monkeypatch):
    there = doctor.find_spec
    monkeypatch.setattr(
        doctor, "find_spec", lambda name: None if name == "pooch" else there(name)
    )
    assert "without pooch (downloads)" in ask(patient, "packages")[0].text
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    (found,) = ask(patient, "packages")
    assert not found.is_well
    assert "not installed: numpy, scipy" in found.text


def test_pictures_are_small_and_its_epochs_short(patient):
    """A stop is seen 48 steps late, and the end of an epoch is to be passed."""
    per_epoch = patient.patches.steps_per_epoch(doctor._BATCH)
    assert per_epoch * 2 < doctor._STEPS - doctor._STOP
    assert all(np.asarray(p).size < 40_000 for p in patient.pictures.values())
